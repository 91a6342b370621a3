/** What a run says of the system and of this testbed: a negative control must be found wrong. */
import type { RunRecord } from './run-record.ts';
import type { Verdict } from './verdict.ts';

/** The verdict as people read it: of a negative control, with what it was to be. */
export function verdictInWords(run: Ran): string {
  const verdict = run.verdict.toUpperCase();
  if (run.scenario.expect !== 'invalid') return verdict;
  return isAsExpected(run) === 'valid' ? `${verdict}, as expected` : `${verdict}, where invalid was expected`;
}

type Ran = Pick<RunRecord, 'verdict' | 'error'> & { readonly scenario: Pick<RunRecord['scenario'], 'expect'> };

/** `valid`: as the scenario expects. A negative control that comes out valid is `invalid`: the testbed would not see the real thing. */
export function isAsExpected({ verdict, scenario, error }: Ran): Verdict {
  if (scenario.expect !== 'invalid' || verdict === 'unknown') return verdict;
  if (verdict === 'valid') return 'invalid';
  // What failed around the system must not pass for what the control was to show.
  return error !== null && !error.violation ? 'unknown' : 'valid';
}
