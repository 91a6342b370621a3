/** What a waiter does between polls, in one process: deadlines, abort, the word that it watches, how many wait. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { inspectPool } from '../../src/inspect/index.ts';
import { constants, layout } from '../../src/layout/index.ts';
import type { Core } from '../../src/pool/core.ts';
import { clearAbort } from '../../src/pool/map.ts';
import { native } from '../../src/pool/native.ts';
import { connect } from '../../src/rpc/caller.ts';
import { quotaCores, runnableIn, runnableThreads, usableCores } from '../../src/rpc/cores.ts';
import { connectService, defineService, json, serve } from '../../src/rpc/index.ts';
import { RpcError } from '../../src/rpc/rpc-error.ts';
import { listen, serveUntilClosed } from '../../src/rpc/server.ts';
import { Waiter, waitingStrategies } from '../../src/rpc/wait.ts';
import { joinedCores, poolFiles, poolSizeBytes } from '../pool/pool-files.ts';

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof RpcError) return error.code;
    throw error;
  }
  return 'nothing was refused';
}

/** Runs in another thread while this one waits; over once it has acted. */
function inThread(core: Core, source: string): Promise<unknown> {
  const { memory, scratchBase, poolBase } = core.mapped;
  const worker = new Worker(`const { memory, scratchBase, poolBase } = require('node:worker_threads').workerData; ${source}`, {
    eval: true,
    workerData: { memory, scratchBase, poolBase },
  });
  return new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject));
}

/** A waiter that is not asleep after so many waits never will be. */
const waitLimit = 5_000;

/** How many threads of this process wait awake. */
function spinnersOf({ mapped }: Core): Int32Array {
  return new Int32Array(mapped.memory.buffer, mapped.scratchBase + layout.ProcessScratch.spinners.offset, 1);
}

/** What `abort` of map.ts does, once this process waits: nothing else counts spinners or calls. */
const abortSource = `
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30);
  const word = new Int32Array(memory.buffer, scratchBase, 1);
  Atomics.store(word, 0, 1);
  Atomics.notify(word, 0);`;

test.each(waitingStrategies)('a call that waits by %s ends with TIMEOUT at its deadline, and not before', (waiting) => {
  using files = poolFiles();
  const [there, here] = joinedCores(files, 2);
  using _server = listen(there!, 'silent');
  using connection = connect(here!, 'silent', { deadlineMs: 0, waiting });
  const startedMs = performance.now();
  expect(codeOf(() => connection.callSync(new Uint8Array(8), { deadlineMs: 25 }))).toBe('TIMEOUT');
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(25);
});

test.each(waitingStrategies)('a server that waits by %s ends at its deadline, and not before', (waiting) => {
  using files = poolFiles();
  const [core] = joinedCores(files, 1);
  using server = listen(core!, 'nobody-calls', { waiting });
  const startedMs = performance.now();
  expect(serveUntilClosed(server, { handler: 'echo', deadlineMs: 25 })).toBe('deadline');
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(25);
});

test.each(waitingStrategies)('an abort ends the wait of a call and of a server by %s', async (waiting) => {
  using files = poolFiles();
  const [there, here] = joinedCores(files, 2);
  const server = listen(there!, 'silent', { waiting });
  const connection = connect(here!, 'silent', { deadlineMs: 0, waiting });
  const calls = inThread(here!, abortSource);
  expect(codeOf(() => connection.callSync(new Uint8Array(8), { deadlineMs: 60_000 }))).toBe('ABORTED');
  await calls;
  clearAbort(here!.mapped);
  // The request is taken first; then there is nothing.
  expect(server.poll(() => 0, 1)).toBe('served');
  const serves = inThread(there!, abortSource);
  expect(serveUntilClosed(server, { handler: 'echo', deadlineMs: 60_000 })).toBe('aborted');
  await serves;
  clearAbort(here!.mapped);
});

test('a long sleep ends with an abort, not with its time', async () => {
  using files = poolFiles();
  const [core] = joinedCores(files, 1);
  const waiter = new Waiter(core!, { strategy: 'sleep', longestSleepMs: 1_000 });
  const aborts = inThread(core!, abortSource);
  let sleeps = 0;
  for (; Atomics.load(new Int32Array(core!.mapped.memory.buffer, core!.mapped.scratchBase, 1), 0) === 0; sleeps++) waiter.idle();
  // By a third of the time so far: a sleeper that got its growth wrong would make thousands.
  expect(sleeps).toBeLessThan(100);
  await aborts;
  clearAbort(core!.mapped);
});

test('the addon sees the flag that is there, waits for one that is not, and stops at the abort word', async () => {
  using files = poolFiles();
  const [core] = joinedCores(files, 1);
  const { bytes, mapped } = core!;
  const abortOffset = mapped.scratchBase + constants.SCRATCH_ABORT_OFFSET;
  const at = mapped.poolBase + constants.WORD_OFFSET + 1024;
  const wait = (flag: number, ns: number, timed: boolean) => native().waitForFlag(bytes, at, flag, abortOffset, ns, timed);
  for (const timed of [false, true]) {
    new DataView(bytes.buffer, at, 8).setBigUint64(0, 0n);
    expect(wait(0, 0, timed)).toBe(true);
    const startedNs = native().monotonicNs();
    expect(wait(1, 2_000_000, timed)).toBe(false);
    expect(native().monotonicNs() - startedNs).toBeGreaterThanOrEqual(2_000_000);

    const raises = inThread(
      core!,
      `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
       Atomics.store(new BigInt64Array(memory.buffer, ${at}, 1), 0, -1n);`,
    );
    while (!wait(1, 1_000_000_000, timed));
    await raises;

    const aborts = inThread(core!, abortSource);
    const abort = new Int32Array(mapped.memory.buffer, abortOffset, 1);
    // Without a look at the abort word each wait is a second, of a minute's worth.
    for (let left = 60; left > 0 && Atomics.load(abort, 0) === 0; left--) expect(wait(0, 1_000_000_000, timed)).toBe(false);
    expect(Atomics.load(abort, 0)).toBe(1);
    // Both end before the second that each may take.
    const abortedNs = native().monotonicNs();
    expect(wait(0, 1_000_000_000, timed)).toBe(false);
    native().pauseFor(bytes, abortOffset, 1_000_000_000, timed);
    expect(native().monotonicNs() - abortedNs).toBeLessThan(1_000_000_000);
    await aborts;
    clearAbort(mapped);
  }
});

test('the addon refuses a wait without a bound, a flag that is none, and words that are not there', () => {
  using files = poolFiles();
  const [core] = joinedCores(files, 1);
  const { bytes } = core!;
  const code = (action: () => unknown): unknown => {
    try {
      action();
    } catch (error) {
      return (error as { code?: string }).code;
    }
    return 'nothing was refused';
  };
  const addon = native();
  expect(code(() => addon.waitForFlag(bytes, 8, 1, 0, 1_000_000_001, false))).toBe('BAD_ARGUMENT');
  expect(code(() => addon.waitForFlag(bytes, 8, 2, 0, 1, false))).toBe('BAD_ARGUMENT');
  expect(code(() => addon.waitForFlag(bytes, 4, 1, 0, 1, false))).toBe('UNALIGNED');
  expect(code(() => addon.waitForFlag(bytes, 8, 1, 2, 1, false))).toBe('UNALIGNED');
  expect(code(() => addon.waitForFlag(bytes, bytes.length, 1, 0, 1, false))).toBe('OUT_OF_RANGE');
  expect(code(() => addon.pauseFor(bytes, bytes.length, 1, false))).toBe('OUT_OF_RANGE');
  expect(code(() => addon.pauseFor(bytes, 0, 1_000_000_001, true))).toBe('BAD_ARGUMENT');
});

test('a way to wait that does not exist is refused by name, and leaves no connection open', () => {
  using files = poolFiles();
  const [there, here] = joinedCores(files, 2);
  const waiting = 'lazily' as 'sleep';
  expect(codeOf(() => new Waiter(there!, { longestSleepMs: 0 }))).toBe('BAD_ARGUMENT');
  expect(codeOf(() => listen(there!, 'lazy', { waiting }))).toBe('BAD_ARGUMENT');
  expect(codeOf(() => listen(there!, 'lazy', { timedOneOf: 3 }))).toBe('BAD_ARGUMENT');
  expect(inspectPool(there!.pool, poolSizeBytes).connections).toEqual([]);
  using server = listen(there!, 'lazy');
  expect(codeOf(() => connect(here!, 'lazy', { deadlineMs: 0, waiting }))).toBe('BAD_ARGUMENT');
  expect(server.poll(() => 0, 1)).toBe('idle');
  expect(server.isTaken).toBe(false);
});

test.each(waitingStrategies)(
  'both ends on the event loop that wait by %s find each other, also after a rest, and stop waiting',
  async (waiting) => {
    using files = poolFiles();
    const [there, here] = joinedCores(files, 2);
    const service = defineService('turns', { methods: { double: json<number, number>() } });
    const stop = new AbortController();
    const server = serve(there!, service, { double: (value) => 2 * value }, { waiting });
    const end = server.runAsync(stop.signal);
    const caller = connectService(here!, service, { waiting, deadlineMs: 60_000 });
    for (const restMs of [0, 0, 30, 0]) {
      expect(await caller.call('double', 21)).toBe(42);
      const restUntil = performance.now() + restMs;
      while (performance.now() < restUntil) await new Promise((resolve) => setImmediate(resolve));
    }
    caller.close();
    stop.abort();
    expect(await end).toBe('stopped');
    server.close();
    expect(spinnersOf(there!)[0]).toBe(0);
  },
);

test('a loop on the event loop rests once nothing has come for long, and not right after work', () => {
  using files = poolFiles();
  const [core] = joinedCores(files, 1);
  const waiter = new Waiter(core!);
  const startedMs = performance.now();
  expect(waiter.restMs()).toBe(0);
  let restMs = waiter.restMs();
  for (; restMs === 0; restMs = waiter.restMs());
  expect(performance.now() - startedMs).toBeGreaterThan(15);
  expect(restMs).toBeGreaterThanOrEqual(1);
  expect(spinnersOf(core!)[0]).toBe(0);
  waiter.worked();
  expect(waiter.restMs()).toBe(0);
  waiter.stop();
});

test('what a timed wait really is, is told', () => {
  using files = poolFiles();
  const [core] = joinedCores(files, 1);
  const { waitpkg } = native().cpuFeatures();
  expect(new Waiter(core!, { strategy: 'timed' }).effective).toBe(waitpkg ? 'timed' : 'pause');
  expect(new Waiter(core!).effective).toBe('adaptive');
});

test('who waits awake is counted as long as it does, and a sleeper is not', () => {
  using files = poolFiles();
  const [core] = joinedCores(files, 1);
  const spinners = new Int32Array(
    core!.mapped.memory.buffer,
    core!.mapped.scratchBase + layout.ProcessScratch.spinners.offset,
    1,
  );
  const [one, two] = [new Waiter(core!, { strategy: 'spin' }), new Waiter(core!)];
  one!.idle();
  one!.idle();
  expect(spinners[0]).toBe(1);
  two!.idle();
  expect(spinners[0]).toBe(2);
  // Until it sleeps.
  for (let left = waitLimit; left > 0 && spinners[0] === 2; left--) two!.idle();
  expect(spinners[0]).toBe(1);
  two!.worked();
  expect(spinners[0]).toBe(1);
  one!.stop();
  one!.stop();
  expect(spinners[0]).toBe(0);
});

test('work makes an adaptive waiter look as long as it did at first, less so when the work keeps coming late', () => {
  using files = poolFiles();
  const [core] = joinedCores(files, 1);
  const spinners = spinnersOf(core!);
  const waiter = new Waiter(core!);
  const first = waiter.looks;
  const sleepOnce = (): void => {
    waiter.idle();
    for (let left = waitLimit; left > 0 && spinners[0] !== 0; left--) waiter.idle();
    expect(waiter.looks).toBeLessThan(first / 64);
    waiter.worked();
  };
  sleepOnce();
  const afterOne = waiter.looks;
  expect(afterOne).toBeGreaterThan(first / 64);
  for (let count = 0; count < 10; count++) sleepOnce();
  expect(waiter.looks).toBe(Math.ceil(first / 8));
  expect(waiter.looks).toBeLessThan(afterOne);
});

test('cores are those of the process and its quota, and who wants them is read from the system', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cxlpod-cores-'));
  try {
    const membership = join(folder, 'cgroup');
    mkdirSync(join(folder, 'pod', 'worker'), { recursive: true });
    writeFileSync(membership, '0::/pod/worker\n');
    expect(quotaCores(membership, folder)).toBe(Number.POSITIVE_INFINITY);
    writeFileSync(join(folder, 'pod', 'worker', 'cpu.max'), 'max 100000\n');
    writeFileSync(join(folder, 'pod', 'cpu.max'), '150000 100000\n');
    expect(quotaCores(membership, folder)).toBe(1.5);
    expect(quotaCores(join(folder, 'missing'), folder)).toBe(Number.POSITIVE_INFINITY);
  } finally {
    rmSync(folder, { recursive: true });
  }
  expect(usableCores().own).toBeGreaterThanOrEqual(1);
  expect(runnableIn(Buffer.from('0.20 0.18 0.12 31/411 5102\n'))).toBe(31);
  // This thread runs.
  expect(runnableThreads()).toBeGreaterThanOrEqual(1);
});
