/** Recovery that is itself struck, and the fence that is none, on provider local by the command line. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunRecord } from '../../src/runs/run-record.ts';
import { Bench } from '../cluster/cxlpod.ts';

let bench: Bench;
let pod: string;
beforeAll(async () => {
  bench = new Bench();
  pod = bench.newPod();
  await bench.mustRun(['up', 'local', '--name', pod]);
});
afterAll(async () => bench.clear());

const kv =
  '{ name: kv, records: 500, valueBytes: 200, rounds: 1, operations: 6000, deletePercent: 10, history: true, keep: true }';
const heapChecks = 'no-leak, no-dangling-reference, exact-counts, pool-sound';
const checks = `linearizable, fenced-stay-silent, history-whole, nothing-left-behind, results-checked, ${heapChecks}`;

async function run(name: string, fault: string, { workload = kv, named = checks, rest = '' } = {}): Promise<RunRecord> {
  const path = join(bench.folder, `${name}.yaml`);
  writeFileSync(path, `name: ${name}\nworkload: ${workload}\nfaults:\n${fault}\nchecks: [${named}]\n${rest}`);
  const ended = await bench.run(['run', '--name', pod, '--json', path]);
  if (ended.stdout === '') throw new Error(ended.stderr);
  return (JSON.parse(ended.stdout) as RunRecord[])[0]!;
}

const doubtsOf = ({ checks, error }: RunRecord) => ({
  error,
  doubts: checks.filter(({ verdict }) => verdict !== 'valid').map(({ name, sentence }) => `${name}: ${sentence}`),
});
const none = { error: null, doubts: [] };

test('an agent that dies while it recovers its worker is recovered together with that one', async () => {
  const victim = '{ worker: client-2, at: shm/attach/after-commit, hit: 100 }';
  const ran = await run('at-a-point', `  - killRecoverer: { on: vm2, victim: ${victim}, at: shm/resolve/after-close }`);

  expect(doubtsOf(ran)).toEqual(none);
  expect(ran.faults[0]).toMatchObject({ seen: { evidence: { at: 'shm/resolve/after-close' } }, healedAt: expect.anything() });
  // The worker and its recoverer; how long the other machine stood still is told of both.
  expect(ran.deaths.map(({ machine }) => machine)).toEqual(['vm2', 'vm2']);
  for (const { longestStall } of ran.deaths) expect(longestStall!.ms).toBeGreaterThan(0);
});

test('so is one that dies at an access that no crash point marks', async () => {
  const victim = '{ worker: client-2, at: shm/change/after-commit, hit: 100 }';
  const ran = await run('at-an-access', `  - killRecoverer: { on: vm2, victim: ${victim}, atAccess: 123 }`);

  expect(doubtsOf(ran)).toEqual(none);
  expect(ran.faults[0]).toMatchObject({ seen: { evidence: { access: 123 } } });
});

test('what was handed over while a sender or a receiver died is begun anew, and everything arrives once', async () => {
  const workload = '{ name: hand-over, pairs: 1, rounds: 1, structures: 400, history: true }';
  const faults = [
    '  - killWorker: { on: vm1, worker: sender-1, at: shm/send/after-fill, hit: 150 }',
    '  - killWorker: { on: vm2, worker: receiver-1, at: shm/receive/after-move, hit: 600 }',
  ];
  const named = `hand-over-exactly-once, history-whole, results-checked, ${heapChecks}`;
  const ran = await run('hand-over-dies', faults.join('\n'), { workload, named });

  expect(doubtsOf(ran)).toEqual(none);
  expect(ran.workload!.result).toMatchObject({ deaths: 2 });
  expect(ran.exits.filter(({ signal }) => signal === 'SIGKILL').map(({ worker }) => worker)).toEqual(['sender-1', 'receiver-1']);
});

// The last one: what it does to the pool stays there.
test('a worker that is declared dead while it stands still comes back and writes, and that is found', async () => {
  const fence = '{ on: vm2, worker: client-2, at: shm/attach/after-redo, hit: 100, until: shm/attach/after-link }';
  const ran = await run('comes-back', `  - softwareFence: ${fence}`, {
    named: `fenced-stay-silent, ${heapChecks}`,
    rest: 'expect: invalid\n',
  });

  expect(ran).toMatchObject({ verdict: 'invalid', error: null });
  const verdictOf = (name: string) => ran.checks.find((each) => each.name === name)!.verdict;
  expect(['fault-fired', 'only-planned-deaths', 'fenced-stay-silent'].map(verdictOf)).toEqual(['valid', 'valid', 'invalid']);
  // The reference that it counted stands in a node that recovery had freed.
  expect(verdictOf('exact-counts')).toBe('invalid');
});
