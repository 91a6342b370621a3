// The transactions of CXL-SHM: a reference and its count change together, whatever dies (paper §2, reference counting with eras).

import { load32, load64, publish32, publish64, recall32, store32, store64, swap64 } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { poolBase } from '../place/place';
import { COUNT_FULL, GONE, OK } from '../codes/codes';
import { COUNT_LIMIT, ObjectHeader, ReferenceWord } from '../layout/object';
import { HeapClient, REDO_ATTACH, REDO_CHANGE, REDO_DETACH, REDO_MOVE, REDO_RELEASE } from '../layout/heap';
import { HeapScratch } from '../layout/scratch';
import { BROKEN_OFFSET, crashPoint, DANGLING_REFERENCE, invariant, STARVED } from '../crash-points/crash-point';
import {
  SHM_ATTACH_AFTER_COMMIT,
  SHM_ATTACH_AFTER_FAILED_CAS,
  SHM_ATTACH_AFTER_LINK,
  SHM_ATTACH_AFTER_REDO,
  SHM_ATTACH_AFTER_WITNESS,
  SHM_CHANGE_AFTER_COMMIT,
  SHM_CHANGE_AFTER_FAILED_CAS,
  SHM_CHANGE_AFTER_LINK,
  SHM_CHANGE_AFTER_LOG,
  SHM_CHANGE_AFTER_REDO,
  SHM_DETACH_AFTER_CLEAR,
  SHM_DETACH_AFTER_COMMIT,
  SHM_DETACH_AFTER_DYING,
  SHM_DETACH_AFTER_FAILED_CAS,
  SHM_DETACH_AFTER_REDO,
  SHM_MOVE_AFTER_CLEAR,
  SHM_MOVE_AFTER_COMMIT,
  SHM_MOVE_AFTER_LINK,
  SHM_RELEASE_AFTER_CLEAR,
  SHM_RELEASE_AFTER_COMMIT,
  SHM_RELEASE_AFTER_DYING,
  SHM_RELEASE_AFTER_FAILED_CAS,
  SHM_RELEASE_AFTER_LOG,
} from '../crash-points/catalogue';
import { actorPlusOne, heap, isActing } from './context';
import { Era } from './era';
import { fence, flush } from './flush';
import { isObject, isPlausible } from './plausible';
import { Redo } from './redo';

/** Lost swaps of one transaction, at most. Each means that another client got on, so reaching this is a broken heap. */
const RETRY_LIMIT: u32 = 100000000;

function wordAt(object: u32): usize {
  return poolBase + object + offsetof<ObjectHeader>("word");
}

/**
 * Makes the empty slot at `slot`, which only this client writes, refer to `object`, which this client holds or protects.
 *
 *   1. observe   Read the object's word; publish the era that it proves, since step 3 erases that proof.
 *   2. redo      Write what is about to happen to this client's redo record.
 *   3. COMMIT    Swap the word for { this client, count + 1, this era }. On a lost race, go to 1.
 *   4. link      Store the object's offset in the slot.
 *   5. advance   Open the next era.
 *
 * Dead before 3: nothing happened. Dead after 3: recovery repeats 4, which is idempotent.
 * OK; GONE when nothing refers to the object any more; COUNT_FULL.
 */
export function attachSlot(slot: u32, object: u32): i32 {
  for (let tries: u32 = 0; ; tries++) {
    const seen: u64 = load64(wordAt(object));
    const count: u32 = ReferenceWord.count(seen);
    if (count == 0 || (count >= COUNT_LIMIT && !mutant(48))) {
      if (tries != 0) Redo.forget();
      return count == 0 ? GONE : COUNT_FULL;
    }
    if (!mutant(27)) Era.witness(seen);
    crashPoint(SHM_ATTACH_AFTER_WITNESS);
    if (!mutant(21)) Redo.write(REDO_ATTACH, slot, object, 0, Era.current());
    crashPoint(SHM_ATTACH_AFTER_REDO);
    if (mutant(22)) store64(poolBase + slot, <u64>object);
    const next: u64 = ReferenceWord.pack(actorPlusOne(), count + 1, Era.current());
    if (swap64(wordAt(object), seen, next) == seen) break;
    if (mutant(27)) Era.witness(seen);
    crashPoint(SHM_ATTACH_AFTER_FAILED_CAS);
    invariant(tries < RETRY_LIMIT, STARVED);
  }
  crashPoint(SHM_ATTACH_AFTER_COMMIT);
  if (!mutant(105)) flush(wordAt(object));
  if (!mutant(106)) fence();
  store64(poolBase + slot, <u64>object); // published with E1
  crashPoint(SHM_ATTACH_AFTER_LINK);
  if (!mutant(107)) flush(poolBase + slot);
  if (!mutant(23)) Era.advance();
  return OK;
}

/**
 * Empties the slot at `slot`, which only this client writes and nobody acquires from. Whoever counts to zero owns the corpse.
 *
 *   1. observe   Read slot and word; publish the era that the word proves.
 *   2. redo      Write what is about to happen.
 *   3. COMMIT    Swap the word for { this client, count - 1, this era }. On a lost race, go to 1.
 *   4. clear     Store 0 in the slot.
 *   5. dying     At count zero, put the object on this client's dying list.
 *   6. advance   Open the next era.
 *
 * Dead before 3: nothing happened. Dead after 3: recovery repeats 4 and 5, which are idempotent. The corpse waits for `drain`; the
 * answer says whether there is one.
 */
export function detachSlot(slot: u32): bool {
  const seen: u64 = load64(poolBase + slot);
  if (seen == 0) return false;
  invariant(isPlausible(seen), BROKEN_OFFSET);
  const object: u32 = <u32>seen;
  const early: u32 = mutant(46) ? ReferenceWord.count(load64(wordAt(object))) : 0;
  let count: u32 = Word.discount(object, REDO_DETACH, slot);
  if (mutant(46)) count = early;
  crashPoint(SHM_DETACH_AFTER_COMMIT);
  if (!mutant(108)) flush(wordAt(object));
  if (!mutant(109)) fence();
  store64(poolBase + slot, 0); // published with E1
  crashPoint(SHM_DETACH_AFTER_CLEAR);
  if (!mutant(110)) flush(poolBase + slot);
  if (count == 1) pushDying(object);
  crashPoint(SHM_DETACH_AFTER_DYING);
  Era.advance();
  return count == 1;
}

/**
 * As `detachSlot`, for slots that are emptied in passing, by a recoverer perhaps: what others wrote there and is no reference is cleared
 * and not counted, so that nobody dies of it. Whether there is a corpse.
 */
export function dropSlot(slot: u32): bool {
  const seen: u64 = load64(poolBase + slot);
  if (seen == 0) return false;
  if (refersToObject(seen)) return detachSlot(slot);
  if (isPlausible(seen) && !mutant(170)) flush(wordAt(<u32>seen)); // what made it refer to nothing
  publish64(poolBase + slot, 0);
  return false;
}

function refersToObject(offset: u64): bool {
  return isObject(offset) && ReferenceWord.count(load64(wordAt(<u32>offset))) != 0;
}

class Word {
  /** Steps 1 to 3 of detach, under a record that is written (`REDO_RELEASE`) or written here. The count before. */
  @inline
  static discount(object: u32, operation: u32, slot: u32): u32 {
    let count: u32 = 0;
    for (let tries: u32 = 0; ; tries++) {
      const seen: u64 = load64(wordAt(object));
      count = ReferenceWord.count(seen);
      invariant(count > 0, DANGLING_REFERENCE);
      Era.witness(seen);
      if (operation == REDO_DETACH && !(mutant(47) && isActing())) {
        Redo.write(REDO_DETACH, slot, object, 0, Era.current());
        crashPoint(SHM_DETACH_AFTER_REDO);
      }
      const next: u64 = ReferenceWord.pack(actorPlusOne(), count - 1, Era.current());
      if (swap64(wordAt(object), seen, next) == seen) break;
      if (operation == REDO_DETACH) crashPoint(SHM_DETACH_AFTER_FAILED_CAS);
      else crashPoint(SHM_RELEASE_AFTER_FAILED_CAS);
      invariant(tries < RETRY_LIMIT, STARVED);
    }
    return count;
  }
}

/** Idempotent within an era: only the head can be the object that this era's detach has pushed. */
export function pushDying(object: u32): void {
  const line: usize = recall32(heap() + offsetof<HeapScratch>("clientAt"));
  const head: u32 = load32(line + offsetof<HeapClient>("dying"));
  if (head == object) return;
  store32(poolBase + object + offsetof<ObjectHeader>("next"), head);
  if (!mutant(111)) flush(poolBase + object);
  publish32(line + offsetof<HeapClient>("dying"), object);
  if (!mutant(112)) flush(line);
}

/**
 * Makes a slot that refers to one object refer to another, so that no reader ever sees it empty.
 *
 *   1. observe   Read the new object's word; publish the era that it proves.
 *   2. redo      Write slot, new and old object.
 *   3. COMMIT    Swap the new object's word for { this client, count + 1, this era }. On a lost race, go to 1.
 *   4. link      Store the new object's offset in the slot.
 *   5. log       Write the record of the second half under the next era.
 *   6. advance   Open the next era.
 *   7. release   Discount the old object under that era, as detach does; then advance.
 *
 * Dead before 3: nothing happened. Dead after 3: recovery repeats 4 to 6 and goes on with 7, which must complete.
 */
export function changeSlot(slot: u32, object: u32): i32 {
  const old: u32 = <u32>load64(poolBase + slot);
  for (let tries: u32 = 0; ; tries++) {
    const seen: u64 = load64(wordAt(object));
    const count: u32 = ReferenceWord.count(seen);
    if (count == 0 || (count >= COUNT_LIMIT && !mutant(48))) {
      if (tries != 0) Redo.forget();
      return count == 0 ? GONE : COUNT_FULL;
    }
    Era.witness(seen);
    Redo.write(REDO_CHANGE, slot, object, old, Era.current());
    crashPoint(SHM_CHANGE_AFTER_REDO);
    const next: u64 = ReferenceWord.pack(actorPlusOne(), count + 1, Era.current());
    if (swap64(wordAt(object), seen, next) == seen) break;
    crashPoint(SHM_CHANGE_AFTER_FAILED_CAS);
    invariant(tries < RETRY_LIMIT, STARVED);
  }
  crashPoint(SHM_CHANGE_AFTER_COMMIT);
  if (!mutant(113)) flush(wordAt(object));
  if (!mutant(114)) fence();
  finishChange(slot, object, old);
  return OK;
}

/** Steps 4 to 7 of change: also what recovery repeats. */
export function finishChange(slot: u32, object: u32, old: u32): void {
  store64(poolBase + slot, <u64>object); // published with E1
  crashPoint(SHM_CHANGE_AFTER_LINK);
  if (!mutant(115)) flush(poolBase + slot);
  if (!mutant(24)) Redo.write(REDO_RELEASE, 0, old, 0, Era.current() + 1);
  crashPoint(SHM_CHANGE_AFTER_LOG);
  Era.advance();
  finishRelease(old);
}

/**
 * Empties the slot at `slot`, from which others may acquire: it is cleared before its object is discounted, so that whoever finds an
 * object there and says that it looks at it is seen by whoever disposes of the object. Whether there is a corpse.
 *
 *   1. COMMIT    Publish the record.
 *   2. clear     Store 0 in the slot.
 *   3. release   Discount the object, as detach does; then advance.
 *
 * Dead before 1: nothing happened. Dead after 1: recovery repeats 2 and goes on with 3, which must complete.
 */
export function releaseSlot(slot: u32): bool {
  if (mutant(57)) return detachSlot(slot);
  const seen: u64 = load64(poolBase + slot);
  if (seen == 0) return false;
  // Before the commit: what is released must be, and a recoverer would die of it as well.
  invariant(refersToObject(seen), BROKEN_OFFSET);
  const object: u32 = <u32>seen;
  Redo.commit(REDO_RELEASE, slot, object, 0);
  crashPoint(SHM_RELEASE_AFTER_LOG);
  store64(poolBase + slot, 0); // published with the swap
  crashPoint(SHM_RELEASE_AFTER_CLEAR);
  if (!mutant(119)) flush(poolBase + slot);
  return finishRelease(object);
}

/** Step 7 of change and 3 of release, whose record is written: also what recovery goes on with. Whether there is a corpse. */
export function finishRelease(object: u32): bool {
  const count: u32 = Word.discount(object, REDO_RELEASE, 0);
  crashPoint(SHM_RELEASE_AFTER_COMMIT);
  if (!mutant(116)) flush(wordAt(object));
  if (count == 1) pushDying(object);
  crashPoint(SHM_RELEASE_AFTER_DYING);
  Era.advance();
  return count == 1;
}

/**
 * Moves a reference from one slot to another, both this client's, without counting.
 *
 *   1. COMMIT    Publish the record: from, to, object.
 *   2. link      Store the object's offset in the slot it goes to.
 *   3. clear     Store 0 in the slot it leaves.
 *   4. advance   Open the next era.
 *
 * Dead before 1: nothing happened. Dead after 1: recovery repeats 2 and 3, which are idempotent.
 */
export function moveSlot(from: u32, to: u32): void {
  const object: u32 = <u32>load64(poolBase + from);
  Redo.commit(REDO_MOVE, to, object, from);
  crashPoint(SHM_MOVE_AFTER_COMMIT);
  finishMove(from, to, object);
}

/** Steps 2 to 4 of move: also what recovery repeats. */
export function finishMove(from: u32, to: u32, object: u32): void {
  store64(poolBase + to, <u64>object); // published with E1
  crashPoint(SHM_MOVE_AFTER_LINK);
  store64(poolBase + from, 0);
  crashPoint(SHM_MOVE_AFTER_CLEAR);
  if (!mutant(117)) flush(poolBase + to);
  if (!mutant(118)) flush(poolBase + from);
  Era.advance();
}
