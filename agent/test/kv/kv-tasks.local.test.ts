/** A store between worker processes: loaded, worked on by all mixes, and whole after a writer is killed in the middle of it. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { kvProblems } from '../../src/kv/index.ts';
import type { Tasks } from '../../src/protocol/index.ts';
import { LocalPod, temporaryBundle } from '../local/local-pod.ts';
import { until } from '../local/until.ts';

let bundle: Awaited<ReturnType<typeof temporaryBundle>>;
let pod: LocalPod;

beforeAll(async () => {
  bundle = await temporaryBundle();
});
beforeEach(async () => {
  pod = await LocalPod.start(bundle.folder, { machines: 3 });
});
afterEach(async () => {
  await pod?.close();
});
afterAll(() => bundle?.remove());

type Run = Tasks['kv-run']['parameters'];

const machines = [1, 2, 3] as const;
const common = { store: 'ycsb', shape: { partitions: 3, buckets: 256 }, records: 900, valueBytes: 100 };
const everlasting = 1_000_000_000;

async function load(): Promise<void> {
  for (const machine of machines) await pod.on(machine).request('startWorker', { worker: 'w' });
  const loading = machines.map((machine) => pod.task(machine, 'w', 'kv-load', { ...common, claims: [machine - 1], version: 1 }));
  const loaded = await Promise.all(loading);
  expect(loaded.reduce((sum, each) => sum + each.loaded, 0)).toBe(common.records);
}

function work(machine: number, rest: Pick<Run, 'mix' | 'operations'> & Partial<Run>): Promise<Tasks['kv-run']['result']> {
  return pod.task(machine, 'w', 'kv-run', {
    ...{ ...common, claims: [machine - 1], distribution: 'zipfian', firstVersion: 2, seed: machine },
    ...rest,
  });
}

async function check(machine: number, expected: Partial<Tasks['kv-check']['result']>): Promise<void> {
  const { shape, store, records, valueBytes } = common;
  expect(await pod.task(machine, 'w', 'kv-check', { shape, store, records, valueBytes })).toMatchObject({
    flaws: [],
    ...expected,
  });
}

test('every mix works, and nobody reads a value that is torn, of another key, or old', async () => {
  await load();
  let firstVersion = 2;
  for (const mix of ['a', 'b', 'c', 'd', 'e', 'f'] as const) {
    const operations = mix === 'e' ? 300 : 3_000;
    const distribution = mix === 'b' ? 'uniform' : 'zipfian';
    const results = await Promise.all(machines.map((machine) => work(machine, { mix, operations, firstVersion, distribution })));
    for (const { flaws, counts, ...result } of results) {
      expect([mix, flaws, result.operations]).toEqual([mix, [], operations]);
      expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(operations);
      expect(result.latency.counts.reduce((sum, [, count]) => sum + count, 0)).toBe(operations / 100);
      firstVersion = Math.max(firstVersion, result.lastVersion + 1);
    }
  }
  await check(1, { found: common.records, missing: 0 });
  expect(pod.inspect().problems).toEqual([]);
});

test('with deletes, in the history: each key is linearizable', async () => {
  await load();
  const rest = { mix: 'a', operations: 4_000, deletePercent: 30, history: true } as const;
  const results = await Promise.all(machines.map((machine) => work(machine, rest)));
  for (const { flaws, counts, notFound } of results) {
    expect(flaws).toEqual([]);
    expect(Math.min(counts.delete, notFound)).toBeGreaterThan(100);
  }
  const { records, overflow } = pod.history();
  expect([records.length, overflow]).toEqual([3 * 2 * 4_000, 0]);
  expect(kvProblems(records, { loadedVersion: () => 1 })).toEqual([]);
  expect(pod.inspect().problems).toEqual([]);
});

test('a writer is killed in the middle of YCSB A: all values are there, and another worker takes its partition over', async () => {
  await load();
  const survivors = [1, 2].map((machine) => work(machine, { mix: 'a', operations: everlasting, seconds: 2 }));
  const victim = work(3, { mix: 'a', operations: everlasting });
  const death = expect(victim).rejects.toMatchObject({ code: 'WORKER_DIED' });
  const { id, pid } = pod.inspect().clients.find(({ machine, state }) => machine === 3 && state === 'joined')!;
  const eraOf = () => pod.inspect().heap!.clients.find((client) => client.id === id)!.era;
  const loadedEra = eraOf();
  await until('the victim writes', () => eraOf() > loadedEra + 10_000);
  process.kill(pid, 'SIGKILL');
  await death;
  for (const { flaws, operations } of await Promise.all(survivors)) {
    expect(flaws).toEqual([]);
    expect(operations).toBeGreaterThan(100);
  }
  expect(pod.inspect().problems).toEqual([]);

  await pod.on(3).request('startWorker', { worker: 'heir' });
  const heir = await pod.task(3, 'heir', 'kv-run', {
    ...{ ...common, claims: [2], mix: 'f', distribution: 'uniform', firstVersion: 8_000_000, operations: 2_000, seed: 4 },
  });
  expect(heir.flaws).toEqual([]);
  expect(heir.ownRecords).toBeGreaterThan(200);
  await check(1, { found: common.records, missing: 0 });
  expect(pod.inspect().problems).toEqual([]);
});

test.each([
  'kv/put/after-chain',
  'kv/put/after-replace',
  'kv/delete/after-unlink',
  'kv/get/after-hazard',
  'shm/change/after-link',
])('a worker that dies at %s in the middle of YCSB A leaves a store in which each key is linearizable', async (point) => {
  await load();
  await pod.on(3).request('stopWorker', { worker: 'w', how: 'graceful' });
  await pod.on(3).request('startWorker', { worker: 'w', crash: { point, hit: 500 } });
  const rest = { mix: 'a', deletePercent: 20, history: true } as const;
  const victim = expect(work(3, { ...rest, operations: 20_000 })).rejects.toMatchObject({ code: 'WORKER_DIED' });
  const survivors = [1, 2].map((machine) => work(machine, { ...rest, operations: 5_000 }));
  await victim;
  for (const { flaws } of await Promise.all(survivors)) expect(flaws).toEqual([]);
  const { records, overflow } = pod.history();
  expect(overflow).toBe(0);
  expect(records.filter(({ kind }) => kind === 'last-words')).toMatchObject([{ point, hit: 500 }]);
  expect(kvProblems(records, { loadedVersion: () => 1 })).toEqual([]);
  expect(pod.inspect().problems).toEqual([]);
});
