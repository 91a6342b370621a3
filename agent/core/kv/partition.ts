// The KV store of CXL-SHM: where a key lies, and who may change it there. A store is an object that refers to its partitions, a
// partition one that refers to the first node of each bucket. One client changes a partition, all read it.

import { load32, load64, publish64, recall32, swap64 } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { poolBase } from '../place/place';
import { ALREADY, BAD_ARGUMENT, BUSY, OK } from '../codes/codes';
import { crashPoint } from '../crash-points/crash-point';
import { KV_CLAIM_AFTER_COMMIT } from '../crash-points/catalogue';
import { isGone } from '../client-table/self';
import { KV_PARTITION_MAGIC, KV_STORE_MAGIC, KvPartition, KvStore } from '../layout/kv';
import { NameOwner } from '../layout/named-root';
import { OBJECT_HEADER_BYTES, ObjectHeader } from '../layout/object';
import { HeapScratch } from '../layout/scratch';
import { actorPlusOne, Client, heap } from '../shm/context';
import { flush } from '../shm/flush';
import { isPlausible } from '../shm/plausible';
import { Root } from '../shm/root';

/** The lower half chooses the bucket, the upper half the partition. */
function mix(key: u64): u64 {
  let mixed: u64 = (key ^ (key >> 32)) * 0x9e3779b97f4a7c15;
  mixed = (mixed ^ (mixed >> 29)) * 0x9e3779b97f4a7c15;
  return mixed ^ (mixed >> 32);
}

function references(object: u32): u32 {
  return load32(poolBase + object + offsetof<ObjectHeader>("references"));
}

function dataOf(object: u32): usize {
  return poolBase + object + OBJECT_HEADER_BYTES + references(object) * 8;
}

/** The store that a root of this client holds; 0 when it holds none. */
function storeOf(root: u32): u32 {
  const object: u32 = Root.object(root);
  if (object == 0 || references(object) == 0) return 0;
  return load64(dataOf(object) + offsetof<KvStore>("magic")) == KV_STORE_MAGIC ? object : 0;
}

/** The `index`-th partition of the store; 0 when there is none. It lives as long as the store, which never lets go of it. */
function partitionAt(store: u32, index: u32): u32 {
  if (store == 0 || index >= references(store)) return 0;
  const partition: u64 = load64(poolBase + store + OBJECT_HEADER_BYTES + index * 8);
  if (!isPlausible(partition) || references(<u32>partition) == 0) return 0;
  return load64(dataOf(<u32>partition) + offsetof<KvPartition>("magic")) == KV_PARTITION_MAGIC ? <u32>partition : 0;
}

function indexOf(store: u32, key: u64): u32 {
  return <u32>(((mix(key) >> 32) * <u64>references(store)) >> 32);
}

/** The partition in which the key is, if it is anywhere; 0 when `root` holds no store. */
export function partitionOf(root: u32, key: u64): u32 {
  const store: u32 = storeOf(root);
  return store == 0 ? 0 : partitionAt(store, indexOf(store, key));
}

/** The slot that refers to the first node of the key's bucket. */
export function bucketOf(partition: u32, key: u64): u32 {
  return partition + OBJECT_HEADER_BYTES + (<u32>mix(key) & (references(partition) - 1)) * 8;
}

function writerAt(partition: u32): usize {
  return dataOf(partition) + offsetof<KvPartition>("writer");
}

function ownWord(): u64 {
  return NameOwner.pack(actorPlusOne() - 1, recall32(heap() + offsetof<HeapScratch>("incarnation")));
}

/** Whether this client is the one that changes the partition. */
export function isWriterOf(partition: u32): bool {
  return load64(writerAt(partition)) == ownWord();
}

/** Which partition of the store the key belongs to. */
export function kvPartition(store: u32, keyLow: u32, keyHigh: u32): u32 {
  const object: u32 = storeOf(store);
  return object == 0 ? 0 : indexOf(object, wide(keyLow, keyHigh));
}

/**
 * Makes this client the one that changes a partition.
 *
 *   1. look      Read who is: nobody, or a client whose incarnation ended, its recovery included.
 *   2. COMMIT    Swap that for this client.
 *
 * What a dead writer was in the middle of is finished by its recovery, so whoever comes after it finds whole chains.
 * Dead after 2: the next one finds a client that is gone.
 * OK, ALREADY, BUSY while the writer is there or is not recovered, BAD_ARGUMENT.
 */
export function kvClaim(store: u32, index: u32): i32 {
  const refusal: i32 = Client.mayBegin();
  if (refusal != OK) return refusal;
  const partition: u32 = partitionAt(storeOf(store), index);
  if (partition == 0) return BAD_ARGUMENT;
  const seen: u64 = load64(writerAt(partition));
  if (seen == ownWord()) return ALREADY;
  const isThere: bool = seen != 0 && !isGone(NameOwner.clientPlusOne(seen) - 1, NameOwner.incarnation(seen));
  if (isThere && !mutant(307)) return BUSY;
  if (swap64(writerAt(partition), seen, ownWord()) != seen) return BUSY;
  crashPoint(KV_CLAIM_AFTER_COMMIT);
  // On the device before the first change, which has a locked write: or another writer might come in ahead of the recovery.
  if (!mutant(310)) flush(writerAt(partition));
  return OK;
}

/** Lets another client change the partition. OK, BAD_ARGUMENT when this client does not. */
export function kvYield(store: u32, index: u32): i32 {
  const refusal: i32 = Client.mayBegin();
  if (refusal != OK) return refusal;
  const partition: u32 = partitionAt(storeOf(store), index);
  if (partition == 0 || !isWriterOf(partition)) return BAD_ARGUMENT;
  publish64(writerAt(partition), 0);
  return OK;
}

export function wide(low: u32, high: u32): u64 {
  return (<u64>high << 32) | <u64>low;
}
