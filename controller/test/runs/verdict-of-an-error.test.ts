import { expect, test } from 'vitest';
import { environmentError } from '../../src/errors/cxlpod-error.ts';
import { describeError, exitCodeOfRun } from '../../src/runs/run-error.ts';
import { crashEvidence } from '../checks/evidence-of-a-good-run.ts';

const wrongAnswer = environmentError('WRONG_ANSWER', 'vm2: the answer to call 7 is not its echo', {
  cause: new Error('sent a, got b'),
});
const noAnswer = environmentError('DEADLINE', 'vm2 did not answer', { cause: new Error('busy', { cause: new Error('very') }) });

test('an answer that is wrong is the system’s own doing; a deadline is not', () => {
  expect(describeError(wrongAnswer)).toMatchObject({ code: 'WRONG_ANSWER', because: 'sent a, got b', violation: true });
  expect(describeError(noAnswer)).toMatchObject({ code: 'DEADLINE', because: 'busy; very', violation: false });
});

test('a bug of ours is told with its stack, and is not the system’s', () => {
  expect(describeError(new TypeError('x is not a function'))).toMatchObject({
    code: 'INTERNAL',
    because: expect.stringContaining('verdict-of-an-error.test'),
    violation: false,
  });
});

test.each([
  ['valid', 'valid', null, 0],
  ['unknown', 'valid', null, 4],
  ['invalid', 'valid', null, 1],
  ['unknown', 'valid', noAnswer, 3],
  ['invalid', 'valid', wrongAnswer, 1],
  ['invalid', 'valid', noAnswer, 1],
  ['invalid', 'invalid', null, 0],
  ['invalid', 'invalid', wrongAnswer, 0],
  ['invalid', 'invalid', noAnswer, 3],
  ['valid', 'invalid', null, 1],
  ['unknown', 'invalid', null, 4],
] as const)('a run that is %s where %s was expected, with error %s, exits with %i', (verdict, expected, thrown, exitCode) => {
  const { scenario } = crashEvidence();
  const error = thrown === null ? null : describeError(thrown);

  expect(exitCodeOfRun({ scenario: { ...scenario, expect: expected }, verdict, error })).toBe(exitCode);
});
