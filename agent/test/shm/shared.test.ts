/** What goes from one client to another: named roots and queues. */
import { describe, expect, test } from 'vitest';
import { grantFence, leavePool, recoverClient } from '../../src/pool/pool.ts';
import { codeOf, openHeaps, overwrite, smallHeap } from './heap-pool.ts';

describe('a named root', () => {
  test('is found by others, holds what it was given, and outlives who gave it', () => {
    using pool = openHeaps(2);
    const [here, there] = pool.heaps;
    expect(there!.root('list')).toBe(undefined);
    const ref = here!.alloc(8);
    ref.view.setUint32(0, 5);
    here!.setRoot('list', ref);
    ref.drop();
    here!.close();

    using found = there!.root('list')!;
    expect([found.view.getUint32(0), found.count]).toEqual([5, 2]);
    there!.setRoot('list', undefined);
    expect(there!.root('list')).toBe(undefined);
    expect(pool.audit()).toEqual([]);
  });

  test('is given another object, or the same', () => {
    using pool = openHeaps(1);
    const [heap] = pool.heaps;
    const first = heap!.alloc(8);
    using second = heap!.alloc(8);
    heap!.setRoot('ä', first);
    first.drop();
    heap!.setRoot('ä', second);
    heap!.setRoot('ä', second);
    expect([pool.objects(), second.count]).toEqual([1, 2]);
    heap!.setRoot('ä', undefined);
    heap!.setRoot('ä', undefined);
    expect(pool.audit()).toEqual([]);
  });

  test('has a name of 1 to 64 bytes, and there are as many as were formatted', () => {
    using pool = openHeaps(1);
    const [heap] = pool.heaps;
    using ref = heap!.alloc(8);
    for (const name of ['', 'x'.repeat(65), 'ä'.repeat(33)]) {
      expect(codeOf(() => heap!.setRoot(name, ref))).toBe('BAD_NAME');
      expect(codeOf(() => heap!.root(name))).toBe('BAD_NAME');
    }
    for (let number = 0; number < 8; number++) heap!.setRoot('x'.repeat(57 + number), ref);
    expect(codeOf(() => heap!.setRoot('one more', ref))).toBe('NAMES_FULL');
    heap!.setRoot('one more', undefined);
    expect(heap!.root('one more')).toBe(undefined);
    expect(ref.count).toBe(9);
    expect(pool.audit()).toEqual([]);
  });

  test('is NAME_BUSY while another client changes it, and until that one is recovered', () => {
    using pool = openHeaps(2);
    const [here, there] = pool.heaps;
    const [, other] = pool.cores;
    using ref = here!.alloc(8);
    here!.setRoot('busy', ref);
    // As if the other client had died between the claim and the release.
    const claimed = (BigInt(other!.exports.selfIncarnation()) << 32n) | BigInt(other!.exports.selfClient() + 1);
    overwrite(other!, ownerOffset(pool.cores[0]!.pool, 'busy'), claimed);

    expect(codeOf(() => here!.setRoot('busy', undefined))).toBe('NAME_BUSY');
    using found = here!.root('busy')!;
    expect(found.count).toBe(3);
    there!.close();
    here!.setRoot('busy', undefined);
    expect(found.count).toBe(2);
    expect(pool.audit()).toEqual([]);
  });
});

/** Offset of the owner word of a named root, found by its name. */
function ownerOffset(pool: Uint8Array, name: string): number {
  const at = Buffer.from(pool.buffer, pool.byteOffset, pool.length).indexOf(name);
  return at - 64 + 16;
}

describe('a queue', () => {
  test('hands over copies and moves, in order, and counts', () => {
    using pool = openHeaps(2);
    const [here, there] = pool.heaps;
    using sending = here!.openQueue({ id: 1, incarnation: 1 }, { tag: 2 ** 40 + 7 });
    expect([sending.receiver, sending.waiting]).toEqual([1, 0]);
    const refs = [1, 2, 3].map((number) => {
      const ref = here!.alloc(8);
      ref.view.setUint32(0, number);
      return ref;
    });
    expect(sending.send(refs[0]!)).toBe('sent');
    expect(sending.move(refs[1]!)).toBe('sent');
    expect(sending.move(refs[2]!)).toBe('sent');
    expect(refs.map(({ isSpent }) => isSpent)).toEqual([false, true, true]);
    expect(here!.rootsInUse).toBe(1);
    expect(sending.waiting).toBe(3);

    expect(there!.queues({ tag: 7 })).toEqual([]);
    using receiving = there!.queues({ tag: 2 ** 40 + 7 })[0]!;
    expect(there!.queues().map((queue) => queue === receiving)).toEqual([true]);
    expect([receiving.sender, receiving.waiting]).toEqual([0, 3]);
    const received = receiving.receiveAll(2);
    expect(received.map((ref) => [ref.view.getUint32(0), ref.count])).toEqual([
      [1, 2],
      [2, 1],
    ]);
    received.push(receiving.receive()!);
    expect(receiving.receive()).toBe(undefined);
    expect(receiving.isOver).toBe(false);
    for (const ref of [...received, refs[0]!]) ref.drop();
    expect(pool.objects()).toBe(0);
    expect(pool.audit()).toEqual([]);
  });

  test('moves a ref that has clones as a copy: only that ref is spent', () => {
    using pool = openHeaps(2);
    const [here, there] = pool.heaps;
    using sending = here!.openQueue({ id: 1 });
    const ref = here!.alloc(8);
    using clone = ref.clone();
    expect(sending.move(ref)).toBe('sent');
    expect([ref.isSpent, clone.isSpent, clone.count]).toEqual([true, false, 2]);
    using receiving = there!.queues()[0]!;
    using received = receiving.receive()!;
    expect(received.count).toBe(2);
    expect(pool.audit()).toEqual([]);
  });

  test('is found among as many as the pool has', () => {
    using pool = openHeaps(2, { heap: { ...smallHeap, queues: 150 } });
    const [here, there] = pool.heaps;
    const sending = Array.from({ length: 150 }, (_, tag) => here!.openQueue({ id: 1 }, { tag: tag % 2 }));
    expect(codeOf(() => here!.openQueue({ id: 1 }))).toBe('QUEUES_FULL');
    const found = there!.queues();
    expect(new Set(found).size).toBe(150);
    expect(there!.queues({ tag: 1 })).toEqual(found.filter((_, index) => index % 2 === 1));
    for (const queue of [...sending, ...found]) queue.close();
    expect(there!.queues()).toEqual([]);
    expect(pool.audit()).toEqual([]);
  });

  test('takes a batch as far as it has room, and says full', () => {
    using pool = openHeaps(2);
    const [here, there] = pool.heaps;
    using sending = here!.openQueue({ id: 1 });
    const refs = Array.from({ length: 10 }, () => here!.alloc(8));
    expect(sending.sendAll(refs.slice(0, 3))).toBe(3);
    expect(sending.moveAll(refs)).toBe(5);
    expect(sending.move(refs[5]!)).toBe('full');
    expect(sending.send(refs[5]!)).toBe('full');
    expect(refs[5]!.isSpent).toBe(false);
    expect(sending.moveAll([])).toBe(0);
    using receiving = there!.queues()[0]!;
    expect(receiving.receiveAll()).toHaveLength(8);
    expect(sending.moveAll(refs.slice(5))).toBe(5);
    expect(pool.audit()).toEqual([]);
  });

  test('publishes the part of a batch before the ref that is refused', () => {
    using pool = openHeaps(2);
    const [here, there] = pool.heaps;
    using sending = here!.openQueue({ id: 1 });
    const [good, spent] = [here!.alloc(8), here!.alloc(8)];
    spent.drop();
    expect(codeOf(() => sending.moveAll([good, spent]))).toBe('SPENT_REF');
    expect([good.isSpent, there!.queues()[0]!.waiting]).toEqual([true, 1]);
    expect(pool.audit()).toEqual([]);
  });

  test('is over when the sender closed and everything was received', () => {
    using pool = openHeaps(2);
    const [here, there] = pool.heaps;
    const sending = here!.openQueue({ id: 1 });
    const ref = here!.alloc(8);
    sending.move(ref);
    sending.close();
    sending.close();
    expect(codeOf(() => sending.send(here!.alloc(8)))).toBe('QUEUE_CLOSED');

    const receiving = there!.queues()[0]!;
    expect(receiving.receive()?.count).toBe(1);
    expect(receiving.isOver).toBe(false);
    expect(receiving.receive()).toBe(undefined);
    expect(receiving.isOver).toBe(true);
    receiving.close();
    receiving.close();
    expect(codeOf(() => receiving.receive())).toBe('QUEUE_CLOSED');
    expect(there!.queues()).toEqual([]);
    expect(pool.audit()).toEqual([]);
  });

  test('says closed when the receiver closed, left, or was recovered, and nothing in it is lost', () => {
    using pool = openHeaps(4);
    const [here, closing, , dying] = pool.heaps;
    const queues = [1, 2, 3].map((id) => here!.openQueue({ id }));
    for (const queue of queues) expect(queue.move(here!.alloc(8))).toBe('sent');
    const dead = { id: 3, incarnation: pool.cores[3]!.exports.selfIncarnation() };

    closing!.queues()[0]!.close();
    leavePool(pool.cores[2]!);
    grantFence(pool.cores[0]!, dead);
    recoverClient(pool.cores[0]!, dead);

    using ref = here!.alloc(8);
    expect(queues.map((queue) => queue.send(ref))).toEqual(['closed', 'closed', 'closed']);
    expect(queues.map((queue) => queue.move(ref))).toEqual(['closed', 'closed', 'closed']);
    expect(queues[0]!.sendAll([ref])).toBe(0);
    for (const queue of queues) queue.close();
    expect(codeOf(() => dying!.alloc(8))).toBe('FENCED');
    expect(pool.objects()).toBe(1);
    expect(pool.audit()).toEqual([]);
  });

  test('goes to another client that is there, in the incarnation that was meant', () => {
    using pool = openHeaps(2);
    const [here, there] = pool.heaps;
    expect(codeOf(() => here!.openQueue({ id: 0 }))).toBe('SELF_QUEUE');
    for (const id of [2, 300, -1, 1.5, Number.NaN, 2 ** 32 + 1])
      expect(codeOf(() => here!.openQueue({ id }))).toBe('NO_SUCH_CLIENT');
    expect(codeOf(() => here!.openQueue({ id: 1, incarnation: 2 }))).toBe('NO_SUCH_CLIENT');
    for (const tag of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(codeOf(() => here!.openQueue({ id: 1 }, { tag }))).toBe('BAD_TAG');
      expect(codeOf(() => here!.queues({ tag }))).toBe('BAD_TAG');
    }
    for (const queue of there!.queues()) queue.close();
    const queues = Array.from({ length: 8 }, () => here!.openQueue({ id: 1 }));
    expect(codeOf(() => here!.openQueue({ id: 1 }))).toBe('QUEUES_FULL');
    expect(there!.queues()).toHaveLength(8);
    queues[3]!.close();
    expect(codeOf(() => here!.openQueue({ id: 1 }))).toBe('QUEUES_FULL');
    for (const queue of there!.queues()) queue.close();
    here!.openQueue({ id: 1 });
    expect(pool.audit()).toEqual([]);
  });
});
