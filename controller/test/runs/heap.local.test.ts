/** The scenarios of the heap on provider local, by the command line; and a control that comes out clean. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunRecord } from '../../src/runs/run-record.ts';
import { Bench } from '../cluster/cxlpod.ts';
import { expectDeclaredWorkers } from './declared-workers.ts';

let bench: Bench;
let pod: string;
beforeAll(async () => {
  bench = new Bench();
  pod = bench.newPod();
  await bench.mustRun(['up', 'local', '--name', pod]);
});
afterAll(async () => bench.clear());

async function run(...scenarios: string[]): Promise<RunRecord[]> {
  const ended = await bench.run(['run', '--name', pod, '--json', ...scenarios]);
  const records = JSON.parse(ended.stdout) as RunRecord[];
  for (const record of records) expectDeclaredWorkers(record);
  return records;
}

function scenario(name: string, text: string): string {
  const path = join(bench.folder, `${name}.yaml`);
  writeFileSync(path, `name: ${name}\n${text}`);
  return path;
}

/** Of a run that is not valid: which checks, and why. */
const doubts = ({ verdict, checks, error }: RunRecord) => ({
  verdict,
  error,
  doubts: checks.filter((check) => check.verdict !== 'valid').map(({ name, sentence }) => `${name}: ${sentence}`),
});
const holds = { verdict: 'valid', error: null, doubts: [] };

test.each([
  ['threadtest', 'clients: [1, 2], rounds: 2, iterations: 2, objects: 5000'],
  ['shbench', 'clients: [1, 2], rounds: 2, calls: 20000, checkedCalls: 2000'],
  ['hand-over', 'pairs: 1, rounds: 1, structures: 300'],
  ['word-count', 'mappers: 2, reducers: 1, size: 256KiB'],
  ['k-means', 'workers: 2, points: 1500, iterations: 5'],
])('%s finds its own result right and leaves nothing', async (workload, parameters) => {
  const checks = '[results-checked, no-leak, no-dangling-reference, exact-counts, pool-sound]';
  const text = `topology: local\nworkload: { name: ${workload}, ${parameters} }\nchecks: ${checks}\n`;
  const [record] = await run(scenario(`small-${workload}`, text));
  expect(doubts(record!)).toEqual(holds);
  expect(record!.checks.find(({ name }) => name === 'no-leak')!.sentence).toContain('All 0 objects');
});

test('what goes through queues arrives exactly once, by the history', async () => {
  const [record] = await run('hand-over-exactly-once');
  expect(doubts(record!)).toEqual(holds);
  expect(record!.checks.find(({ name }) => name === 'hand-over-exactly-once')!.evidence).toMatchObject({
    queues: 6,
    sent: 12_000,
    received: 12_000,
    missing: 0,
  });
});

test('a lock blocks survivors, CXL-SHM goes on; both are whole after everybody died; naive counting is seen to fail', async () => {
  const records = await run('heap-partial-failure', 'heap-full-failure', 'naive-counting');
  expect(records.map(doubts)).toEqual([holds, holds, holds]);
});

test('a control that comes out clean makes the run invalid', async () => {
  // Every second passage is at a block of the victim's own: nobody else refers to it, so nothing dangles.
  const clean = scenario(
    'clean',
    `topology: local
workload: { name: naive-counting }
faults:
  - killWorker: { on: vm2, worker: leaks-victim, at: baseline/naive/alloc/between, hit: 100 }
  - killWorker: { on: vm2, worker: dangles-victim, at: baseline/naive/detach/between, hit: 100 }
checks: [controls-fail]
`,
  );
  const [record] = await run(clean);
  expect(doubts(record!)).toMatchObject({
    verdict: 'invalid',
    doubts: [expect.stringContaining('the order that dangles left nothing')],
  });
});
