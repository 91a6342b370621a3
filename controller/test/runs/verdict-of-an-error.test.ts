import { expect, test } from 'vitest';
import { environmentError } from '../../src/errors/cxlpod-error.ts';
import { describeError, exitCodeOfRun } from '../../src/runs/run-error.ts';

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
  ['valid', null, 0],
  ['unknown', null, 4],
  ['invalid', null, 1],
  ['unknown', noAnswer, 3],
  ['invalid', wrongAnswer, 1],
  ['invalid', noAnswer, 1],
] as const)('a run that is %s with error %s exits with %i', (verdict, thrown, exitCode) => {
  expect(exitCodeOfRun({ verdict, error: thrown === null ? null : describeError(thrown) })).toBe(exitCode);
});
