// Counting references in two steps, with nothing that tells afterwards which of them were made: the negative controls. In the
// order NAIVE_LEAKS the count is never too low, in NAIVE_DANGLES never too high; a death between the steps leaves it wrong for
// good.

import { load64, publish64, store64, swap64 } from '../memory/memory';
import { poolBase } from '../place/place';
import {
  BAD_ARGUMENT,
  BASELINE_NOT_OPEN,
  BASELINE_SLOT_EMPTY,
  BASELINE_SLOT_TAKEN,
  BUSY,
  FULL,
  NOT_FENCED,
  NOT_JOINED,
  OK,
} from '../codes/codes';
import { BASELINE_IS_DAMAGED, crashPoint, invariant } from '../crash-points/crash-point';
import {
  NAIVE_ALLOC_BETWEEN,
  NAIVE_ATTACH_BETWEEN,
  NAIVE_DETACH_BETWEEN,
} from '../crash-points/catalogue';
import { isFenced, selfClient } from '../client-table/client-table';
import { BASELINE_OFFSET } from '../layout/regions';
import {
  BASELINE_CLIENT_LIMIT,
  NAIVE_BLOCK_COUNT,
  NAIVE_COUNTS_OFFSET,
  NAIVE_COUNT_LIMIT,
  NAIVE_DANGLES,
  NAIVE_LEAKS,
  NAIVE_READY_OFFSET,
  NAIVE_SLOTS_OFFSET,
  NAIVE_SLOTS_PER_CLIENT,
} from '../layout/baselines';

/** Lost swaps of one count, at most: each means that somebody else counted. */
const COUNT_RETRY_LIMIT: i32 = 10000;

function readyAddress(): usize {
  return poolBase + BASELINE_OFFSET + NAIVE_READY_OFFSET;
}

function countAddress(block: u32): usize {
  return poolBase + BASELINE_OFFSET + NAIVE_COUNTS_OFFSET + block * 8;
}

function slotAddress(client: u32, slot: u32): usize {
  return poolBase + BASELINE_OFFSET + NAIVE_SLOTS_OFFSET + (client * NAIVE_SLOTS_PER_CLIENT + slot) * 8;
}

/** Frees all blocks and empties all slots. Only while nobody else uses this heap, and once before its first use. */
export function naiveClear(): void {
  publish64(readyAddress(), 0);
  for (let block: u32 = 0; block < NAIVE_BLOCK_COUNT; block++) store64(countAddress(block), 0);
  for (let client: u32 = 0; client < BASELINE_CLIENT_LIMIT; client++) {
    for (let slot: u32 = 0; slot < NAIVE_SLOTS_PER_CLIENT; slot++) store64(slotAddress(client, slot), 0);
  }
  publish64(readyAddress(), 1); // publishes N1
}

function refusalOf(order: u32, slot: u32): i32 {
  if (order > NAIVE_DANGLES || slot >= NAIVE_SLOTS_PER_CLIENT) return BAD_ARGUMENT;
  if (selfClient() < 0) return NOT_JOINED;
  return load64(readyAddress()) == 0 ? BASELINE_NOT_OPEN : OK; // sees N1
}

/**
 * Puts a reference to a free block into an empty slot of this client.
 *
 *   NAIVE_LEAKS      1. count   Swap a count of 0 for 1; on a lost race, the next block.   2. link   Store the block in the slot.
 *   NAIVE_DANGLES    1. link, 2. count; on a lost race, both again for the next block.
 *
 * Dead between: a block that nobody refers to; or a reference that is not counted, to a block that anybody may get.
 */
export function naiveAlloc(order: u32, slot: u32): i32 {
  const refusal: i32 = refusalOf(order, slot);
  if (refusal != OK) return refusal;
  const into: usize = slotAddress(<u32>selfClient(), slot);
  if (load64(into) != 0) return BASELINE_SLOT_TAKEN;
  for (let block: u32 = 0; block < NAIVE_BLOCK_COUNT; block++) {
    if (load64(countAddress(block)) != 0) continue;
    if (order == NAIVE_DANGLES) publish64(into, <u64>block + 1);
    else if (swap64(countAddress(block), 0, 1) != 0) continue;
    crashPoint(NAIVE_ALLOC_BETWEEN);
    if (order == NAIVE_LEAKS) publish64(into, <u64>block + 1);
    else if (swap64(countAddress(block), 0, 1) != 0) {
      publish64(into, 0);
      continue;
    }
    return OK;
  }
  return FULL;
}

/**
 * Puts a reference to `block`, which somebody else holds meanwhile, into an empty slot of this client.
 *
 *   NAIVE_LEAKS      1. count   Swap the count for one more.   2. link   Store the block in the slot.
 *   NAIVE_DANGLES    1. link, 2. count.
 *
 * Dead between: one more is counted than refer to it; or one less, as soon as the dead client's slot is dropped.
 */
export function naiveAttach(order: u32, slot: u32, block: u32): i32 {
  const refusal: i32 = refusalOf(order, slot);
  if (refusal != OK) return refusal;
  if (block >= NAIVE_BLOCK_COUNT) return BAD_ARGUMENT;
  const into: usize = slotAddress(<u32>selfClient(), slot);
  if (load64(into) != 0) return BASELINE_SLOT_TAKEN;
  if (order == NAIVE_DANGLES) publish64(into, <u64>block + 1);
  else if (!count(block, 1)) return BUSY;
  crashPoint(NAIVE_ATTACH_BETWEEN);
  if (order == NAIVE_LEAKS) publish64(into, <u64>block + 1);
  else if (!count(block, 1)) {
    publish64(into, 0);
    return BUSY;
  }
  return OK;
}

/**
 * Takes the reference out of a slot of this client; a block whose count becomes 0 is free.
 *
 *   NAIVE_LEAKS      1. unlink  Empty the slot.   2. count   Swap the count for one less.
 *   NAIVE_DANGLES    1. count, 2. unlink.
 *
 * Dead between: one more is counted than refer to it; or one less, as soon as the dead client's slot is dropped.
 */
export function naiveDetach(order: u32, slot: u32): i32 {
  const refusal: i32 = refusalOf(order, slot);
  return refusal != OK ? refusal : drop(order, slotAddress(<u32>selfClient(), slot));
}

function drop(order: u32, slot: usize): i32 {
  const reference: u64 = load64(slot);
  if (reference == 0) return BASELINE_SLOT_EMPTY;
  invariant(reference <= <u64>NAIVE_BLOCK_COUNT, BASELINE_IS_DAMAGED);
  const block: u32 = <u32>reference - 1;
  if (order == NAIVE_LEAKS) publish64(slot, 0);
  else if (!count(block, -1)) return BUSY;
  crashPoint(NAIVE_DETACH_BETWEEN);
  if (order == NAIVE_DANGLES) publish64(slot, 0);
  else if (!count(block, -1)) return BUSY;
  return OK;
}

/**
 * Swaps the count for one that differs by `change`; false when that is refused. A count that is 0 already stays 0: then both the
 * reference and the count were wrong.
 */
function count(block: u32, change: i32): bool {
  for (let tries: i32 = 0; tries < COUNT_RETRY_LIMIT; tries++) {
    const seen: u64 = load64(countAddress(block));
    if (change < 0 && seen == 0) return true;
    if (change > 0 && seen >= <u64>NAIVE_COUNT_LIMIT) return false;
    if (swap64(countAddress(block), seen, seen + <u64>change) == seen) return true;
  }
  return false;
}

/** All that can be done for a dead client: drop what its slots say. What it was in the middle of cannot be told. */
export function naiveRecover(order: u32, client: u32, incarnation: u32): i32 {
  const refusal: i32 = refusalOf(order, 0);
  if (refusal != OK) return refusal;
  if (client >= BASELINE_CLIENT_LIMIT || incarnation == 0) return BAD_ARGUMENT;
  if (!isFenced(client, incarnation)) return NOT_FENCED;
  for (let slot: u32 = 0; slot < NAIVE_SLOTS_PER_CLIENT; slot++) drop(order, slotAddress(client, slot));
  return OK;
}

/** The block that a slot refers to, or -1. */
export function naiveBlockAt(client: u32, slot: u32): i32 {
  if (client >= BASELINE_CLIENT_LIMIT || slot >= NAIVE_SLOTS_PER_CLIENT) return -1;
  return <i32>load64(slotAddress(client, slot)) - 1;
}

export function naiveCount(block: u32): u32 {
  return block < NAIVE_BLOCK_COUNT ? <u32>load64(countAddress(block)) : 0;
}
