/** What nobody should do, and everybody does: a typed error, and a heap that is whole afterwards. What kills is in deaths.local.test.ts. */
import { truncateSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { codes, constants, layout } from '../../src/layout/index.ts';
import {
  type Core,
  formatPool,
  grantFence,
  instantiateCore,
  joinPool,
  leavePool,
  mapPool,
  PoolError,
  recoverClient,
} from '../../src/pool/pool.ts';
import { HeapError, openHeap, type Ref } from '../../src/shm/index.ts';
import { poolSizeBytes } from '../pool/pool-files.ts';
import { codeOf, heapPool, openHeaps, overwrite, smallHeap } from './heap-pool.ts';

/** Offset of an object's payload in the pool, where its embedded references begin. */
function payloadOf(core: Core, ref: Ref): number {
  return ref.bytes.byteOffset - core.pool.byteOffset - ref.references * 8;
}

function poolCodeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof PoolError) return error.code;
    throw error;
  }
  return 'nothing was refused';
}

describe('an offset that somebody wrote over an embedded reference', () => {
  test.each([
    1n,
    8n,
    64n,
    4096n,
    BigInt(poolSizeBytes),
    BigInt(poolSizeBytes) + 16n,
    2n ** 32n + 16n,
    2n ** 63n,
    2n ** 64n - 16n,
  ])('and no object can have, %d, is BAD_OFFSET', (offset) => {
    using pool = openHeaps(1);
    using ref = pool.heaps[0]!.alloc(8, 1);
    const takeBack = overwrite(pool.cores[0]!, payloadOf(pool.cores[0]!, ref), offset);
    expect(codeOf(() => ref.acquire(0))).toBe('BAD_OFFSET');
    takeBack();
    expect(pool.audit()).toEqual([]);
  });

  test('and is that of a free block is nothing', () => {
    using pool = openHeaps(1);
    const [heap] = pool.heaps;
    const [core] = pool.cores;
    using ref = heap!.alloc(8, 1);
    const other = heap!.alloc(8, 1);
    const free = BigInt(payloadOf(core!, other) - constants.OBJECT_HEADER_BYTES);
    other.drop();
    const takeBack = overwrite(core!, payloadOf(core!, ref), free);
    expect(ref.acquire(0)).toBe(undefined);
    takeBack();
    expect(pool.audit()).toEqual([]);
    expect(heap!.rootsInUse).toBe(1);
  });

  test('and lies within the data of an object that look like a live one is BAD_OFFSET', () => {
    using pool = openHeaps(1);
    const [heap] = pool.heaps;
    const [core] = pool.cores;
    using ref = heap!.alloc(8, 1);
    using innocent = heap!.alloc(64);
    const count1 = 1n << 40n;
    innocent.view.setBigUint64(16, count1, true);
    innocent.view.setBigUint64(24, 0n, true);
    const takeBack = overwrite(core!, payloadOf(core!, ref), BigInt(payloadOf(core!, innocent) + 16));
    expect(codeOf(() => ref.acquire(0))).toBe('BAD_OFFSET');
    expect(innocent.view.getBigUint64(16, true)).toBe(count1);
    takeBack();
    expect(pool.audit()).toEqual([]);
  });

  test('or over the slot of a queue is BAD_OFFSET for the receiver', () => {
    using pool = openHeaps(2);
    const [here, there] = pool.heaps;
    const [core] = pool.cores;
    const sending = here!.openQueue({ id: 1 });
    const ref = here!.alloc(8);
    const object = BigInt(payloadOf(core!, ref) - constants.OBJECT_HEADER_BYTES);
    sending.move(ref);
    const slot = findWord(core!, object, constants.CONTROL_BYTES);
    const takeBack = overwrite(core!, slot, 24n);
    const receiving = there!.queues()[0]!;
    expect(codeOf(() => receiving.receive())).toBe('BAD_OFFSET');
    takeBack();
    receiving.receive()!.drop();
    expect(pool.audit()).toEqual([]);
  });
});

/** Where a word stands first in the pool, from an offset on. */
function findWord(core: Core, word: bigint, from: number): number {
  const words = new BigUint64Array(core.pool.buffer, core.pool.byteOffset, poolSizeBytes / 8);
  return words.indexOf(word, from / 8) * 8;
}

test('numbers that are no root of this client are refused by the core, whatever they are', () => {
  using pool = openHeaps(2);
  const [here, there] = pool.heaps;
  const { exports } = pool.cores[0]!;
  using ref = here!.alloc(8, 1);
  using foreign = there!.alloc(8, 1);
  using own = here!.alloc(8, 1);
  const root = [0, 8, 16, 4096, 0xfffffff8, 0xffffffff, payloadOf(pool.cores[0]!, ref), payloadOf(pool.cores[1]!, foreign)];
  // Every aligned number in the segments of both, but for the roots themselves.
  const { segmentsOffset } = shapeOf(pool.cores[0]!);
  const objects = new Set([ref, own].map((live) => payloadOf(pool.cores[0]!, live) - constants.OBJECT_HEADER_BYTES));
  const words = new BigUint64Array(pool.cores[0]!.pool.buffer, pool.cores[0]!.pool.byteOffset, poolSizeBytes / 8);
  for (let at = segmentsOffset; at < segmentsOffset + 2 * 65536; at += 8) {
    if (!objects.has(Number(words[at / 8]))) root.push(at);
  }
  let refused = 0;
  for (const forged of root) {
    for (const code of [
      exports.shmDrop(forged),
      exports.shmAttach(forged, 0, forged),
      exports.shmDetach(forged, 0),
      exports.shmChange(forged, 0, forged),
      exports.shmAcquire(forged, 0),
      exports.shmClone(forged),
    ]) {
      if (code !== 10) throw new Error(`root ${forged} was answered ${code}`);
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(16_000 * 6);
  expect(pool.audit()).toEqual([]);
});

function shapeOf(core: Core): { readonly segmentsOffset: number } {
  const at = core.pool.byteOffset + constants.HEAP_SHAPE_OFFSET + layout.HeapShape.segmentsOffset.offset;
  return { segmentsOffset: new DataView(core.pool.buffer, at, 4).getUint32(0, true) };
}

test('a ref that is dropped, or moved, is SPENT_REF in every use', () => {
  using pool = openHeaps(2);
  const [heap] = pool.heaps;
  using live = heap!.alloc(8, 1);
  using queue = heap!.openQueue({ id: 1 });
  const dropped = heap!.alloc(8, 1);
  const moved = heap!.alloc(8, 1);
  const clone = live.clone();
  // A ref remembers its views as long as it is not spent.
  for (const ref of [dropped, moved, clone]) ref.view.setUint8(0, ref.bytes.length);
  dropped.drop();
  queue.move(moved);
  clone.drop();
  for (const ref of [dropped, moved, clone]) {
    for (const action of [
      () => ref.drop(),
      () => ref.attach(0, live),
      () => live.attach(0, ref),
      () => ref.detach(0),
      () => ref.change(0, live),
      () => live.change(0, ref),
      () => ref.acquire(0),
      () => ref.clone(),
      () => ref.bytes,
      () => ref.view,
      () => ref.dataBytes,
      () => ref.references,
      () => ref.count,
      () => queue.send(ref),
      () => queue.move(ref),
      () => heap!.setRoot('x', ref),
    ]) {
      expect({ action: `${action}`, code: codeOf(action) }).toEqual({ action: `${action}`, code: 'SPENT_REF' });
    }
  }
  expect(live.count).toBe(1);
  expect(pool.audit()).toEqual([]);
});

test('a ref of another client, or of another pool, is FOREIGN_REF', () => {
  using pool = openHeaps(2);
  using elsewhere = openHeaps(2);
  const [heap] = pool.heaps;
  using own = heap!.alloc(8, 1);
  using queue = heap!.openQueue({ id: 1 });
  for (const foreign of [pool.heaps[1]!.alloc(8, 1), elsewhere.heaps[0]!.alloc(8, 1)]) {
    for (const action of [
      () => own.attach(0, foreign),
      () => own.change(0, foreign),
      () => foreign.attach(0, own),
      () => queue.send(foreign),
      () => queue.move(foreign),
      () => heap!.setRoot('x', foreign),
    ]) {
      expect({ action: `${action}`, code: codeOf(action) }).toEqual({ action: `${action}`, code: 'FOREIGN_REF' });
    }
    expect(foreign.count).toBe(1);
    foreign.drop();
  }
  expect([...pool.audit(), ...elsewhere.audit()]).toEqual([]);
});

test.each([
  [0, 0],
  [-1, 0],
  [Number.NaN, 0],
  [1.5, 0],
  [poolSizeBytes, 0],
  [2 ** 32 - 1, 0],
  [2 ** 32 + 8, 0],
  [Number.POSITIVE_INFINITY, 0],
  [8, -1],
  [8, Number.NaN],
  [8, 0.5],
  [8, poolSizeBytes / 8],
  [2 ** 31, 2 ** 31],
  [2 ** 32 - 1, 2 ** 32 - 1],
])('an object of %d bytes and %d references is BAD_SIZE', (sizeBytes, references) => {
  using pool = openHeaps(1);
  expect(codeOf(() => pool.heaps[0]!.alloc(sizeBytes, references))).toBe('BAD_SIZE');
  expect(pool.heaps[0]!.rootsInUse).toBe(0);
  expect(pool.audit()).toEqual([]);
});

function refusalOf(action: () => unknown): HeapError {
  try {
    action();
  } catch (error) {
    if (error instanceof HeapError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

/** As many objects as there is room for; the refusal of the next one. */
function fill(alloc: () => Ref): { readonly refs: Ref[]; readonly refusal: HeapError } {
  const refs: Ref[] = [];
  const refusal = refusalOf(() => {
    for (;;) refs.push(alloc());
  });
  return { refs, refusal };
}

describe('memory that is used up', () => {
  test.each([40, 1000, 10_000, 60_000, 200_000])(
    'is HEAP_FULL with numbers, for objects of %i bytes; dropped, it is there again',
    (sizeBytes) => {
      using pool = openHeaps(1);
      const [heap] = pool.heaps;
      const { refs, refusal } = fill(() => heap!.alloc(sizeBytes));
      expect(refusal.code).toBe('HEAP_FULL');
      expect(refusal.numbers).toMatchObject({ askedBytes: sizeBytes + 16, heldBytes: heap!.heldBytes, quotaBytes: 0 });
      expect(refusal.numbers!.heapBytes).toBeGreaterThanOrEqual(refusal.numbers!.heldBytes);
      expect(refusal.hint).toContain('collect');
      expect(pool.audit()).toEqual([]);

      for (const ref of refs) ref.drop();
      const again = fill(() => heap!.alloc(sizeBytes));
      expect(again.refs.length).toBeGreaterThanOrEqual(refs.length * 0.9);
      for (const ref of again.refs) ref.drop();
      heap!.collect();
      expect(pool.objects()).toBe(0);
      expect(pool.audit()).toEqual([]);
    },
  );

  test('is QUOTA for the client that has one, while others go on', () => {
    using pool = openHeaps(2, { quotaBytes: 3 * 65536 + 100 });
    const [here, there] = pool.heaps;
    expect(here!.quotaBytes).toBe(3 * 65536);
    // More than the quota at once, while it holds nothing yet.
    expect(codeOf(() => here!.alloc(200_000))).toBe('QUOTA');
    const { refs, refusal } = fill(() => here!.alloc(1000));
    expect([refusal.code, refusal.numbers!.heldBytes, refusal.numbers!.quotaBytes]).toEqual(['QUOTA', 3 * 65536, 3 * 65536]);
    expect(codeOf(() => here!.alloc(200_000))).toBe('QUOTA');
    using _ = there!.alloc(1000);
    for (const ref of refs) ref.drop();
    using again = here!.alloc(1000);
    expect(again.count).toBe(1);
    expect(codeOf(() => here!.alloc(200_000))).toBe('QUOTA');
    expect(pool.audit()).toEqual([]);
  });

  test('keeps a root from being made, which is told as well', () => {
    using pool = openHeaps(1);
    const [heap] = pool.heaps;
    const parent = heap!.alloc(8, 1);
    const child = heap!.alloc(8);
    parent.attach(0, child);
    heap!.setRoot('x', child);
    const { refs, refusal } = fill(() => parent.acquire(0)!);
    expect(refusal.code).toBe('COUNT_FULL');
    expect(child.count).toBe(16_383);
    expect(refs).toHaveLength(16_383 - 3);
    expect(codeOf(() => parent.change(0, child))).toBe('COUNT_FULL');
    expect(codeOf(() => heap!.setRoot('y', child))).toBe('COUNT_FULL');
    expect(codeOf(() => heap!.root('x'))).toBe('COUNT_FULL');
    using other = heap!.alloc(8, 1);
    expect(codeOf(() => other.attach(0, child))).toBe('COUNT_FULL');
    expect(child.clone().count).toBe(16_383);
    expect(pool.audit()).toEqual([]);
    refs.pop()!.drop();
    other.attach(0, child);
    expect(pool.audit()).toEqual([]);
  });
});

describe('the heap is not opened', () => {
  test('by a thread that has not joined, or has it open', () => {
    using pool = heapPool(1);
    const [core] = pool.cores;
    expect(codeOf(() => openHeap(core!))).toBe('NOT_JOINED');
    joinPool(core!, { machineNumber: 1 });
    const heap = openHeap(core!);
    using _ = heap.alloc(8);
    expect(codeOf(() => openHeap(core!))).toBe('ALREADY_OPEN');
    expect(heap.rootsInUse).toBe(1);
    expect(pool.audit()).toEqual([]);
  });

  test('in a pool without one, or on a device that does not keep other machines out', () => {
    using none = heapPool(1, false);
    joinPool(none.cores[0]!, { machineNumber: 1 });
    expect(codeOf(() => openHeap(none.cores[0]!, { quotaBytes: 1 }))).toBe('NO_HEAP');
    using incoherent = heapPool(1, { ...smallHeap, coherence: 'none' });
    joinPool(incoherent.cores[0]!, { machineNumber: 1 });
    expect(codeOf(() => openHeap(incoherent.cores[0]!))).toBe('NOT_COHERENT');
    expect(incoherent.audit()).toEqual([]);
  });

  test('by more clients than the era matrix has rows, who may still leave, and be sent to in vain', () => {
    using pool = heapPool(3, { ...smallHeap, clients: 2 });
    for (const core of pool.cores) joinPool(core, { machineNumber: 1 });
    const heap = openHeap(pool.cores[0]!);
    openHeap(pool.cores[1]!);
    expect(codeOf(() => openHeap(pool.cores[2]!))).toBe('HEAP_CLIENTS_FULL');
    const queue = heap.openQueue({ id: 2 });
    queue.move(heap.alloc(8));
    leavePool(pool.cores[2]!);
    queue.close();
    expect(pool.objects()).toBe(0);
    expect(pool.audit()).toEqual([]);
  });

  test.each([0, -1, 65535, Number.NaN, 70_000.5])('with a quota of %d bytes', (quotaBytes) => {
    using pool = heapPool(1);
    joinPool(pool.cores[0]!, { machineNumber: 1 });
    expect(codeOf(() => openHeap(pool.cores[0]!, { quotaBytes }))).toBe('BAD_SIZE');
    openHeap(pool.cores[0]!, { quotaBytes: 65536 });
    expect(pool.audit()).toEqual([]);
  });

  test('under an id whose eras are used up', () => {
    using pool = heapPool(1);
    const [core] = pool.cores;
    joinPool(core!, { machineNumber: 1 });
    const at = core!.pool.byteOffset + constants.HEAP_SHAPE_OFFSET + layout.HeapShape.erasOffset.offset;
    const eras = new DataView(core!.pool.buffer, at, 4).getUint32(0, true);
    overwrite(core!, eras, constants.ERA_LIMIT);
    expect(codeOf(() => openHeap(core!))).toBe('RETIRED');
    leavePool(core!);
    expect(joinPool(core!, { machineNumber: 1 }).id).toBe(1);
    using heap = openHeap(core!);
    using _ = heap.alloc(8);
    expect(pool.audit()).toEqual([]);
  });

  test('in a pool of another build, or one that is shorter than it was', () => {
    using pool = heapPool(1);
    const [core] = pool.cores;
    joinPool(core!, { machineNumber: 1 });
    const takeBack = overwrite(core!, layout.Superblock.layoutVersion.offset, 1n);
    expect(poolCodeOf(() => openHeap(core!))).toBe('POOL_WRONG_LAYOUT');
    takeBack();
    truncateSync(pool.files.poolPath, poolSizeBytes - 65536);
    expect(poolCodeOf(() => mapPool(pool.files))).toBe('POOL_TRUNCATED');
    truncateSync(pool.files.poolPath, poolSizeBytes);
    expect(pool.audit()).toEqual([]);
  });
});

test('256 clients have the heap open and use it, the next one finds the client table full, and all of them leave', () => {
  using pool = heapPool(1, { segmentBytes: 4096, pageBytes: 512, names: 8, queues: 8, queueCapacity: 8 });
  const cores = Array.from({ length: 16 }, () => mapPool(pool.files)).flatMap((mapped) =>
    Array.from({ length: constants.THREAD_LIMIT }, (_, thread) => instantiateCore(mapped, { thread })),
  );
  for (const core of cores) joinPool(core, { machineNumber: 1 });
  expect(poolCodeOf(() => joinPool(pool.cores[0]!, { machineNumber: 1 }))).toBe('CLIENT_TABLE_FULL');
  const heaps = cores.map((core) => openHeap(core));
  heaps[0]!.setRoot('shared', heaps[0]!.alloc(8));
  const refs = heaps.map((heap) => heap.root('shared')!);
  for (const heap of heaps) heap.alloc(40, 1).attach(0, refs[heaps.indexOf(heap)]!);
  expect(refs[255]!.count).toBe(2 + 2 * 256);
  expect(pool.audit()).toEqual([]);

  expect(heaps.map((heap) => heap.close())).toEqual([3, ...Array(255).fill(2)]);
  expect(pool.objects()).toBe(1);
  expect(pool.audit()).toEqual([]);
});

test('a client that was fenced and comes back is told FENCED, before its recovery, after it, and when its place is used again', () => {
  using pool = openHeaps(3);
  const [zombie, , undertaker] = pool.heaps;
  const [dead, , living] = pool.cores;
  const ref = zombie!.alloc(8, 1);
  const queue = zombie!.openQueue({ id: 1 });
  const other = undertaker!.openQueue({ id: 0 });
  other.send(undertaker!.alloc(8));
  const receiving = zombie!.queues()[0]!;
  zombie!.setRoot('kept', ref);
  const expectFenced = () => {
    for (const action of [
      () => zombie!.alloc(8),
      () => zombie!.root('kept'),
      () => zombie!.setRoot('kept', ref),
      () => zombie!.setRoot('kept', undefined),
      () => zombie!.openQueue({ id: 1 }),
      () => zombie!.collect(),
      () => ref.attach(0, ref),
      () => ref.detach(0),
      () => ref.change(0, ref),
      () => ref.acquire(0),
      () => ref.drop(),
      () => queue.send(ref),
      () => queue.move(ref),
      () => queue.close(),
      () => receiving.receive(),
      () => receiving.close(),
    ]) {
      expect({ action: `${action}`, code: codeOf(action) }).toEqual({ action: `${action}`, code: 'FENCED' });
    }
    // What was filled before the fence is not sent after it.
    expect(dead!.exports.shmPublish(0)).toBe(codes.FENCED);
  };
  const client = { id: dead!.exports.selfClient(), incarnation: dead!.exports.selfIncarnation() };

  grantFence(living!, client);
  expectFenced();
  recoverClient(living!, client);
  expectFenced();
  expect(pool.audit()).toEqual([]);

  const next = instantiateCore(mapPool(pool.files), { thread: 0 });
  formatPool(next, { machineNumber: 1 });
  expect(joinPool(next, { machineNumber: 1 })).toEqual({ id: client.id, incarnation: client.incarnation + 1 });
  using heap = openHeap(next);
  using kept = heap.root('kept')!;
  using _ = heap.openQueue({ id: 1 });
  expectFenced();
  expect(codeOf(() => openHeap(dead!))).toBe('ALREADY_OPEN');
  expect(codeOf(() => zombie!.close())).toBe('FENCED');
  expect(codeOf(() => zombie!.alloc(8))).toBe('HEAP_CLOSED');
  expect(kept.count).toBe(2);
  expect(pool.audit()).toEqual([]);
});
