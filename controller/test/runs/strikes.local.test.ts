/** Faults of workers on provider local, by the command line: each is seen to fire at its moment. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunRecord } from '../../src/runs/run-record.ts';
import { Bench, type Ended } from '../cluster/cxlpod.ts';

let bench: Bench;
let pod: string;
beforeAll(async () => {
  bench = new Bench();
  pod = bench.newPod();
  await bench.mustRun(['up', 'local', '--name', pod]);
}, 120_000);
afterAll(async () => bench.clear());

function scenario(name: string, text: string): string {
  const path = join(bench.folder, `${name}.yaml`);
  writeFileSync(path, `name: ${name}\n${text}`);
  return path;
}

const record = (ended: Ended): RunRecord => (JSON.parse(ended.stdout) as RunRecord[])[0]!;
const run = async (name: string, text: string): Promise<RunRecord> =>
  record(await bench.run(['run', '--name', pod, '--json', scenario(name, text)]));
const answered = '[at-most-once, answered-after-restart, history-whole, pool-sound]';

test('a worker dies after so many operations, another is put in its place and dies at a crash point, a third one serves', async () => {
  const ran = await run(
    'twice',
    `workload: { name: calls, calls: 2000 }
faults:
  - killWorker: { on: vm1, atOperations: 300 }
  - killWorker: { on: vm1, at: rpc/serve/after-publish, hit: 1 }
checks: ${answered}\n`,
  );

  expect(ran.error).toBeNull();
  expect(ran.checks.filter(({ verdict }) => verdict !== 'valid')).toEqual([]);
  expect(ran).toMatchObject({ verdict: 'valid', error: null });
  const [first, second] = ran.faults;
  expect(first).toMatchObject({ seen: { evidence: { signal: 'SIGKILL', fenced: true } }, error: null });
  expect(second).toMatchObject({ seen: { evidence: { signal: 'SIGKILL', point: 'rpc/serve/after-publish' } }, error: null });
  expect(ran.faults.every(({ healedAt }) => healedAt !== null)).toBe(true);
});

test('a caller dies at any moment, another one begins anew, and nothing is executed twice', async () => {
  const ran = await run(
    'caller-dies',
    `workload: { name: calls, calls: 3000 }
faults:
  - killWorker: { on: vm2, worker: caller, atOperations: 500 }
  - killWorker: { on: vm2, worker: caller, at: rpc/call/after-write, hit: 20 }
checks: [at-most-once, history-whole, pool-sound]\n`,
  );

  expect(ran.error).toBeNull();
  expect(ran.checks.filter(({ verdict }) => verdict !== 'valid')).toEqual([]);
  expect(ran.exits.filter(({ worker, signal }) => worker === 'caller' && signal === 'SIGKILL')).toHaveLength(2);
});

test('a worker that is stopped for longer than a call may take goes on, and is not fenced', async () => {
  const ran = await run(
    'paused',
    `workload: { name: calls, calls: 2000, callDeadline: 300ms }
faults: [{ pauseWorker: { on: vm1, atOperations: 100, healAfter: 1s } }]
checks: [at-most-once, history-whole, pool-sound]\n`,
  );

  expect(ran.checks.filter(({ verdict }) => verdict !== 'valid')).toEqual([]);
  expect(ran).toMatchObject({ verdict: 'valid', error: null, restarts: { workers: 0 } });
  expect(ran.faults[0]).toMatchObject({ seen: { sentence: 'server on vm1 was seen stopped' }, healedAt: expect.anything() });
  expect(ran.exits.every(({ asked }) => asked)).toBe(true);
});

test('a client that stood still is too late with its swap, and dies before it tries again', async () => {
  const ran = await run(
    'too-late',
    `workload: { name: heap-mix, clients: 3, operations: 500, hot: true }
faults:
  - killWorker: { on: vm2, worker: client-2, at: shm/attach/after-failed-cas, held: { at: shm/attach/after-redo, hit: 20 } }
  - killWorker: { on: vm1, worker: client-1, held: { at: shm/release/after-clear, hit: 20 } }
checks: [results-checked, fenced-stay-silent, no-leak, no-dangling-reference, exact-counts, pool-sound]\n`,
  );

  expect(ran.error).toBeNull();
  expect(ran.checks.filter(({ verdict }) => verdict !== 'valid')).toEqual([]);
  const fired = ran.checks.filter(({ name }) => name.startsWith('fault-fired')).map(({ sentence }) => sentence);
  expect(fired).toEqual([
    expect.stringContaining('last words at shm/attach/after-failed-cas, passage 1'),
    expect.stringContaining('last words at shm/release/after-clear, passage 20'),
  ]);
  expect(ran.exits.filter(({ signal, asked }) => signal === 'SIGKILL' && !asked)).toHaveLength(2);
});

test('both sides die before an access to shared memory that no crash point marks, and it stands in the log of their agents', async () => {
  const ran = await run(
    'at-access',
    `workload: { name: calls, calls: 1000 }
faults:
  - killWorker: { on: vm1, atAccess: 4321 }
  - killWorker: { on: vm2, worker: caller, atAccess: 9876 }
checks: [at-most-once, history-whole, pool-sound]\n`,
  );

  expect(ran.error).toBeNull();
  expect(ran.checks.filter(({ verdict }) => verdict !== 'valid')).toEqual([]);
  const said = ran.faults.map(({ seen }) => seen?.evidence.said);
  expect(said).toEqual([expect.stringMatching(/dies at access 4321 /), expect.stringMatching(/dies at access 9876 /)]);
});

test('the heap is full while calls go on, and nothing of it is left afterwards', async () => {
  const ran = await run(
    'exhausted',
    `workload: { name: calls, calls: 3000 }
faults: [{ exhaustPool: { on: vm2 } }]
checks: [at-most-once, history-whole, no-leak, exact-counts, pool-sound]\n`,
  );

  expect(ran.checks.filter(({ verdict }) => verdict !== 'valid')).toEqual([]);
  expect(Number(ran.faults[0]!.seen!.evidence.bytes)).toBeGreaterThan(200 * 1024 ** 2);
});

test('faults that meet a worker that is dead already strike those that come after it, each of them one of its own', async () => {
  // The 101st call ends when its server is dead and the next one is still to come.
  const ran = await run(
    'meets-the-dead',
    `workload: { name: calls, calls: 20000 }
faults:
  - killWorker: { on: vm1, at: rpc/serve/after-publish, hit: 100, healAfter: 1s }
  - killWorker: { on: vm1, atOperations: 101 }
  - killWorker: { on: vm1, atOperations: 101 }
  - pauseWorker: { on: vm1, atOperations: 101 }
  - slow: { machine: vm1, worker: server, percent: 50, atOperations: 101, healAfter: 200ms }
checks: ${answered}\n`,
  );

  expect(ran.error).toBeNull();
  expect(ran.checks.filter(({ verdict }) => verdict !== 'valid')).toEqual([]);
  const killed = ran.exits.filter(({ worker, signal, asked }) => worker === 'server' && signal === 'SIGKILL' && !asked);
  expect(killed).toHaveLength(3);
  const [, second, third, paused] = ran.faults.map(({ seen }) => seen?.evidence.pid);
  expect(new Set([killed[0]!.pid, second, third]).size).toBe(3);
  expect(paused).not.toBe(killed[0]!.pid);
});
