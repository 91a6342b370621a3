/** Draws keys as the Yahoo! Cloud Serving Benchmark does: uniformly, or a few of them most of the time (Zipf, exponent 0.99). */

export type Random = () => number;

/** Numbers from 0 to 1, the same for the same seed. */
export function randomOf(seed: number): Random {
  let state = (seed ^ 0x2545f491) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Draws a rank from 0 to `count` - 1. */
export type Draw = () => number;

export function uniform(count: number, random: Random): Draw {
  return () => Math.floor(random() * count);
}

export const zipfExponent = 0.99;

/** Rank 0 most often. Inverts an approximation of the distribution's sum (Gray and others, SIGMOD 1994), exact for the first two ranks. */
export function zipfian(count: number, random: Random, exponent = zipfExponent): Draw {
  let sum = 0;
  for (let rank = 1; rank <= count; rank++) sum += rank ** -exponent;
  const two = 1 + 2 ** -exponent;
  const alpha = 1 / (1 - exponent);
  const eta = (1 - (2 / count) ** (1 - exponent)) / (1 - two / sum);
  return () => {
    const drawn = random();
    if (drawn * sum < 1 || count === 1) return 0;
    if (drawn * sum < two) return 1;
    return Math.min(count - 1, Math.floor(count * (eta * drawn - eta + 1) ** alpha));
  };
}

/** Spreads ranks over the keys, one to one, so that frequent ones are not neighbours. */
export function scattered(count: number, draw: Draw): Draw {
  let stride = Math.max(1, Math.floor(count * 0.618));
  while (greatestCommonDivisor(stride, count) !== 1) stride++;
  return () => (draw() * stride) % count;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
