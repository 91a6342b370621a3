/** What a run says of the system and of this testbed: a negative control must be found wrong. */
import type { RunRecord } from './run-record.ts';
import type { Verdict } from './verdict.ts';

type Ran = Pick<RunRecord, 'verdict' | 'error'> & { readonly scenario: Pick<RunRecord['scenario'], 'expect'> };

/** `valid`: as the scenario expects. A negative control that comes out valid is `invalid`: the testbed would not see the real thing. */
export function isAsExpected({ verdict, scenario, error }: Ran): Verdict {
  if (scenario.expect !== 'invalid' || verdict === 'unknown') return verdict;
  if (verdict === 'valid') return 'invalid';
  // What failed around the system must not pass for what the control was to show.
  return error !== null && !error.violation ? 'unknown' : 'valid';
}
