/** A virtual machine is powered off in the middle of the heap's work, with whatever its CPUs were at, and boots again. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OwnPod, upOwnPod } from './pod-at-work.ts';
import { powerOffRounds, sayRounds } from './power-off-rounds.ts';

const rounds = process.env.CXLPOD_DEEP === '1' ? 4 : 2;
const pairs = 1;
/** Each round boots a machine, on an emulated CPU as a rule. */
const limitMs = 900_000;

let own: OwnPod;
beforeAll(async () => {
  own = await upOwnPod('two');
});
afterAll(() => own?.[Symbol.asyncDispose]());

test(
  `a machine is powered off ${rounds} times in the middle of work, and what its clients left is finished while the other works on`,
  async () => {
    const done = await powerOffRounds(own.pod, rounds, pairs);

    expect(done).toHaveLength(rounds);
    sayRounds('virtual machines powered off', done);
  },
  limitMs,
);
