/** What ended a run early, and what that makes of it. */
import { CxlpodError, exitCodes } from '../errors/cxlpod-error.ts';
import { isAsExpected } from './expected.ts';
import type { RunError, RunRecord } from './run-record.ts';

/** Codes of errors by which the system under test itself says that it is wrong. */
const violations = new Set(['WRONG_ANSWER', 'PROGRAM_FAILED', 'BAD_OFFSET', 'GONE']);

export function describeError(thrown: unknown): RunError {
  const because: string[] = [];
  let cause = thrown instanceof Error ? thrown.cause : undefined;
  for (let depth = 0; cause !== undefined && depth < 5; depth++) {
    because.push(cause instanceof Error ? cause.message : String(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  const known = thrown instanceof CxlpodError ? thrown : null;
  const code = known?.code ?? 'INTERNAL';
  return {
    code,
    message: thrown instanceof Error ? thrown.message : String(thrown),
    because: because.length > 0 ? because.join('; ') : known === null && thrown instanceof Error ? (thrown.stack ?? null) : null,
    hint: known?.hint ?? null,
    violation: violations.has(code),
  };
}

/** The environment's failure outranks what little could be judged; an invalid system outranks that. */
export function exitCodeOfRun(record: Pick<RunRecord, 'verdict' | 'error' | 'scenario'>): number {
  const outcome = isAsExpected(record);
  if (outcome === 'invalid') return exitCodes.invalid;
  return record.error !== null && !record.error.violation ? exitCodes.environment : exitCodes[outcome];
}
