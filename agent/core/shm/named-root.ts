// Named roots: where programs find what others left for them, and what outlives every client.

import { load32, load64, publish64, recall32, swap64 } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { poolBase } from '../place/place';
import { BAD_ARGUMENT, BUSY, FULL, NOT_FOUND, OCCUPIED, OK } from '../codes/codes';
import { crashPoint } from '../crash-points/crash-point';
import { SHM_NAME_AFTER_CHANGE, SHM_NAME_AFTER_CLAIM } from '../crash-points/catalogue';
import { isGone } from '../client-table/self';
import { HeapShape } from '../layout/heap';
import { NAME_LIMIT_BYTES } from '../layout/regions';
import { NamedRoot, NAMED_ROOT_BYTES, NameOwner } from '../layout/named-root';
import { HeapScratch } from '../layout/scratch';
import { findName, registerName } from '../names/name-table';
import { actorPlusOne, Client, heap, shape } from './context';
import { drain } from './dispose';
import { acquireSlot } from './object';
import { flushRange } from './flush';
import { attachSlot, changeSlot, releaseSlot } from './reference';
import { Root } from './root';

function table(): usize {
  return poolBase + load32(shape() + offsetof<HeapShape>("namesOffset"));
}

function nameCount(): u32 {
  return load32(shape() + offsetof<HeapShape>("nameCount"));
}

function slotOf(entry: usize): u32 {
  return <u32>(entry - poolBase) + <u32>offsetof<NamedRoot>("slot");
}

function ownWord(): u64 {
  return NameOwner.pack(actorPlusOne() - 1, recall32(heap() + offsetof<HeapScratch>("incarnation")));
}

/**
 * Makes the named root, whose name stands in the scratch block, hold what `root` holds; 0: nothing.
 *
 *   1. claim     Swap its owner, 0, for this client. Refused with BUSY while another one changes it.
 *   2. change    Attach, change or detach its slot, which has one writer now.
 *   3. release   Publish 0 as its owner.
 *
 * Dead before 3: recovery finishes 2, and others are refused until it has ended; an owner that is gone owns nothing.
 * OK, BUSY, FULL when there are no more names, COUNT_FULL, BAD_ARGUMENT.
 */
export function shmSetName(nameBytes: u32, root: u32): i32 {
  return setName(nameBytes, root, false);
}

/** As `shmSetName`, but OCCUPIED when the name holds something: of all who try, one does it. */
export function shmSetNameOnce(nameBytes: u32, root: u32): i32 {
  return setName(nameBytes, root, true);
}

function setName(nameBytes: u32, root: u32, onlyEmpty: bool): i32 {
  const refusal: i32 = Client.mayBegin();
  if (refusal != OK) return refusal;
  if (nameBytes == 0 || nameBytes > NAME_LIMIT_BYTES) return BAD_ARGUMENT;
  const object: u32 = root == 0 ? 0 : Root.object(root);
  if (root != 0 && object == 0) return BAD_ARGUMENT;
  const entry: usize = registerName(table(), nameCount(), NAMED_ROOT_BYTES, nameBytes);
  if (entry == 0) return FULL;
  const owner: u64 = load64(entry + offsetof<NamedRoot>("owner"));
  if (owner != 0 && !isGone(NameOwner.clientPlusOne(owner) - 1, NameOwner.incarnation(owner))) return BUSY;
  if (swap64(entry + offsetof<NamedRoot>("owner"), owner, ownWord()) != owner) return BUSY;
  crashPoint(SHM_NAME_AFTER_CLAIM);
  // A slot that nobody can find must not be counted, and one that is being changed must not be lent to others.
  if (!mutant(160)) flushRange(entry, NAMED_ROOT_BYTES);
  const slot: u32 = slotOf(entry);
  let code: i32 = OK;
  if (onlyEmpty && load64(poolBase + slot) != 0) code = OCCUPIED;
  else if (object == 0) releaseSlot(slot);
  else if (load64(poolBase + slot) == 0) code = attachSlot(slot, object);
  else code = changeSlot(slot, object);
  crashPoint(SHM_NAME_AFTER_CHANGE);
  publish64(entry + offsetof<NamedRoot>("owner"), 0);
  drain();
  return code;
}

/** A new root on what the named root holds, also while it is changed. An offset, or NOT_FOUND, EMPTY, COUNT_FULL, HEAP_FULL. */
export function shmGetName(nameBytes: u32): u32 {
  const refusal: i32 = Client.mayBegin();
  if (refusal != OK) return <u32>refusal;
  if (nameBytes == 0 || nameBytes > NAME_LIMIT_BYTES) return <u32>BAD_ARGUMENT;
  const entry: usize = findName(table(), nameCount(), NAMED_ROOT_BYTES, nameBytes);
  return entry == 0 ? <u32>NOT_FOUND : acquireSlot(slotOf(entry));
}
