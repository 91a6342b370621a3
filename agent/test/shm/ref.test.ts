/** Objects, their data, their references, and the refs by which a thread holds them. */
import { describe, expect, test } from 'vitest';
import { joinPool, leavePool } from '../../src/pool/pool.ts';
import { openHeap } from '../../src/shm/index.ts';
import { codeOf, openHeaps } from './heap-pool.ts';

describe('an object', () => {
  test('has room for what was asked, and its data are the bytes of the pool', () => {
    using pool = openHeaps(1);
    const [heap] = pool.heaps;
    for (const [sizeBytes, references] of [
      [1, 0],
      [64, 0],
      [0, 3],
      [100, 7],
      [2048, 0],
      [5000, 2],
      [60_000, 0],
      [200_000, 5],
    ] as const) {
      using ref = heap!.alloc(sizeBytes, references);
      expect(ref.references).toBe(references);
      expect(ref.dataBytes).toBeGreaterThanOrEqual(sizeBytes);
      expect(ref.bytes.length).toBe(ref.dataBytes);
      expect(ref.bytes.buffer === pool.cores[0]!.pool.buffer).toBe(true);
      ref.bytes.fill(0xff);
      ref.view.setUint8(0, 7);
      if (ref.dataBytes > 0) expect(ref.bytes[0]).toBe(7);
      for (let index = 0; index < references; index++) expect(ref.acquire(index)).toBe(undefined);
      expect(pool.audit()).toEqual([]);
    }
    expect(pool.objects()).toBe(0);
  });

  test('keeps its data to itself when its neighbours are filled to the brim', () => {
    using pool = openHeaps(1);
    const [heap] = pool.heaps;
    const refs = Array.from({ length: 300 }, (_, number) => heap!.alloc(1 + ((number * 37) % 700), number % 3));
    for (const [number, ref] of refs.entries()) ref.bytes.fill(number % 256);
    for (const [number, ref] of refs.entries()) expect(ref.bytes.every((byte) => byte === number % 256)).toBe(true);
    expect(pool.audit()).toEqual([]);
    for (const ref of refs) ref.drop();
    expect(pool.objects()).toBe(0);
    expect(pool.audit()).toEqual([]);
  });

  test('lives as long as something refers to it', () => {
    using pool = openHeaps(1);
    const [heap] = pool.heaps;
    const parent = heap!.alloc(8, 2);
    const child = heap!.alloc(8);
    child.view.setFloat64(0, 4.5);
    parent.attach(1, child);
    expect([parent.count, child.count]).toEqual([1, 2]);
    child.drop();
    expect(pool.objects()).toBe(2);

    const again = parent.acquire(1)!;
    expect(again.view.getFloat64(0)).toBe(4.5);
    expect(parent.acquire(0)).toBe(undefined);
    again.drop();
    parent.drop();

    expect(pool.objects()).toBe(0);
    expect(heap!.rootsInUse).toBe(0);
    expect(pool.audit()).toEqual([]);
  });

  test('takes a long chain with it, without recursion', () => {
    using pool = openHeaps(1);
    const [heap] = pool.heaps;
    let head = heap!.alloc(0, 1);
    for (let length = 1; length < 20_000; length++) {
      const next = heap!.alloc(0, 1);
      next.attach(0, head);
      head.drop();
      head = next;
    }
    expect(pool.objects()).toBe(20_000);
    head.drop();
    expect(pool.objects()).toBe(0);
    expect(pool.audit()).toEqual([]);
  });
});

describe('an embedded reference', () => {
  test('is attached once, detached once, and says so', () => {
    using pool = openHeaps(1);
    const [heap] = pool.heaps;
    using parent = heap!.alloc(8, 1);
    using child = heap!.alloc(8);
    expect(parent.detach(0)).toBe(false);
    parent.attach(0, child);
    expect(codeOf(() => parent.attach(0, child))).toBe('OCCUPIED');
    expect(child.count).toBe(2);
    expect(parent.detach(0)).toBe(true);
    expect(parent.detach(0)).toBe(false);
    expect(child.count).toBe(1);
    expect(pool.audit()).toEqual([]);
  });

  test('is changed from nothing, to another object, and to itself', () => {
    using pool = openHeaps(1);
    const [heap] = pool.heaps;
    using parent = heap!.alloc(8, 1);
    const first = heap!.alloc(8);
    using second = heap!.alloc(8);
    parent.change(0, first);
    first.drop();
    expect(pool.objects()).toBe(3);
    parent.change(0, second);
    expect(pool.objects()).toBe(2);
    parent.change(0, second);
    expect(second.count).toBe(2);
    using held = parent.acquire(0)!;
    expect(held.count).toBe(3);
    expect(pool.audit()).toEqual([]);
  });

  test('may refer to the object itself', () => {
    using pool = openHeaps(1);
    const ref = pool.heaps[0]!.alloc(8, 1);
    ref.attach(0, ref);
    expect(ref.count).toBe(2);
    ref.detach(0);
    ref.drop();
    expect(pool.objects()).toBe(0);
  });

  test('that the object does not have is BAD_INDEX', () => {
    using pool = openHeaps(1);
    using ref = pool.heaps[0]!.alloc(8, 2);
    for (const index of [2, -1, 0.5, Number.NaN, 2 ** 32, Number.POSITIVE_INFINITY]) {
      const codes = [
        codeOf(() => ref.attach(index, ref)),
        codeOf(() => ref.detach(index)),
        codeOf(() => ref.change(index, ref)),
        codeOf(() => ref.acquire(index)),
      ];
      expect({ index, codes }).toEqual({ index, codes: Array(4).fill('BAD_INDEX') });
    }
    expect(ref.count).toBe(1);
    expect(pool.audit()).toEqual([]);
  });
});

describe('a clone', () => {
  test('shares the root: the object goes with the last handle, in any order', () => {
    using pool = openHeaps(1);
    const [heap] = pool.heaps;
    for (const order of [
      [0, 1, 2],
      [2, 0, 1],
      [1, 2, 0],
    ]) {
      const first = heap!.alloc(8);
      const handles = [first, first.clone(), first.clone()];
      handles[1]!.view.setUint32(0, 99);
      expect([heap!.rootsInUse, first.count]).toEqual([1, 1]);
      for (const index of order.slice(0, 2)) {
        handles[index]!.drop();
        expect(handles[index]!.isSpent).toBe(true);
        expect(pool.objects()).toBe(1);
      }
      const last = handles[order[2]!]!;
      expect(last.view.getUint32(0)).toBe(99);
      last.drop();
      expect(pool.objects()).toBe(0);
    }
    expect(heap!.rootsInUse).toBe(0);
    expect(pool.audit()).toEqual([]);
  });

  test('cannot be made of a spent ref', () => {
    using pool = openHeaps(1);
    const ref = pool.heaps[0]!.alloc(8);
    ref.drop();
    expect(codeOf(() => ref.clone())).toBe('SPENT_REF');
  });
});

describe('a ref', () => {
  test('in `using` is dropped at the end of its block, unless it was spent before', () => {
    using pool = openHeaps(1);
    const [heap] = pool.heaps;
    {
      using kept = heap!.alloc(8);
      using dropped = heap!.alloc(8);
      dropped.drop();
      expect(kept.isSpent).toBe(false);
    }
    expect(heap!.rootsInUse).toBe(0);
    expect(pool.objects()).toBe(0);
  });

  test('gives the same view every time', () => {
    using pool = openHeaps(1);
    using ref = pool.heaps[0]!.alloc(8);
    expect(ref.bytes).toBe(ref.bytes);
    expect(ref.view).toBe(ref.view);
  });
});

describe('a client', () => {
  test('holds whole segments, and gives them back', () => {
    using pool = openHeaps(1);
    const [heap] = pool.heaps;
    expect(heap!.heldBytes).toBe(0);
    const refs = Array.from({ length: 500 }, () => heap!.alloc(1000));
    expect(heap!.heldBytes).toBeGreaterThanOrEqual(500_000);
    expect(heap!.rootsInUse).toBe(500);
    for (const ref of refs) ref.drop();
    heap!.collect();
    // What stays: the segment of the roots, that of the page in use, one to spare.
    expect(heap!.heldBytes).toBeLessThanOrEqual(3 * 65536);
    expect(pool.audit()).toEqual([]);
  });

  test('says how many refs were left when it closes, and nothing of them stays', () => {
    using pool = openHeaps(2);
    const [first, second] = pool.heaps;
    const parent = first!.alloc(8, 1);
    const child = first!.alloc(8);
    parent.attach(0, child);
    first!.setRoot('kept', parent);
    child.clone();
    expect(first!.close()).toBe(2);
    expect(first!.isOpen).toBe(false);
    expect(first!.close()).toBe(0);

    using kept = second!.root('kept')!;
    expect([kept.count, pool.objects()]).toEqual([2, 2]);
    second!.setRoot('kept', undefined);
    expect(pool.audit()).toEqual([]);
  });

  test('that left the pool without closing its heap has nothing in the next one of its thread', () => {
    using pool = openHeaps(1);
    const [heap] = pool.heaps;
    const ref = heap!.alloc(8, 1);
    leavePool(pool.cores[0]!);
    joinPool(pool.cores[0]!, { machineNumber: 1 });
    const next = openHeap(pool.cores[0]!);
    using other = next.alloc(8, 1);
    expect(codeOf(() => ref.attach(0, ref))).toBe('HEAP_CLOSED');
    expect(codeOf(() => heap!.alloc(8))).toBe('HEAP_CLOSED');
    expect([other.count, next.rootsInUse]).toEqual([1, 1]);
    expect(pool.audit()).toEqual([]);
  });

  test('is refused everything after it closed, and its thread may join and open again', () => {
    using pool = openHeaps(2);
    const [heap] = pool.heaps;
    const ref = heap!.alloc(8, 1);
    const queue = heap!.openQueue({ id: 1 });
    heap!.close();
    joinPool(pool.cores[0]!, { machineNumber: 1 });
    const next = openHeap(pool.cores[0]!);
    using _ = next.alloc(8, 1);

    for (const action of [
      () => heap!.alloc(8),
      () => heap!.root('x'),
      () => heap!.setRoot('x', undefined),
      () => heap!.setRoot('x', ref),
      () => heap!.openQueue({ id: 1 }),
      () => heap!.queues(),
      () => heap!.collect(),
      () => ref.attach(0, ref),
      () => ref.detach(0),
      () => ref.change(0, ref),
      () => ref.acquire(0),
      () => ref.bytes,
      () => ref.count,
      () => ref.references,
      () => ref.drop(),
      () => queue.send(ref),
    ]) {
      expect({ action: `${action}`, code: codeOf(action) }).toEqual({ action: `${action}`, code: 'HEAP_CLOSED' });
    }
    ref[Symbol.dispose]();
    queue.close();
    expect([heap!.heldBytes, heap!.rootsInUse]).toEqual([0, 0]);
    expect(next.rootsInUse).toBe(1);
    expect(pool.audit()).toEqual([]);
  });
});
