import { expect, test } from 'vitest';
import { runPlan } from '../../src/steps/run-plan.ts';
import { drawSteps } from '../../src/traces/draw-steps.ts';
import { Timeline } from '../../src/traces/timeline.ts';

test('the steps of a machine that comes back are drawn one after the other, also the one that failed', async () => {
  const timeline = new Timeline();
  const lane = { machine: 'vm2', name: 'machine' };
  const plan = [
    { name: 'boot', deadlineMs: 60_000, run: async () => {} },
    { name: 'agent', deadlineMs: 60_000, run: async () => Promise.reject(new Error('it did not start')) },
  ];
  const observer = drawSteps(timeline, lane);

  await expect(runPlan(plan, { signal: new AbortController().signal, observer, what: 'test' })).rejects.toThrow('did not start');

  const [boot, agent] = timeline.spans;
  expect(timeline.spans.map(({ name, kind }) => `${kind} ${name}`)).toEqual(['step boot', 'step agent']);
  expect([boot!.lane, agent!.lane]).toEqual([lane, lane]);
  expect(agent!.start.ns).toBeGreaterThanOrEqual(boot!.end.ns);
});
