/** What a run, and each check of it, comes to (design §5). */
import { type ExitCode, exitCodes } from '../errors/cxlpod-error.ts';

/** From best to worst; the worst of a run's checks is the run's. */
export const verdicts = ['valid', 'unknown', 'invalid'] as const;
export type Verdict = (typeof verdicts)[number];

/** Nothing checked is nothing known. */
export function worst(of: readonly Verdict[]): Verdict {
  if (of.length === 0) return 'unknown';
  return verdicts[Math.max(...of.map((verdict) => verdicts.indexOf(verdict)))]!;
}

export function exitCodeOf(verdict: Verdict): ExitCode {
  return exitCodes[verdict];
}
