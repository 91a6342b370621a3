/** A machine of provider local ends in the middle of the heap's work: all its processes at once, agent included. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openPod } from '../../src/cluster/open-pod.ts';
import type { Pod } from '../../src/cluster/pod.ts';
import { recoverMachine } from '../../src/cluster/recover-machine.ts';
import { Bench } from '../cluster/cxlpod.ts';
import { powerOffRounds, sayRounds } from './power-off-rounds.ts';

const rounds = 10;
const pairs = 3;
/** Many processes on few cores. */
const limitMs = 300_000;

let bench: Bench;
let pod: Pod;
beforeAll(async () => {
  bench = new Bench();
  const name = bench.newPod();
  await bench.mustRun(['up', 'local', '--name', name]);
  process.env.XDG_STATE_HOME = join(bench.folder, 'state');
  pod = await openPod(name);
});
afterAll(async () => {
  await pod?.[Symbol.asyncDispose]();
  await bench.clear();
});

test('nobody recovers a machine that lives, and none recovers itself', async () => {
  const [first, second] = pod.machines;

  await expect(recoverMachine(second!.machine, first!)).rejects.toMatchObject({ code: 'MACHINE_ALIVE' });
  const itself = second!.agent.request('recoverMachine', { machineNumber: second!.machine.number });
  await expect(itself).rejects.toMatchObject({ code: 'OWN_MACHINE' });
});

test(
  `a machine ends ${rounds} times in the middle of work, and what its clients left is finished while the other works on`,
  async () => {
    const done = await powerOffRounds(pod, rounds, pairs);

    expect(done).toHaveLength(rounds);
    sayRounds('machines that end on provider local', done);
  },
  limitMs,
);
