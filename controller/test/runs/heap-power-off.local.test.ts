/** A machine of provider local ends in the middle of the heap's work: all its processes at once, agent included. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { recoverMachine } from '../../src/cluster/recover-machine.ts';
import { type OwnPod, upOwnPod } from './pod-at-work.ts';
import { powerOffRounds, sayRounds } from './power-off-rounds.ts';

const rounds = 10;
const pairs = 3;
/** Many processes on few cores. */
const limitMs = 300_000;

let own: OwnPod;
beforeAll(async () => {
  own = await upOwnPod('local');
});
afterAll(() => own?.[Symbol.asyncDispose]());

test('nobody recovers a machine that lives, and none recovers itself', async () => {
  const [first, second] = own.pod.machines;

  await expect(recoverMachine(second!.machine, first!)).rejects.toMatchObject({ code: 'MACHINE_ALIVE' });
  const itself = second!.agent.request('recoverMachine', { machineNumber: second!.machine.number });
  await expect(itself).rejects.toMatchObject({ code: 'OWN_MACHINE' });
});

test(
  `a machine ends ${rounds} times in the middle of work, and what its clients left is finished while the other works on`,
  async () => {
    const done = await powerOffRounds(own.pod, rounds, pairs);

    expect(done).toHaveLength(rounds);
    sayRounds('machines that end on provider local', done);
  },
  limitMs,
);
