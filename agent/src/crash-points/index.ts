/** The crash points of the core, as scenarios name them. */
import { crashPointCatalogue } from '../generated/crash-points.ts';

export interface CrashPoint {
  readonly name: string;
  readonly number: number;
  /** What has happened when a client passes it, and what has not. */
  readonly meaning: string;
}

export const crashPoints: readonly CrashPoint[] = crashPointCatalogue;

/** Crash points of the user's own programs: `program/push/after-link`. No catalogue knows them, so that their number is a hash. */
export const programPointPattern = /^program(\/[a-z0-9-]+)+$/;

/** The number by which last words name the point, up to 2^32; undefined for a name that neither the core nor a program can have. */
export function crashPointNumber(name: string): number | undefined {
  if (programPointPattern.test(name)) return programPointNumber(name);
  return crashPoints.find((point) => point.name === name)?.number;
}

/** The name of a number found in last words. Of a program's point, only what its name hashes to. */
export function crashPointName(number: number): string | undefined {
  if (number >= 2 ** 31) return `program/#${number.toString(16)}`;
  return crashPoints.find((point) => point.number === number)?.name;
}

/** How a history writes the point `name`. */
export function recordedPoint(name: string): string {
  return programPointPattern.test(name) ? crashPointName(programPointNumber(name))! : name;
}

/** FNV-1a of 31 bits with the top bit set, as in agent/c/cxlpod.h. */
function programPointNumber(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash | 0x80000000) >>> 0;
}
