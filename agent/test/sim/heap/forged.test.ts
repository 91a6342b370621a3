/** What others wrote where references stand ends nobody who only passes by: recoverers clear it and do not count it. */
import { expect, test } from 'vitest';
import { codes, constants } from '../../../src/layout/index.ts';
import type { SimulatedClient, World } from '../simulator.ts';
import { audit, bury, heapClient, heapWorld, remains, root } from './heap-world.ts';

interface Forgery {
  readonly what: string;
  /** Offset of the slot that is overwritten. */
  readonly slot: (victim: SimulatedClient, bystander: SimulatedClient) => number;
}

const forgeries: readonly Forgery[] = [
  { what: 'a root', slot: (victim) => root(victim.core.shmAlloc(16, 0)) },
  {
    what: 'an embedded reference',
    slot: ({ core }) => core.shmPayload(root(core.shmAlloc(16, 2))) + 8,
  },
  {
    what: 'a queue slot that is not sent',
    slot: ({ core, world }, bystander) => {
      const queue = core.shmOpenQueue(bystander.core.selfClient(), 0, 0) - codes.CODE_LIMIT;
      return queueSlot(world, queue, 0);
    },
  },
];

function queueSlot(world: World, queue: number, slot: number): number {
  const shape = world.inspect({ heap: true }).heap!.shape;
  return shape.queuesOffset + queue * shape.queueBytes + constants.QUEUE_SLOTS_OFFSET + slot * 8;
}

/** Offsets that refer to no object: outside the heap, between blocks, to a free block, in a free segment. */
function lies(world: World, victim: SimulatedClient): readonly bigint[] {
  const { core } = victim;
  const free = root(core.shmAlloc(40, 0));
  const freeBlock = core.shmPayload(free) - constants.OBJECT_HEADER_BYTES;
  core.shmDrop(free);
  const { segmentsOffset, segmentBytes, segmentCount } = world.inspect({ heap: true }).heap!.shape;
  const last = segmentsOffset + (segmentCount - 1) * segmentBytes;
  return [24n, 0xfffffffffffffff0n, BigInt(freeBlock), BigInt(freeBlock + 16), BigInt(last), 2n];
}

test.each(forgeries)('$what that refers to no object is cleared by who recovers its client', ({ slot }) => {
  const world = heapWorld();
  const victim = heapClient(world, 1);
  const bystander = heapClient(world, 2);
  const undertaker = heapClient(world, 3);
  root(bystander.core.shmAlloc(16, 0));
  const wrong = lies(world, victim);
  const at = slot(victim, bystander);
  const before = world.snapshot();
  for (const lie of wrong) {
    world.restore(before);
    const bytes = world.poolBytes(at, 8);
    const replaced = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
    new DataView(bytes.buffer, bytes.byteOffset).setBigUint64(0, lie, true);
    victim.isDead = true;
    bury(undertaker, [victim]);
    // An object whose only reference was overwritten is a leak that the audit names; nobody can know that it was the last.
    const expected = replaced !== 0n && replaced % 2n === 0n ? 1 : 0;
    expect(audit(world).length, `${lie}: ${audit(world)}`).toBe(expected);
    if (expected === 0) expect(remains(world)).toEqual([]);
  }
});
