/** A virtual machine is powered off in the middle of the heap's work, with whatever its CPUs were at, and boots again. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openPod } from '../../src/cluster/open-pod.ts';
import type { Pod } from '../../src/cluster/pod.ts';
import { Bench } from '../cluster/cxlpod.ts';
import { powerOffRounds, sayRounds } from './power-off-rounds.ts';

const rounds = process.env.CXLPOD_DEEP === '1' ? 4 : 2;
const pairs = 1;
/** Each round boots a machine, on an emulated CPU as a rule. */
const limitMs = 900_000;

let bench: Bench;
let pod: Pod;
beforeAll(async () => {
  bench = new Bench();
  const name = bench.newPod();
  await bench.mustRun(['up', 'two', '--name', name]);
  process.env.XDG_STATE_HOME = join(bench.folder, 'state');
  pod = await openPod(name);
});
afterAll(async () => {
  await pod?.[Symbol.asyncDispose]();
  await bench.clear();
});

test(
  `a machine is powered off ${rounds} times in the middle of work, and what its clients left is finished while the other works on`,
  async () => {
    const done = await powerOffRounds(pod, rounds, pairs);

    expect(done).toHaveLength(rounds);
    sayRounds('virtual machines powered off', done);
  },
  limitMs,
);
