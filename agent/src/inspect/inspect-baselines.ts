/**
 * Recounts the two heaps that CXL-SHM is compared with (agent/core/baselines) from their bytes, and says in sentences what is
 * wrong. As everything here, of one moment in which nobody works.
 */
import { constants, layout } from '../layout/index.ts';
import type { InspectedClient } from './inspect.ts';
import { unpackLockBlockWord, unpackLockWord } from './packed-words.ts';

export interface InspectedLockHeap {
  /** Who holds the lock. */
  readonly holder: { readonly client: number; readonly incarnation: number; readonly isDead: boolean } | null;
  /** Writes of an operation that is committed and not known to be finished; the recount takes them as made, as a replay would. */
  readonly openWrites: number;
  readonly liveBlocks: number;
  readonly references: number;
}

export interface InspectedNaiveHeap {
  readonly liveBlocks: number;
  readonly references: number;
}

const base = constants.BASELINE_OFFSET;

interface Slot {
  readonly client: number;
  readonly slot: number;
  readonly block: number;
}

/** The heap with a lock; null when nobody has opened it yet. */
export function inspectLockHeap(
  view: DataView,
  clients: readonly InspectedClient[],
  problems: string[],
): InspectedLockHeap | null {
  const holder = inspectLock(view, clients, problems);
  if (view.getBigUint64(base + constants.LOCK_HEAP_LINE + layout.LockHeap.ready.offset, true) === 0n) return null;

  const planned = plannedWrites(view, problems);
  if (planned.size > 0 && holder === null)
    problems.push('the redo log of the heap with a lock is open, but nobody holds the lock');
  const wordAt = (offset: number): bigint => planned.get(offset) ?? view.getBigUint64(base + offset, true);

  const slots = slotsOf(wordAt, constants.LOCK_SLOTS_OFFSET, constants.LOCK_SLOTS_PER_CLIENT);
  const blocks = range(constants.LOCK_BLOCK_COUNT).map((block) =>
    unpackLockBlockWord(wordAt(constants.LOCK_BLOCKS_OFFSET + block * 8)),
  );
  const counts = blocks.map(({ count }) => count);
  recount('the heap with a lock', counts, slots, problems);
  const head = Number(wordAt(constants.LOCK_HEAP_LINE + layout.LockHeap.head.offset));
  inspectFreeList(head, blocks, problems);
  return { holder, openWrites: planned.size, liveBlocks: counts.filter((count) => count > 0).length, references: slots.length };
}

/** The naive heap; null when nobody has prepared it yet. */
export function inspectNaiveHeap(view: DataView, problems: string[]): InspectedNaiveHeap | null {
  const wordAt = (offset: number): bigint => view.getBigUint64(base + offset, true);
  if (wordAt(constants.NAIVE_READY_OFFSET) === 0n) return null;
  const slots = slotsOf(wordAt, constants.NAIVE_SLOTS_OFFSET, constants.NAIVE_SLOTS_PER_CLIENT);
  const counts = range(constants.NAIVE_BLOCK_COUNT).map((block) => Number(wordAt(constants.NAIVE_COUNTS_OFFSET + block * 8)));
  recount('the naive heap', counts, slots, problems);
  return { liveBlocks: counts.filter((count) => count > 0).length, references: slots.length };
}

function inspectLock(view: DataView, clients: readonly InspectedClient[], problems: string[]): InspectedLockHeap['holder'] {
  const { clientPlusOne, reserved, incarnation } = unpackLockWord(
    view.getBigUint64(base + constants.LOCK_LINE + layout.LockLine.word.offset, true),
  );
  if (clientPlusOne === 0 && incarnation === 0 && reserved === 0) return null;
  const client = clientPlusOne - 1;
  if (client < 0 || client >= constants.CLIENT_COUNT || reserved !== 0) {
    problems.push(`the lock of the heap is held by client ${client}, who does not exist`);
    return null;
  }
  const occupant = clients.find(({ id }) => id === client);
  const isThere = occupant?.state === 'joined' && occupant.incarnation === incarnation;
  const isDead = !isThere || occupant.fencedIncarnation >= incarnation;
  if (isDead)
    problems.push(`the lock of the heap is held by client ${client}, incarnation ${incarnation}, who is dead: nobody can go on`);
  return { client, incarnation, isDead };
}

/** What a replay of the log would write: offset in the region -> value. */
function plannedWrites(view: DataView, problems: string[]): ReadonlyMap<number, bigint> {
  const writes = Number(view.getBigUint64(base + constants.REDO_LOG_LINE + layout.RedoLog.committed.offset, true));
  if (writes > constants.REDO_WRITE_LIMIT) {
    problems.push(`the redo log of the heap with a lock has ${writes} writes, more than fit`);
    return new Map();
  }
  const line = base + constants.REDO_WRITES_LINE;
  return new Map(
    range(writes).map((index) => [
      Number(view.getBigUint64(line + layout.RedoWrites.offset0.offset + index * 8, true)),
      view.getBigUint64(line + layout.RedoWrites.value0.offset + index * 8, true),
    ]),
  );
}

/** Every slot that is not empty. */
function slotsOf(wordAt: (offset: number) => bigint, offset: number, slotsPerClient: number): readonly Slot[] {
  return range(constants.CLIENT_COUNT).flatMap((client) =>
    range(slotsPerClient)
      .map((slot) => ({ client, slot, block: Number(wordAt(offset + (client * slotsPerClient + slot) * 8)) - 1 }))
      .filter(({ block }) => block >= 0),
  );
}

/** A count is right when as many slots refer to its block. */
function recount(heap: string, counts: readonly number[], slots: readonly Slot[], problems: string[]): void {
  const references = counts.map(() => 0);
  for (const { client, slot, block } of slots) {
    const where = `slot ${slot} of client ${client} in ${heap}`;
    if (block >= counts.length) problems.push(`${where} refers to block ${block}, which does not exist`);
    else if (counts[block] === 0) problems.push(`${where} is a dangling reference: block ${block} is free`);
    if (block < counts.length) references[block]!++;
  }
  for (const [block, count] of counts.entries()) {
    if (count === 0 || count === references[block]) continue;
    if (references[block] === 0) problems.push(`block ${block} of ${heap} is leaked: it counts ${count}, nobody refers to it`);
    else problems.push(`block ${block} of ${heap} has a wrong count: it counts ${count}, referred to by ${references[block]}`);
  }
}

/** Every free block is on the list, once, and no other. */
function inspectFreeList(head: number, blocks: readonly ReturnType<typeof unpackLockBlockWord>[], problems: string[]): void {
  const listed = new Set<number>();
  for (let nextPlusOne = head; nextPlusOne !== 0; ) {
    const block = blocks[nextPlusOne - 1];
    if (block === undefined) {
      problems.push(`the free list of the heap with a lock names block ${nextPlusOne - 1}, which does not exist`);
      break;
    }
    if (listed.has(nextPlusOne - 1)) {
      problems.push(`the free list of the heap with a lock comes back to block ${nextPlusOne - 1}`);
      break;
    }
    listed.add(nextPlusOne - 1);
    if (block.count > 0)
      problems.push(`block ${nextPlusOne - 1} of the heap with a lock is on the free list and counts ${block.count}`);
    nextPlusOne = block.nextPlusOne;
  }
  for (const [index, { count }] of blocks.entries()) {
    if (count === 0 && !listed.has(index))
      problems.push(`block ${index} of the heap with a lock is leaked: it is free and not on the free list`);
  }
}

function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index);
}
