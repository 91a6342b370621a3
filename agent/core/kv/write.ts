// Changing a partition: by its writer alone, one transaction of the heap at a time, so that readers see each key's old node or its new
// one, and whoever recovers the writer finds whole chains.

import { load32, load64, publish64, store32, store64 } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { poolBase } from '../place/place';
import { ALREADY, BAD_ARGUMENT, NOT_FOUND, OK, REFUSED } from '../codes/codes';
import { BROKEN_OFFSET, crashPoint, invariant, STARVED } from '../crash-points/crash-point';
import {
  KV_DELETE_AFTER_UNLINK,
  KV_PUT_AFTER_CHAIN,
  KV_PUT_AFTER_DESCRIBE,
  KV_PUT_AFTER_DROP,
  KV_PUT_AFTER_INSERT,
  KV_PUT_AFTER_REPLACE,
} from '../crash-points/catalogue';
import { KV_NODE_DATA_BYTES, KV_NODE_DATA_OFFSET, KV_NODE_REFERENCES, KvNode } from '../layout/kv';
import { OBJECT_HEADER_BYTES, ObjectHeader, ReferenceWord } from '../layout/object';
import { PageEntry, PageWord } from '../layout/segment';
import { dropRoot } from '../shm/allocate';
import { actorPlusOne, Client } from '../shm/context';
import { drain } from '../shm/dispose';
import { Era } from '../shm/era';
import { flushRange } from '../shm/flush';
import { isPlausible } from '../shm/plausible';
import { attachSlot, changeSlot, detachSlot, moveSlot, releaseSlot } from '../shm/reference';
import { pushRoot, Root } from '../shm/root';
import { pageEntryAt, pageOf, segmentOf } from '../shm/segment';
import { bucketOf, isWriterOf, partitionOf, wide } from './partition';

/** Nodes in one bucket, at most: more than a pool has room for. */
const CHAIN_LIMIT: u32 = 0x10000000;

function nextOf(node: u32): u32 {
  return node + OBJECT_HEADER_BYTES;
}

/** The slot that refers to the key's node, or the empty one at the end of its bucket. */
function slotOfKey(partition: u32, key: u64): u32 {
  let slot: u32 = bucketOf(partition, key);
  for (let nodes: u32 = 0; nodes < CHAIN_LIMIT; nodes++) {
    const seen: u64 = load64(poolBase + slot);
    if (seen == 0) return slot;
    invariant(isPlausible(seen), BROKEN_OFFSET);
    if (load64(poolBase + <u32>seen + KV_NODE_DATA_OFFSET + offsetof<KvNode>("key")) == key) return slot;
    slot = nextOf(<u32>seen);
  }
  invariant(false, STARVED);
  return 0;
}

/** Whether the object can become a node with a value of so many bytes: nobody else refers to it, it refers to nothing, it has the room. */
function isFresh(node: u32, valueBytes: u32): bool {
  if (load32(poolBase + node + offsetof<ObjectHeader>("references")) != KV_NODE_REFERENCES || load64(poolBase + nextOf(node)) != 0) return false;
  if (ReferenceWord.count(load64(poolBase + node + offsetof<ObjectHeader>("word"))) != 1) return false;
  const page: u64 = load64(pageEntryAt(segmentOf(node), pageOf(node)) + offsetof<PageEntry>("word"));
  return <u64>KV_NODE_DATA_OFFSET + <u64>KV_NODE_DATA_BYTES + <u64>valueBytes <= <u64>PageWord.blockBytes(page);
}

/**
 * Makes the object that `root` holds, whose value stands in it, the node of the key, in place of an older one; the root is free
 * afterwards. OK for a new key, ALREADY for one that has a value already, and then:
 *
 *   1. describe   Write key and size into the node, which nobody else knows.
 *   2. chain      Attach the node to what follows the old one.
 *   3. COMMIT     Change the slot that refers to the old node: readers see the old value or the new one, and the same nodes after it.
 *   4. drop       The root; then dispose of the old node, once nobody looks at it.
 *
 * A new key goes to the end of its bucket: 1, then COMMIT moves the reference from the root to the slot.
 *
 * Dead before COMMIT: recovery drops the root, and the node with it. Dead after: the node is linked, recovery does the rest.
 * REFUSED when this client is not the partition's writer; COUNT_FULL, BAD_ARGUMENT: the root still holds the object.
 */
export function kvPut(store: u32, root: u32, keyLow: u32, keyHigh: u32, valueBytes: u32): i32 {
  const refusal: i32 = Client.mayBegin();
  if (refusal != OK) return refusal;
  const key: u64 = wide(keyLow, keyHigh);
  const partition: u32 = partitionOf(store, key);
  const node: u32 = Root.object(root);
  if (partition == 0 || node == 0 || !isFresh(node, valueBytes)) return BAD_ARGUMENT;
  if (!isWriterOf(partition)) return REFUSED;
  if (!mutant(303)) describe(node, key, valueBytes);
  if (mutant(304)) {
    publish64(poolBase + node + offsetof<ObjectHeader>("word"), ReferenceWord.pack(actorPlusOne(), 1, Era.current()));
  }
  crashPoint(KV_PUT_AFTER_DESCRIBE);
  const slot: u32 = slotOfKey(partition, key);
  const old: u32 = <u32>load64(poolBase + slot);
  if (old == 0) {
    if (mutant(304)) insertUnmoved(root, slot, node);
    else moveSlot(root, slot);
    if (mutant(303)) describe(node, key, valueBytes);
    crashPoint(KV_PUT_AFTER_INSERT);
    pushRoot(root);
    return OK;
  }
  const code: i32 = replace(slot, old, node);
  if (mutant(303)) describe(node, key, valueBytes);
  if (code != OK) return code;
  dropRoot(root, node);
  crashPoint(KV_PUT_AFTER_DROP);
  drain();
  return ALREADY;
}

function describe(node: u32, key: u64, valueBytes: u32): void {
  const data: usize = poolBase + node + KV_NODE_DATA_OFFSET;
  store64(data + offsetof<KvNode>("key"), key); // published with the COMMIT of kvPut
  store32(data + offsetof<KvNode>("valueBytes"), valueBytes);
  if (!mutant(309)) flushRange(poolBase + node, KV_NODE_DATA_OFFSET + KV_NODE_DATA_BYTES + valueBytes);
}

/** As the published index does it: an attach under the era that the node is stamped with already. Mutant 304. */
function insertUnmoved(root: u32, slot: u32, node: u32): void {
  attachSlot(slot, node);
  detachSlot(root);
}

/** Steps 2 and 3 of put. */
function replace(slot: u32, old: u32, node: u32): i32 {
  const next: u32 = <u32>load64(poolBase + nextOf(old));
  if (next != 0 && !mutant(306)) {
    const code: i32 = attachSlot(nextOf(node), next);
    if (code != OK) return code;
  }
  crashPoint(KV_PUT_AFTER_CHAIN);
  if (mutant(308)) {
    detachSlot(slot);
    return attachSlot(slot, node);
  }
  const code: i32 = changeSlot(slot, node);
  crashPoint(KV_PUT_AFTER_REPLACE);
  return code;
}

/**
 * Takes the key out of the store.
 *
 *   1. COMMIT    Make the slot that refers to its node refer to the next one, or to nothing at the end of the bucket.
 *   2. dispose   Of the node, once nobody looks at it.
 *
 * Dead before COMMIT: nothing happened. Dead after: recovery does the rest.
 * OK, NOT_FOUND, REFUSED when this client is not the partition's writer, COUNT_FULL, BAD_ARGUMENT.
 */
export function kvDelete(store: u32, keyLow: u32, keyHigh: u32): i32 {
  const refusal: i32 = Client.mayBegin();
  if (refusal != OK) return refusal;
  const key: u64 = wide(keyLow, keyHigh);
  const partition: u32 = partitionOf(store, key);
  if (partition == 0) return BAD_ARGUMENT;
  if (!isWriterOf(partition)) return REFUSED;
  const slot: u32 = slotOfKey(partition, key);
  const node: u32 = <u32>load64(poolBase + slot);
  if (node == 0) return NOT_FOUND;
  const next: u32 = <u32>load64(poolBase + nextOf(node));
  let code: i32 = OK;
  if (next == 0) releaseSlot(slot);
  else code = changeSlot(slot, next);
  crashPoint(KV_DELETE_AFTER_UNLINK);
  drain();
  return code;
}
