// Reading a partition that its writer may change at the same time: without a count, a lock, or a step of anybody else.

import { load32, load64, recall32 } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { poolBase } from '../place/place';
import { BAD_ARGUMENT, BAD_OFFSET, BUSY, NOT_FOUND, OK } from '../codes/codes';
import { crashPoint } from '../crash-points/crash-point';
import { KV_GET_AFTER_HAZARD } from '../crash-points/catalogue';
import { KV_NODE_DATA_BYTES, KV_NODE_DATA_OFFSET, KvNode } from '../layout/kv';
import { OBJECT_HEADER_BYTES } from '../layout/object';
import { HeapScratch } from '../layout/scratch';
import { Client, heap } from '../shm/context';
import { clearHazard, setHazard } from '../shm/hazard';
import { isPlausible } from '../shm/plausible';
import { bucketOf, partitionOf, wide } from './partition';

/** The two hazards that a reader walks on; 0 is for `shmAcquire`, so that a reader may use the heap while it looks at a value. */
const FIRST_HAZARD: u32 = 1;
const SECOND_HAZARD: u32 = 2;
/** Nodes looked at in one call, restarts included: every restart is a change that the writer has made meanwhile. */
const LOOK_LIMIT: u32 = 1000000;

/**
 * Where the node of the key lies that the store has now, as the pool offset of its `KvNode`; NOT_FOUND, BUSY after very many changes,
 * BAD_OFFSET, BAD_ARGUMENT. A node that was found stays what it is until `kvRelease` or the next `kvGet`, whatever its writer does.
 *
 *   1. look      Read the slot: at first the bucket's, then that of the node before.
 *   2. hazard    Say that this client looks at the node; the node before keeps its hazard.
 *   3. again     Read the slot again: when it changed, begin anew at the bucket. It did not, so whoever disposes of the node will see
 *                the hazard.
 *   4. compare   The key is this one: found. Otherwise go to 1 with the node's own slot.
 *   5. end       An empty slot ends the bucket, or the node that has it was taken apart. In the first case the slot that led to the
 *                node still does, for nodes are unlinked before they are taken apart; in the other begin anew.
 *
 * What follows an unlinked node stays what it was when it was unlinked, until it is taken apart: a walk that goes on from there answers
 * as of that moment, which lies within the call. Dead at any time: recovery takes the hazards back.
 */
export function kvGet(store: u32, keyLow: u32, keyHigh: u32): u32 {
  const refusal: i32 = Client.mayBegin();
  if (refusal != OK) return <u32>refusal;
  const key: u64 = wide(keyLow, keyHigh);
  const partition: u32 = partitionOf(store, key);
  if (partition == 0) return <u32>BAD_ARGUMENT;
  const bucket: u32 = bucketOf(partition, key);
  let slot: u32 = bucket;
  // The node that has the slot, and the slot that led there; 0 at the bucket.
  let node: u32 = 0;
  let before: u32 = 0;
  let hazard: u32 = FIRST_HAZARD;
  let code: i32 = BUSY;
  for (let looks: u32 = 0; looks < LOOK_LIMIT; looks++) {
    const seen: u64 = load64(poolBase + slot);
    if (seen == 0) {
      if (node == 0 || load64(poolBase + before) == <u64>node || mutant(302)) {
        code = NOT_FOUND;
        break;
      }
      slot = bucket;
      node = 0;
      continue;
    }
    if (!isPlausible(seen)) {
      code = BAD_OFFSET;
      break;
    }
    if (!mutant(305)) hazard = FIRST_HAZARD + SECOND_HAZARD - hazard;
    if (!mutant(300)) setHazard(hazard, <u32>seen);
    crashPoint(KV_GET_AFTER_HAZARD);
    if (load64(poolBase + slot) != seen && !mutant(301)) {
      slot = bucket;
      node = 0;
      continue;
    }
    const data: u32 = <u32>seen + KV_NODE_DATA_OFFSET;
    if (load64(poolBase + data + offsetof<KvNode>("key")) == key) return data;
    before = slot;
    node = <u32>seen;
    slot = node + OBJECT_HEADER_BYTES;
  }
  release();
  return <u32>code;
}

/** How long the value is of a node that `kvGet` found; it begins behind the `KvNode`. Never so long that it ends behind the heap. */
export function kvValueBytes(data: u32): u32 {
  if (!isPlausible(<u64>data & ~15)) return 0;
  const valueBytes: u32 = load32(poolBase + data + offsetof<KvNode>("valueBytes"));
  const end: u64 = <u64>data + <u64>KV_NODE_DATA_BYTES + <u64>valueBytes;
  const limit: u64 = <u64>recall32(heap() + offsetof<HeapScratch>("segmentsOffset")) + <u64>recall32(heap() + offsetof<HeapScratch>("heapBytes"));
  return end <= limit ? valueBytes : 0;
}

/** This client looks at no node any more. */
export function kvRelease(): i32 {
  const refusal: i32 = Client.mayBegin();
  if (refusal != OK) return refusal;
  release();
  return OK;
}

function release(): void {
  clearHazard(FIRST_HAZARD);
  clearHazard(SECOND_HAZARD);
}
