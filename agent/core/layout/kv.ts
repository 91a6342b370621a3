/** Data of a store: an object whose embedded references are its partitions, held by a named root. Written once, by who made it. */
@unmanaged
export class KvStore {
  /** KV_STORE_MAGIC. */
  magic: u64;
  reserved0: u64;
}

/** Data of a partition: an object whose embedded references are its buckets, a power of two of them. */
@unmanaged
export class KvPartition {
  /** KV_PARTITION_MAGIC. Written once, by who made the store. */
  magic: u64;
  /** `NameOwner` of the one client that changes the partition; 0 for nobody. CAS. */
  writer: u64;
}

/** Data of a key's node, behind its one embedded reference, the next node of the bucket. Its value follows. Written before it is linked. */
@unmanaged
export class KvNode {
  key: u64;
  valueBytes: u32;
  reserved0: u32;
}

export const KV_STORE_MAGIC: u64 = 0x31657265766b7843;
export const KV_PARTITION_MAGIC: u64 = 0x317472617056784b;
export const KV_NODE_REFERENCES: u32 = 1;
/** From the object's header to its key: the header, then the one reference. */
export const KV_NODE_DATA_OFFSET: u32 = 24;
export const KV_NODE_DATA_BYTES: u32 = 16;
