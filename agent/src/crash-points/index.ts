/** The crash points of the core, as scenarios name them. */
import { crashPointCatalogue } from '../generated/crash-points.ts';

export interface CrashPoint {
  readonly name: string;
  readonly number: number;
  /** What has happened when a client passes it, and what has not. */
  readonly meaning: string;
}

export const crashPoints: readonly CrashPoint[] = crashPointCatalogue;

/** The number by which the core knows the point; undefined for a name that it does not have. */
export function crashPointNumber(name: string): number | undefined {
  return crashPoints.find((point) => point.name === name)?.number;
}

/** The name of a number found in last words. */
export function crashPointName(number: number): string | undefined {
  return crashPoints.find((point) => point.number === number)?.name;
}
