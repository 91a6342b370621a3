import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PlanClock, withTimeLeft } from '../../src/steps/plan-time-left.ts';
import { silent } from '../../src/steps/show-lines.ts';
import type { Plan, Step } from '../../src/steps/step.ts';
import { howLong, noteHowLong } from '../../src/steps/took.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cxlpod-took-'));
  vi.stubEnv('XDG_STATE_HOME', folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const step = (name: string): Step => ({ name, deadlineMs: 1_000, run: async () => {} });
const [check, boot1, boot2, agent2, gate] = [step('check'), step('boot'), step('boot'), step('agent'), step('gate')];
const plan: Plan = [
  check,
  {
    name: 'machines',
    together: [
      { name: 'vm1', steps: [boot1] },
      { name: 'vm2', steps: [boot2, agent2] },
    ],
  },
  gate,
];
const took = { check: 1_000, 'vm1: boot': 9_000, 'vm2: boot': 6_000, 'vm2: agent': 4_000, gate: 5_000 };

test('what is left is the sum of what is to come, of lanes the longest, and of what runs its rest', () => {
  const clock = new PlanClock(plan, took);
  expect(clock.leftMs(0)).toBe(16_000);

  clock.finish(check, 3_000);
  clock.start(boot1, 3_000);
  clock.start(boot2, 3_000);
  expect(clock.leftMs(5_000)).toBe(13_000);

  clock.finish(boot2, 2_000);
  clock.start(agent2, 5_000);
  expect(clock.leftMs(5_000)).toBe(12_000);
  expect(clock.leftMs(60_000)).toBe(5_000);
});

test('the median of the last five times counts, and a file that cxlpod did not write knows nothing', () => {
  for (const ms of [900, 10, 20, 30, 1, 5_000]) noteHowLong('up', { boot: ms });
  expect(howLong('up')).toEqual({ boot: 20 });
  expect(howLong('down')).toBeNull();

  writeFileSync(join(folder, 'cxlpod', 'took.json'), '{"up":{"at":1,"parts":{"boot":["x"]}}}');
  expect(howLong('up')).toBeNull();
  noteHowLong('up', { boot: 7 });
  expect(howLong('up')).toEqual({ boot: 7 });
});

test('the first time nobody knows, the next time it is told; one that failed teaches nothing', async () => {
  const told: string[] = [];
  const follow = async (elapsedMs: number, fails = false) => {
    const observer = withTimeLeft(plan, 'up', { ...silent, left: (text) => void told.push(text) }, { everyMs: 60_000 });
    for (const each of [check, boot1, boot2, agent2]) observer.finished(each, null, elapsedMs);
    if (fails) observer.failed(gate, null, new Error('no'));
    else observer.finished(gate, null, elapsedMs);
    await observer.ended();
  };
  await follow(1, true);
  await follow(2_000);
  await follow(2_000);

  expect(told).toEqual([
    'the first time here: nobody knows how long it takes',
    'the first time here: nobody knows how long it takes',
    'takes about 8 s, by the last times',
  ]);
});
