import { expect, test } from 'vitest';
import { requireFailures } from '../../src/campaign/shrink-command.ts';
import { environmentError } from '../../src/errors/cxlpod-error.ts';
import { failsLike } from '../../src/runs/failures.ts';
import { describeError } from '../../src/runs/run-error.ts';
import { RunFolder } from '../../src/runs/run-folder.ts';
import type { Verdict } from '../../src/runs/verdict.ts';
import { crashEvidence } from '../checks/evidence-of-a-good-run.ts';

const gone = describeError(environmentError('SSH_LOST', 'vm1 does not answer'));
const wrongAnswer = describeError(environmentError('WRONG_ANSWER', 'vm2: call 7'));

const ran = (checks: Readonly<Record<string, Verdict>>, error: typeof gone | null = null) => ({
  scenario: crashEvidence().scenario,
  verdict: 'invalid' as const,
  checks: Object.entries(checks).map(([name, verdict]) => ({ name, verdict, claim: '', sentence: '', evidence: {} })),
  error,
});
const asked = (run: ReturnType<typeof ran>) => () => requireFailures(RunFolder.open('', '/no-run'), run);

test('a run fails like another when the same checks are invalid, whatever else is', () => {
  const wanted = asked(ran({ 'at-most-once': 'invalid', 'pool-sound': 'valid' }))();

  expect(failsLike(wanted, ran({ 'at-most-once': 'invalid', 'pool-sound': 'invalid' }))).toBe(true);
  expect(failsLike(wanted, ran({ 'at-most-once': 'valid', 'pool-sound': 'invalid' }))).toBe(false);
  expect(failsLike(wanted, ran({ 'at-most-once': 'unknown' }))).toBe(false);
});

test('a run that was ended by what is around the system fails like none', () => {
  expect(failsLike(['at-most-once'], ran({ 'at-most-once': 'invalid' }, gone))).toBe(false);
  expect(failsLike(['WRONG_ANSWER'], ran({}, wrongAnswer))).toBe(true);
});

test('only a run that failed can be shrunk', () => {
  expect(asked(ran({ 'at-most-once': 'unknown' }, gone))).toThrow(
    expect.objectContaining({ code: 'RUN_BROKE_OFF', exitCode: 2, cause: expect.objectContaining({ message: gone.message }) }),
  );
  expect(asked(ran({ 'at-most-once': 'unknown', 'fault-fired': 'invalid' }))).toThrow(
    expect.objectContaining({ code: 'RUN_DID_NOT_FAIL', exitCode: 2 }),
  );
});
