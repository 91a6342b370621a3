/** Sizes and durations as people write them: `256MiB`, `30s`. A bare number is refused, since nobody can say of what. */
import { z } from 'zod';

const bytesPerUnit = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;
const msPerUnit = { ms: 1, s: 1000, m: 60_000 } as const;

/** Parses to bytes. */
export const size = quantity(bytesPerUnit, 'a size such as 256MiB or 1GiB');

/** Parses to milliseconds. */
export const duration = quantity(msPerUnit, 'a duration such as 500ms, 30s or 2m');

/** The shortest exact spelling of a size. */
export function printSize(bytes: number): string {
  return printed(bytes, bytesPerUnit);
}

/** The shortest exact spelling of a duration. */
export function printDuration(ms: number): string {
  return printed(ms, msPerUnit);
}

function quantity(units: Readonly<Record<string, number>>, expected: string) {
  return z.codec(z.string({ error: `must be ${expected}` }), z.number(), {
    decode: (text, context) => {
      const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+)$/.exec(text.trim());
      const factor = match === null ? undefined : units[match[2]!];
      const value = factor === undefined ? Number.NaN : Number(match![1]) * factor;
      if (Number.isSafeInteger(value) && value > 0) return value;
      context.issues.push({ code: 'custom', input: text, message: `must be ${expected}, not ${JSON.stringify(text)}` });
      return z.NEVER;
    },
    encode: (value) => printed(value, units),
  });
}

function printed(value: number, units: Readonly<Record<string, number>>): string {
  const [unit, factor] = Object.entries(units).findLast(([, each]) => value % each === 0) ?? Object.entries(units)[0]!;
  return `${value / factor}${unit}`;
}
