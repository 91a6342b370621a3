/** From values to pixels. */
export interface Scale {
  readonly ticks: readonly number[];
  at(value: number): number;
}

/** Whole decades around the values; ticks at 1, 2 and 5 of each, or at 1 where there are many. */
export function logScale(least: number, most: number, [from, to]: readonly [number, number]): Scale {
  const low = Math.max(Number.MIN_VALUE, least);
  const first = Math.log10(low);
  const last = Math.max(Math.log10(most), first + 0.1);
  const steps = last - first > 3 ? [1] : [1, 2, 5];
  const ticks: number[] = [];
  for (let decade = Math.floor(first); decade <= Math.ceil(last); decade++) {
    for (const step of steps) {
      const tick = step * 10 ** decade;
      if (tick >= low * 0.999 && tick <= 10 ** last * 1.001) ticks.push(tick);
    }
  }
  const at = (value: number): number => from + ((Math.log10(Math.max(low, value)) - first) / (last - first)) * (to - from);
  return { ticks, at };
}

export function linearScale(least: number, most: number, [from, to]: readonly [number, number], wantedTicks = 8): Scale {
  const width = Math.max(most - least, Number.EPSILON);
  const step = niceStep(width / wantedTicks);
  const ticks: number[] = [];
  for (let index = Math.ceil(least / step); index * step <= most; index++) ticks.push(index * step);
  return { ticks, at: (value) => from + ((value - least) / width) * (to - from) };
}

function niceStep(rough: number): number {
  const decade = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((each) => each * decade >= rough) ?? 10;
  return factor * decade;
}
