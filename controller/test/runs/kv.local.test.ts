/** The workload `kv` on provider local, by the command line: every mix, and writers that die with a change half done. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunRecord } from '../../src/runs/run-record.ts';
import type { KvResult } from '../../src/workload/kv.ts';
import { Bench } from '../cluster/cxlpod.ts';

let bench: Bench;
let pod: string;
beforeAll(async () => {
  bench = new Bench();
  pod = bench.newPod();
  await bench.mustRun(['up', 'local', '--name', pod]);
});
afterAll(async () => bench.clear());

const heapChecks = 'results-checked, no-leak, no-dangling-reference, exact-counts, pool-sound';

async function run(name: string, parameters: string, rest = `checks: [${heapChecks}]`): Promise<RunRecord> {
  const path = join(bench.folder, `${name}.yaml`);
  writeFileSync(path, `name: ${name}\ntopology: local\nworkload: { name: kv, ${parameters} }\n${rest}\n`);
  const ended = await bench.run(['run', '--name', pod, '--json', path]);
  const [record] = JSON.parse(ended.stdout) as RunRecord[];
  return record!;
}

/** Of a run that is not valid: which checks, and why. */
const doubts = ({ verdict, checks, error }: RunRecord) => ({
  verdict,
  error,
  doubts: checks.filter((check) => check.verdict !== 'valid').map(({ name, sentence }) => `${name}: ${sentence}`),
});
const holds = { verdict: 'valid', error: null, doubts: [] };
const sentenceOf = ({ checks }: RunRecord, check: string) => checks.find(({ name }) => name === check)!.sentence;
const resultOf = ({ workload }: RunRecord) => workload!.result as KvResult;

test.each([
  ['a', 'uniform', 'operations: 5000, deletePercent: 20'],
  ['b', 'zipf', 'operations: 5000, clientsPerMachine: 2'],
  ['c', 'zipf', 'operations: 5000'],
  ['d', 'zipf', 'operations: 5000'],
  ['e', 'uniform', 'operations: 300, scanLength: 20'],
  ['f', 'zipf', 'seconds: 1'],
])('mix %s, %s: every value is right, and nothing of the store is left', async (mix, distribution, rest) => {
  const record = await run(
    `kv-${mix}`,
    `mix: ${mix}, distribution: ${distribution}, records: 1000, valueBytes: 100, rounds: 2, ${rest}`,
  );

  expect(doubts(record)).toEqual(holds);
  expect(sentenceOf(record, 'no-leak')).toContain('All 0 objects');
  expect(resultOf(record).rounds).toEqual([
    expect.objectContaining({ takenOver: [], perSecond: expect.any(Number) }),
    expect.objectContaining({ takenOver: [], perSecond: expect.any(Number) }),
  ]);
  expect(resultOf(record).checked.count).toBeGreaterThan(2000);
  expect(record.latencies).toEqual([expect.objectContaining({ tag: `kv-${mix}-${distribution}`, callsPerSample: 100 })]);
});

test('a store that is kept is recounted as a whole, and the next run takes it away', async () => {
  const kept = await run('kv-kept', 'mix: b, records: 1000, valueBytes: 100, rounds: 1, operations: 1000, keep: true');
  // The root of the store, its two partitions, a node for each record, and where the clients met.
  expect([doubts(kept), sentenceOf(kept, 'exact-counts')]).toEqual([holds, expect.stringContaining('1004 counts')]);

  const next = await run('kv-next', 'mix: b, records: 10, valueBytes: 100, rounds: 1, operations: 1000');
  expect([doubts(next), sentenceOf(next, 'exact-counts')]).toEqual([holds, expect.stringContaining('0 counts')]);
});

test.each([
  ['kv/put/after-replace', 300],
  ['kv/delete/after-unlink', 50],
  ['shm/change/after-link', 300],
  ['kv/put/after-insert', 200],
])('a writer dies at %s: its heir finds every value, and each key is linearizable', async (at, hit) => {
  const parameters =
    'mix: a, records: 500, valueBytes: 100, rounds: 2, operations: 3000, deletePercent: 20, history: true, keep: true';
  const fault = `faults: [{ killWorker: { on: vm2, worker: client-2, at: ${at}, hit: ${hit} } }]`;
  const record = await run(at.replaceAll('/', '-'), parameters, `${fault}\nchecks: [linearizable, history-whole, ${heapChecks}]`);

  expect(doubts(record)).toEqual(holds);
  expect(record.exits.filter(({ signal }) => signal === 'SIGKILL')).toHaveLength(1);
  const inMeasured = resultOf(record).rounds.flatMap(({ takenOver }) => takenOver);
  // While it loaded: then the heir loads again, and there is nothing to take over in a round.
  if (at === 'kv/put/after-insert') expect(inMeasured).toEqual([]);
  else expect(inMeasured).toEqual([expect.objectContaining({ worker: 'client-2', operations: 3000 })]);
});

test.each([
  ['vm1', 'client-1'],
  ['vm2', 'client-2'],
])('%s dies before it has met the others: its heir meets them in its place', async (machine, worker) => {
  const parameters = 'mix: a, records: 500, valueBytes: 100, rounds: 1, operations: 3000, keep: true';
  // In the first look at all records, which comes before the meeting.
  const fault = `faults: [{ killWorker: { on: ${machine}, worker: ${worker}, at: kv/get/after-hazard, hit: 100 } }]`;
  const record = await run(`early-${worker}`, parameters, `${fault}\nchecks: [${heapChecks}]`);

  expect(doubts(record)).toEqual(holds);
  expect(resultOf(record).rounds).toEqual([
    expect.objectContaining({ takenOver: [expect.objectContaining({ worker, operations: 3000 })] }),
  ]);
});
