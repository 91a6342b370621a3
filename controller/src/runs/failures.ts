/** In what way a run failed, so that another one can be held against it. */
import type { RunRecord } from './run-record.ts';

type Ran = Pick<RunRecord, 'checks' | 'error'>;

/** Names of checks, faults that did not fire aside: another schedule has other faults. And what the system itself said was wrong. */
export function failuresOf({ checks, error }: Ran): readonly string[] {
  const named = checks.filter(({ name, verdict }) => verdict === 'invalid' && !name.startsWith('fault-fired'));
  return [...named.map(({ name }) => name), ...(error?.violation === true ? [error.code] : [])];
}

/** Something around the system failed: the run shows nothing. */
export function brokeOff({ error }: Ran): boolean {
  return error !== null && !error.violation;
}

export function failsLike(wanted: readonly string[], run: Ran): boolean {
  const failures = failuresOf(run);
  return !brokeOff(run) && wanted.every((name) => failures.includes(name));
}
