/** What heap a pool is formatted with: defaults that follow its size, and refusals by name. */
import { truncateSync } from 'node:fs';
import { expect, test } from 'vitest';
import { inspectPool } from '../../src/inspect/index.ts';
import { type HeapPlan, planHeap } from '../../src/pool/heap-shape.ts';
import { formatPool, type HeapOptions, instantiateCore, mapPool, PoolError } from '../../src/pool/pool.ts';
import { poolFiles } from '../pool/pool-files.ts';

const MiB = 1024 * 1024;

function formatted(poolSizeBytes: number, heap?: HeapOptions | false) {
  using files = poolFiles();
  truncateSync(files.poolPath, poolSizeBytes);
  const core = instantiateCore(mapPool({ ...files, poolSizeBytes }), { thread: 0 });
  formatPool(core, { machineNumber: 1, ...(heap === undefined ? {} : { heap }) });
  return inspectPool(core.pool, poolSizeBytes);
}

function shown(plan: HeapPlan | undefined) {
  if (plan === undefined) return undefined;
  const { segmentCount, segmentBytes, pageBytes, clients: clientCount, names: nameCount, queues: queueCount } = plan;
  return { segmentCount, segmentBytes, pageBytes, clientCount, nameCount, queueCount, queueCapacity: plan.queueCapacity };
}

test.each<[number, HeapOptions | undefined]>([
  [4 * MiB, undefined],
  [8 * MiB, undefined],
  [16 * MiB, undefined],
  [64 * MiB, undefined],
  [256 * MiB, undefined],
  [2 * MiB, { clients: 8, queues: 8 }],
  [2 * MiB, { clients: 8, queues: 8, pageBytes: 512 }],
  [4 * MiB, { clients: 1, names: 1, queues: 1, queueCapacity: 1024, pageBytes: 65536, segmentBytes: 65536 }],
  [4 * MiB, { clients: 7, names: 2, queues: 3, queueCapacity: 8, pageBytes: 1024, segmentBytes: 4096, flushPolicy: 'host' }],
  [32 * MiB, { pageBytes: 32768 }],
])('a pool of %i bytes gets the heap that was planned: %j', (poolSizeBytes, options) => {
  const plan = planHeap(options, poolSizeBytes);
  const { heap, problems } = formatted(poolSizeBytes, options);

  expect(problems).toEqual([]);
  expect(plan?.segmentCount).toBeGreaterThan(0);
  expect(heap?.shape).toMatchObject({ ...shown(plan), flushPolicy: options?.flushPolicy ?? 'none' });
});

test('segments grow with the pool, so that there are enough of them and no more', () => {
  const sizes = [2, 4, 8, 16, 64, 256, 1024].map((size) => planHeap(undefined, size * MiB)?.segmentBytes);
  expect(sizes).toEqual([undefined, 65536, 65536, 262144, MiB, 4 * MiB, 4 * MiB]);
});

test('a pool that is too small for a heap nobody asked for has none, as has one that shall have none', () => {
  for (const [size, heap] of [
    [2 * MiB, undefined],
    [4 * MiB, false],
  ] as const) {
    const inspection = formatted(size, heap);
    expect([inspection.heap, inspection.problems]).toEqual([undefined, []]);
  }
});

test.each<[string, HeapOptions]>([
  ['clients', { clients: 0 }],
  ['clients', { clients: 257 }],
  ['clients', { clients: 1.5 }],
  ['names', { names: 3 }],
  ['names', { names: 131072 }],
  ['queues', { queues: 0 }],
  ['queues', { queues: 65537 }],
  ['queueCapacity', { queueCapacity: 4 }],
  ['queueCapacity', { queueCapacity: 2048 }],
  ['queueCapacity', { queueCapacity: 12 }],
  ['pageBytes', { pageBytes: 256 }],
  ['pageBytes', { pageBytes: 131072 }],
  ['pageBytes', { pageBytes: Number.NaN }],
  ['segmentBytes', { segmentBytes: 65537 }],
  ['segmentBytes', { segmentBytes: 8 * MiB }],
  ['segmentBytes', { segmentBytes: Number.NaN }],
  ['segmentBytes', { segmentBytes: 65536, pageBytes: 512 }],
  ['segmentBytes', { segmentBytes: 4096, pageBytes: 8192 }],
  ['flushPolicy', { flushPolicy: 'always' as 'none' }],
  ['coherence', { coherence: 'some' as 'none' }],
])('impossible %s is refused by name: %j', (name, options) => {
  expect(() => planHeap(options, 64 * MiB)).toThrow(new RegExp(`a heap with ${name}: `));
  expect(() => planHeap(options, 64 * MiB)).toThrow(PoolError);
});

test('a heap that was asked for and does not fit is refused before anything is formatted', () => {
  using files = poolFiles();
  const core = instantiateCore(mapPool(files), { thread: 0 });
  expect(() => formatPool(core, { machineNumber: 1, heap: { segmentBytes: 4 * MiB } })).toThrow('has no room for a heap');
  expect(core.pool.every((byte) => byte === 0)).toBe(true);
});

test('a pool that is formatted keeps its heap', () => {
  using files = poolFiles();
  const core = instantiateCore(mapPool(files), { thread: 0 });
  expect(formatPool(core, { machineNumber: 1, heap: { clients: 3 } })).toBe(true);
  expect(formatPool(core, { machineNumber: 1, heap: { clients: 5 } })).toBe(false);
  expect(inspectPool(core.pool, files.poolSizeBytes).heap?.shape.clientCount).toBe(3);
});
