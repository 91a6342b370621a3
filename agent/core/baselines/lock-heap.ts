// The heap that the paper argues against: one lock, one redo log. It survives that everybody dies: who opens it next replays the
// log. It does not survive that somebody dies: the lock stays taken, and everybody else is BLOCKED until all have stopped. Even
// with a lock that is taken over once its holder is fenced, all others would stand for as long as that takes.

import { load64, publish64, store64 } from '../memory/memory';
import { isAborted } from '../rpc/handle';
import { poolBase } from '../place/place';
import {
  ABORTED,
  BAD_ARGUMENT,
  BASELINE_NOT_OPEN,
  BASELINE_SLOT_EMPTY,
  BASELINE_SLOT_TAKEN,
  BLOCKED,
  CORRUPT,
  FULL,
  NOT_FENCED,
  NOT_FOUND,
  NOT_JOINED,
  OK,
} from '../codes/codes';
import { BASELINE_IS_DAMAGED, crashPoint, invariant } from '../crash-points/crash-point';
import { LOCK_OPEN_AFTER_ENTER, LOCK_OPEN_AFTER_PREPARE, LOCK_OPEN_AFTER_REPLAY } from '../crash-points/catalogue';
import { clientIncarnation, clientState, isFenced, selfClient, selfIncarnation } from '../client-table/client-table';
import { CLIENT_FREE } from '../layout/client';
import { BASELINE_OFFSET } from '../layout/regions';
import {
  BASELINE_CLIENT_LIMIT,
  LOCK_BLOCKS_OFFSET,
  LOCK_BLOCK_COUNT,
  LOCK_HEAP_LINE,
  LOCK_PAYLOADS_OFFSET,
  LOCK_PAYLOAD_BYTES,
  LOCK_SLOTS_OFFSET,
  LOCK_SLOTS_PER_CLIENT,
  LockBlockWord,
  LockHeap,
} from '../layout/baselines';
import { isReady, openerAddress, releaseLock, takeLock, takeLockFromTheDead } from './lock';
import { closeLog, commit, isSound, plan, replay } from './redo-log';

function at(offset: u32): usize {
  return poolBase + BASELINE_OFFSET + offset;
}

function headOffset(): u32 {
  return LOCK_HEAP_LINE + <u32>offsetof<LockHeap>("head");
}

function blockOffset(block: u32): u32 {
  return LOCK_BLOCKS_OFFSET + block * 8;
}

function slotOffset(client: u32, slot: u32): u32 {
  return LOCK_SLOTS_OFFSET + (client * LOCK_SLOTS_PER_CLIENT + slot) * 8;
}

/**
 * Lets this client use the heap; whoever is first after a full stop makes it whole.
 *
 *   1. take       Take the lock; from a dead holder if nobody who lives has the heap open.
 *   2. prepare    Of a pool just formatted: link all blocks, empty all slots, publish that it is done.
 *   3. replay     Of any other: make the committed writes of the redo log, close it.
 *   4. COMMIT     Publish that this incarnation has the heap open.
 *   5. release    Give the lock back.
 *
 * Dead before 4: whoever opens the heap next does the same again. Dead after 4: as in any operation.
 *
 * BLOCKED when the lock did not come free within `maxLooks` looks and may not be taken over; CORRUPT for a log that writes outside
 * the heap: then the lock is kept, so that nobody builds on it.
 */
export function lockOpen(maxLooks: u32): i32 {
  if (selfClient() < 0) return NOT_JOINED;
  if (!takeLock(maxLooks) && !takeLockFromTheDead()) return isAborted() ? ABORTED : BLOCKED;
  if (!isReady()) {
    prepare();
    crashPoint(LOCK_OPEN_AFTER_PREPARE);
  } else {
    if (!isSound()) return CORRUPT;
    replay();
    crashPoint(LOCK_OPEN_AFTER_REPLAY);
  }
  publish64(openerAddress(<u32>selfClient()), <u64>selfIncarnation());
  crashPoint(LOCK_OPEN_AFTER_ENTER);
  releaseLock();
  return OK;
}

function prepare(): void {
  closeLog();
  for (let block: u32 = 0; block < LOCK_BLOCK_COUNT; block++) {
    const next: u32 = block + 1;
    store64(at(blockOffset(block)), LockBlockWord.pack(0, next == LOCK_BLOCK_COUNT ? 0 : next + 1));
  }
  for (let client: u32 = 0; client < BASELINE_CLIENT_LIMIT; client++) {
    store64(openerAddress(client), 0);
    for (let slot: u32 = 0; slot < LOCK_SLOTS_PER_CLIENT; slot++) store64(at(slotOffset(client, slot)), 0);
  }
  store64(at(headOffset()), 1);
  publish64(at(LOCK_HEAP_LINE + <u32>offsetof<LockHeap>("ready")), 1); // publishes L2
}

/** What every operation begins with: OK and the lock, or a refusal. */
function begin(maxLooks: u32): i32 {
  const client: i32 = selfClient();
  if (client < 0) return NOT_JOINED;
  if (!isReady() || load64(openerAddress(<u32>client)) != <u64>selfIncarnation()) return BASELINE_NOT_OPEN;
  if (takeLock(maxLooks)) return OK;
  return isAborted() ? ABORTED : BLOCKED;
}

/** What every operation ends with. */
function end(code: i32): i32 {
  releaseLock();
  return code;
}

/**
 * Puts a reference to a new block into an empty slot of this client.
 *
 *   1. take       Take the lock.
 *   2. log        Write down the new head of the free list, the block's count of 1, the slot.
 *   3. COMMIT     Publish how many writes are written down.
 *   4. apply      Make them.
 *   5. close      Publish that none is left to be made.
 *   6. release    Give the lock back.
 *
 * Dead before 3: nothing happened. Dead after 3: replay repeats 4, which is idempotent. Dead from 1 to 5: everybody else stands.
 */
export function lockAlloc(slot: u32, maxLooks: u32): i32 {
  if (slot >= LOCK_SLOTS_PER_CLIENT) return BAD_ARGUMENT;
  const refusal: i32 = begin(maxLooks);
  if (refusal != OK) return refusal;
  const into: u32 = slotOffset(<u32>selfClient(), slot);
  if (load64(at(into)) != 0) return end(BASELINE_SLOT_TAKEN);
  const head: u64 = load64(at(headOffset()));
  if (head == 0) return end(FULL);
  invariant(head <= <u64>LOCK_BLOCK_COUNT, BASELINE_IS_DAMAGED);
  const block: u32 = <u32>head - 1;
  const word: u64 = load64(at(blockOffset(block)));
  invariant(LockBlockWord.count(word) == 0, BASELINE_IS_DAMAGED);
  plan(0, headOffset(), <u64>LockBlockWord.nextPlusOne(word));
  plan(1, blockOffset(block), LockBlockWord.pack(1, 0));
  plan(2, into, head);
  commit(3);
  return end(OK);
}

/** Puts a reference to a block that lives into an empty slot of this client. Steps as in `lockAlloc`: the count, the slot. */
export function lockAttach(slot: u32, block: u32, maxLooks: u32): i32 {
  if (slot >= LOCK_SLOTS_PER_CLIENT || block >= LOCK_BLOCK_COUNT) return BAD_ARGUMENT;
  const refusal: i32 = begin(maxLooks);
  if (refusal != OK) return refusal;
  const into: u32 = slotOffset(<u32>selfClient(), slot);
  if (load64(at(into)) != 0) return end(BASELINE_SLOT_TAKEN);
  const word: u64 = load64(at(blockOffset(block)));
  // Slots bound the count: it cannot overflow.
  if (LockBlockWord.count(word) == 0) return end(NOT_FOUND);
  plan(0, blockOffset(block), LockBlockWord.pack(LockBlockWord.count(word) + 1, 0));
  plan(1, into, <u64>block + 1);
  commit(2);
  return end(OK);
}

/**
 * Takes the reference out of a slot of this client; the block's last one makes it free. Steps as in `lockAlloc`: the slot, the
 * count, and for the last reference the head of the free list.
 */
export function lockDetach(slot: u32, maxLooks: u32): i32 {
  if (slot >= LOCK_SLOTS_PER_CLIENT) return BAD_ARGUMENT;
  const refusal: i32 = begin(maxLooks);
  return refusal != OK ? refusal : end(empty(slotOffset(<u32>selfClient(), slot)));
}

/** Empties a slot. Only with the lock. */
function empty(slot: u32): i32 {
  const reference: u64 = load64(at(slot));
  if (reference == 0) return BASELINE_SLOT_EMPTY;
  invariant(reference <= <u64>LOCK_BLOCK_COUNT, BASELINE_IS_DAMAGED);
  const block: u32 = <u32>reference - 1;
  const count: u32 = LockBlockWord.count(load64(at(blockOffset(block))));
  invariant(count != 0, BASELINE_IS_DAMAGED);
  plan(0, slot, 0);
  if (count > 1) {
    plan(1, blockOffset(block), LockBlockWord.pack(count - 1, 0));
    commit(2);
  } else {
    plan(1, blockOffset(block), LockBlockWord.pack(0, <u32>load64(at(headOffset()))));
    plan(2, headOffset(), reference);
    commit(3);
  }
  return OK;
}

/**
 * Empties every slot of a client that is gone, or of this one, which inherits what the last occupant of its place held: one
 * operation a slot. After a full stop, whoever goes on decides what of the dead is needed no more. NOT_FENCED while somebody else
 * lives in that place. Can be repeated.
 */
export function lockDrop(client: u32, maxLooks: u32): i32 {
  if (client >= BASELINE_CLIENT_LIMIT) return BAD_ARGUMENT;
  for (let slot: u32 = 0; slot < LOCK_SLOTS_PER_CLIENT; slot++) {
    const refusal: i32 = begin(maxLooks);
    if (refusal != OK) return refusal;
    // With the lock: who has joined in this place meanwhile cannot have filled a slot yet that is not seen to be theirs.
    const isGone: bool = clientState(client) == CLIENT_FREE || isFenced(client, clientIncarnation(client));
    if (!isGone && client != <u32>selfClient()) return end(NOT_FENCED);
    end(empty(slotOffset(client, slot)));
  }
  return OK;
}

/** The block that a slot refers to, or -1. Takes no lock: for the client's own slots, or while nobody works. */
export function lockBlockAt(client: u32, slot: u32): i32 {
  if (client >= BASELINE_CLIENT_LIMIT || slot >= LOCK_SLOTS_PER_CLIENT) return -1;
  return <i32>load64(at(slotOffset(client, slot))) - 1;
}

/** References to a block, 0 for a free one. Takes no lock: what another client is about to change may still be old. */
export function lockCount(block: u32): u32 {
  return block < LOCK_BLOCK_COUNT ? LockBlockWord.count(load64(at(blockOffset(block)))) : 0;
}

/** Where a block's payload of LOCK_PAYLOAD_BYTES lies, from the start of the pool; 0 for a block that does not exist. */
export function lockPayload(block: u32): u32 {
  return block < LOCK_BLOCK_COUNT ? BASELINE_OFFSET + LOCK_PAYLOADS_OFFSET + block * LOCK_PAYLOAD_BYTES : 0;
}
