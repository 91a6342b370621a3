/** What several clients get done at the same time, a thread each: objects a second. */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { grantFence, instantiateCore, joinPool, leavePool, type MappedPool, recoverClient } from '../pool/pool.ts';
import { type HeapClient, openHeap, type Ref } from '../shm/index.ts';
import { machineNumber } from './bench-pool.ts';
import { prepareDead } from './recovery.ts';

/** Objects allocated, then dropped, at a time. */
const batch = 1_000;

interface Orders {
  readonly mapped: MappedPool;
  readonly thread: number;
  /** Batches done, by thread; the word behind them: not 0, stop. */
  readonly counters: Int32Array<SharedArrayBuffer>;
}

const stopWord = 8;

/** In a worker thread: allocate a batch, drop it, until told to stop. */
export function runBatches(): void {
  const { mapped, thread, counters } = workerData as Orders;
  const core = instantiateCore(mapped, { thread });
  joinPool(core, { machineNumber });
  const heap = openHeap(core, { leakReports: 'off' });
  oneBatch(heap);
  parentPort!.postMessage('ready');
  while (Atomics.load(counters, stopWord) === 0) {
    oneBatch(heap);
    Atomics.add(counters, thread, 1);
  }
  heap.close();
}

function oneBatch(heap: HeapClient): void {
  const refs: Ref[] = [];
  for (let made = 0; made < batch; made++) refs.push(heap.alloc(64));
  for (const ref of refs) ref.drop();
}

async function start(mapped: MappedPool, threads: number, file: URL): Promise<Int32Array<SharedArrayBuffer>> {
  const counters = new Int32Array(new SharedArrayBuffer(64));
  const ready: Promise<unknown>[] = [];
  for (let thread = 2; thread < 2 + threads; thread++) {
    const worker = new Worker(file, { workerData: { mapped, thread, counters } satisfies Orders });
    ready.push(new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject)));
    stopped.push(new Promise((resolve) => worker.once('exit', resolve)));
  }
  await Promise.all(ready);
  return counters;
}

const stopped: Promise<unknown>[] = [];

async function stop(counters: Int32Array<SharedArrayBuffer>): Promise<void> {
  Atomics.store(counters, stopWord, 1);
  await Promise.all(stopped.splice(0));
}

const done = (counters: Int32Array): number => counters.subarray(2, stopWord).reduce((sum, count) => sum + count, 0);

/** Objects a second of `threads` clients over `ms`, the main thread asleep. */
export async function throughput(mapped: MappedPool, threads: number, ms: number, file: URL): Promise<number> {
  const counters = await start(mapped, threads, file);
  const before = done(counters);
  const startedMs = performance.now();
  await new Promise((resolve) => setTimeout(resolve, ms));
  const rate = ((done(counters) - before) * batch) / ((performance.now() - startedMs) / 1000);
  await stop(counters);
  return rate;
}

export interface SurvivorRates {
  /** Objects a second while the other core computes something of its own, before and after; and while it recovers a client. */
  readonly before: number;
  readonly during: number;
  readonly after: number;
  readonly recoveryMs: number;
}

/** One client works; meanwhile this thread recovers another that held a million objects. */
export async function survivors(mapped: MappedPool, file: URL): Promise<SurvivorRates> {
  const core = instantiateCore(mapped, { thread: 0 });
  joinPool(core, { machineNumber });
  const dead = prepareDead(mapped, 1_000_000);
  grantFence(core, dead);
  const counters = await start(mapped, 1, file);
  const before = rateDuring(counters, () => compute(150));
  let recoveryMs = 0;
  const during = rateDuring(counters, () => {
    const startedMs = performance.now();
    recoverClient(core, dead);
    recoveryMs = performance.now() - startedMs;
  });
  const after = rateDuring(counters, () => compute(150));
  await stop(counters);
  leavePool(core);
  return { before, during, after, recoveryMs };
}

function rateDuring(counters: Int32Array, act: () => void): number {
  const before = done(counters);
  const startedMs = performance.now();
  act();
  return ((done(counters) - before) * batch) / ((performance.now() - startedMs) / 1000);
}

/** Work that touches no memory, so that both cores are busy in either case. */
function compute(ms: number): number {
  const endMs = performance.now() + ms;
  let value = 1;
  while (performance.now() < endMs) for (let step = 0; step < 10_000; step++) value = Math.imul(value, 48_271) ^ step;
  return value;
}

export const isBatchThread = !isMainThread;
