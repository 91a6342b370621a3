/** A machine of provider local, all its processes at once, ends while it serves calls that are in flight. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { powerOffUnderCalls } from './calls-power-off.ts';
import { type OwnPod, upOwnPod } from './pod-at-work.ts';

let own: OwnPod;
beforeAll(async () => {
  own = await upOwnPod('local');
});
afterAll(() => own?.[Symbol.asyncDispose]());

test('callers are told what came of every call, nothing was executed twice, and they go on with the next server', async () => {
  const said = await powerOffUnderCalls(own.pod);

  expect(said).toMatch(/^\d+ calls: /);
  console.log(said);
});
