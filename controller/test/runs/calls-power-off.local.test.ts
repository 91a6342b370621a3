/** A machine of provider local, all its processes at once, ends while it serves calls that are in flight. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openPod } from '../../src/cluster/open-pod.ts';
import type { Pod } from '../../src/cluster/pod.ts';
import { Bench } from '../cluster/cxlpod.ts';
import { powerOffUnderCalls } from './calls-power-off.ts';

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

test('callers are told what came of every call, nothing was executed twice, and they go on with the next server', async () => {
  const said = await powerOffUnderCalls(pod);

  expect(said).toMatch(/^\d+ calls: /);
  console.log(said);
});
