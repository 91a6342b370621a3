// What clients do with objects: every number that comes in is checked against the heap before it is followed.

import { load32, load64 } from '../memory/memory';
import { poolBase } from '../place/place';
import { BAD_ARGUMENT, BAD_OFFSET, EMPTY, GONE, HEAP_FULL, OCCUPIED, OK } from '../codes/codes';
import { crashPoint } from '../crash-points/crash-point';
import { SHM_ACQUIRE_AFTER_HAZARD } from '../crash-points/catalogue';
import { OBJECT_HEADER_BYTES, ObjectHeader, ReferenceWord } from '../layout/object';
import { mutant } from '../memory/mutant';
import { Client } from './context';
import { drain } from './dispose';
import { clearHazard, endUse, setHazard, usesHazards } from './hazard';
import { attachSlot, changeSlot, releaseSlot } from './reference';
import { countRoots, popRoot, pushRoot, Root } from './root';
import { isObject, isPlausible } from './plausible';

/** Times that a slot may change while it is being read, before the reader is told EMPTY. */
const ACQUIRE_RETRY_LIMIT: u32 = 1000000;

/** The `index`-th embedded reference of the object; 0 when it has fewer. */
function slotOf(object: u32, index: u32): u32 {
  if (index >= load32(poolBase + object + offsetof<ObjectHeader>("references"))) return 0;
  return object + OBJECT_HEADER_BYTES + index * 8;
}

/** Attaches the `index`-th embedded reference of what `parent` holds to what `target` holds. OK, OCCUPIED, COUNT_FULL, BAD_ARGUMENT. */
export function shmAttach(parent: u32, index: u32, target: u32): i32 {
  const refusal: i32 = Client.mayBegin();
  if (refusal != OK) return refusal;
  const object: u32 = Root.object(target);
  const holder: u32 = Root.object(parent);
  if (object == 0 || holder == 0) return BAD_ARGUMENT;
  const slot: u32 = slotOf(holder, index);
  if (slot == 0) return BAD_ARGUMENT;
  if (load64(poolBase + slot) != 0) return OCCUPIED;
  return attachSlot(slot, object);
}

/** Empties the `index`-th embedded reference of what `parent` holds. OK, EMPTY, BAD_ARGUMENT. */
export function shmDetach(parent: u32, index: u32): i32 {
  const refusal: i32 = Client.mayBegin();
  if (refusal != OK) return refusal;
  const holder: u32 = Root.object(parent);
  if (holder == 0) return BAD_ARGUMENT;
  const slot: u32 = slotOf(holder, index);
  if (slot == 0) return BAD_ARGUMENT;
  if (load64(poolBase + slot) == 0) return EMPTY;
  if (releaseSlot(slot)) drain();
  return OK;
}

/** Makes the `index`-th embedded reference of what `parent` holds refer to what `target` holds; it is never seen empty. OK, COUNT_FULL, BAD_ARGUMENT. */
export function shmChange(parent: u32, index: u32, target: u32): i32 {
  const refusal: i32 = Client.mayBegin();
  if (refusal != OK) return refusal;
  const object: u32 = Root.object(target);
  const holder: u32 = Root.object(parent);
  if (object == 0 || holder == 0) return BAD_ARGUMENT;
  const slot: u32 = slotOf(holder, index);
  if (slot == 0) return BAD_ARGUMENT;
  if (load64(poolBase + slot) == 0) return attachSlot(slot, object);
  const code: i32 = changeSlot(slot, object);
  drain();
  return code;
}

/**
 * A new root on what the `index`-th embedded reference of `parent`'s object refers to, also while its owner changes it. An offset,
 * or EMPTY, COUNT_FULL, HEAP_FULL, BAD_OFFSET, BAD_ARGUMENT.
 */
export function shmAcquire(parent: u32, index: u32): u32 {
  const refusal: i32 = Client.mayBegin();
  if (refusal != OK) return <u32>refusal;
  const holder: u32 = Root.object(parent);
  if (holder == 0) return <u32>BAD_ARGUMENT;
  const slot: u32 = slotOf(holder, index);
  if (slot == 0) return <u32>BAD_ARGUMENT;
  return acquireSlot(slot);
}

/**
 * Takes a reference from a slot that somebody else may change meanwhile.
 *
 *   1. look      Read the slot.
 *   2. hazard    Say that this client looks at the object; read the slot again. When it changed, go to 1.
 *   3. attach    The object is there, though perhaps already dying: attach a root unless its count is 0.
 *   4. clear     Take the hazard back; and the client's bit among those who use hazards, unless it had it before: who disposes of
 *                objects is slower while any bit is set.
 *
 * Dead before 4: recovery takes the hazard back.
 */
export function acquireSlot(slot: u32): u32 {
  const root: u32 = popRoot();
  if (root == 0) return <u32>HEAP_FULL;
  let code: i32 = EMPTY;
  const usedHazards: bool = usesHazards();
  for (let tries: u32 = 0; tries < ACQUIRE_RETRY_LIMIT; tries++) {
    const seen: u64 = load64(poolBase + slot);
    if (seen == 0) break;
    if (!isPlausible(seen)) {
      code = BAD_OFFSET;
      break;
    }
    setHazard(0, <u32>seen);
    crashPoint(SHM_ACQUIRE_AFTER_HAZARD);
    if (!mutant(44) && load64(poolBase + slot) != seen) continue;
    if (!isObject(seen)) {
      code = BAD_OFFSET;
      break;
    }
    code = attachSlot(root, <u32>seen);
    if (code != GONE) break;
    // Its last reference is being taken away, by a client that may be dead: as good as empty.
    code = EMPTY;
    if (load64(poolBase + slot) == seen) break;
  }
  clearHazard(0);
  if (!usedHazards) endUse();
  if (code == OK) return root;
  pushRoot(root);
  return <u32>code;
}

/** Another root on the object that `root` holds. An offset, or COUNT_FULL, HEAP_FULL, BAD_ARGUMENT. */
export function shmClone(root: u32): u32 {
  const refusal: i32 = Client.mayBegin();
  if (refusal != OK) return <u32>refusal;
  const object: u32 = Root.object(root);
  if (object == 0) return <u32>BAD_ARGUMENT;
  const other: u32 = popRoot();
  if (other == 0) return <u32>HEAP_FULL;
  const code: i32 = attachSlot(other, object);
  if (code == OK) return other;
  pushRoot(other);
  return <u32>code;
}

/** Where the payload of a root's object begins, or 0. Its first bytes are its embedded references. */
export function shmPayload(root: u32): u32 {
  const object: u32 = Root.object(root);
  return object == 0 ? 0 : object + OBJECT_HEADER_BYTES;
}

export function shmReferences(root: u32): u32 {
  const object: u32 = Root.object(root);
  return object == 0 ? 0 : load32(poolBase + object + offsetof<ObjectHeader>("references"));
}

/** How many references there are to a root's object, at this moment; 0 for a root that holds nothing. */
export function shmCount(root: u32): u32 {
  const object: u32 = Root.object(root);
  return object == 0 ? 0 : ReferenceWord.count(load64(poolBase + object + offsetof<ObjectHeader>("word")));
}

/** Roots of this client in use, counted. */
export function shmRootsInUse(): u32 {
  return countRoots();
}
