// The two heaps that CXL-SHM is compared with. Offsets ending in _LINE or _OFFSET count from the start of the region of the
// baselines. Clients are places of the client table.

/** Line 0 of the heap with a lock. */
@unmanaged
export class LockLine {
  /** `LockWord`; 0 for free. CAS by who takes it, published by who gives it back. */
  word: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
  reserved5: u64;
  reserved6: u64;
}

/** Line 1 of the heap with a lock. Written by the holder of the lock. */
@unmanaged
export class LockHeap {
  /** 1 once the heap is prepared; cleared by the formatter of the pool. */
  ready: u64;
  /** First free block, plus one; 0 when memory is full. */
  head: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
  reserved5: u64;
}

/** Line 2 of the heap with a lock. Written by the holder of the lock. */
@unmanaged
export class RedoLog {
  /** How many writes are committed and perhaps not all made; 0 for a log that is closed. Its publication is the commit. */
  committed: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
  reserved5: u64;
  reserved6: u64;
}

/** Line 3 of the heap with a lock: the writes of one operation. By the holder of the lock, before the commit. */
@unmanaged
export class RedoWrites {
  /** Where the first write goes, from the start of the region. */
  offset0: u64;
  offset1: u64;
  offset2: u64;
  reserved0: u64;
  /** What the first write puts there. */
  value0: u64;
  value1: u64;
  value2: u64;
  reserved1: u64;
}

export const LOCK_LINE: u32 = 0;
export const LOCK_HEAP_LINE: u32 = 64;
export const REDO_LOG_LINE: u32 = 128;
export const REDO_WRITES_LINE: u32 = 192;
/** Writes of one operation, at most: list head, block, slot. */
export const REDO_WRITE_LIMIT: u32 = 3;
/** Places of clients for which both heaps have room. */
export const BASELINE_CLIENT_LIMIT: u32 = 256;

/** One u64 a client: the incarnation that has opened the heap with a lock; 0 for none. By the client, holding the lock. */
export const LOCK_OPENERS_OFFSET: u32 = 256;
/** One `LockBlockWord` a block. */
export const LOCK_BLOCKS_OFFSET: u32 = 2304;
export const LOCK_BLOCK_COUNT: u32 = 256;
export const LOCK_PAYLOADS_OFFSET: u32 = 4352;
export const LOCK_PAYLOAD_BYTES: u32 = 64;
/** One u64 a slot: a block, plus one; 0 for an empty slot. The slots of a client lie together. */
export const LOCK_SLOTS_OFFSET: u32 = 20736;
export const LOCK_SLOTS_PER_CLIENT: u32 = 16;

/** 1 once the naive heap is prepared; cleared by the formatter of the pool. One u64 in a line of its own. */
export const NAIVE_READY_OFFSET: u32 = 57344;
/** One u64 a block, its count; 0 for a free block. CAS by everybody. */
export const NAIVE_COUNTS_OFFSET: u32 = 57408;
export const NAIVE_BLOCK_COUNT: u32 = 64;
/** One u64 a slot: a block, plus one; 0 for an empty slot. By the client whose slot it is, or its recoverer. */
export const NAIVE_SLOTS_OFFSET: u32 = 57920;
export const NAIVE_SLOTS_PER_CLIENT: u32 = 8;
/** More references to one block than this are refused. */
export const NAIVE_COUNT_LIMIT: u32 = 1000000;

/** Counts too high between two steps: a death there leaks. */
export const NAIVE_LEAKS: u32 = 0;
/** Counts too low between two steps: a death there leaves a dangling reference. */
export const NAIVE_DANGLES: u32 = 1;

/**
 * Who holds the lock.
 *
 *     63              32 31       16 15       0
 *     |   incarnation   |  reserved |  client+1 |
 */
export class LockWord {
  static pack(client: u32, incarnation: u32): u64 {
    return (<u64>incarnation << 32) | <u64>(client + 1);
  }
  static clientPlusOne(word: u64): u32 {
    return <u32>word & 0xffff;
  }
  static incarnation(word: u64): u32 {
    return <u32>(word >> 32);
  }
}

/**
 * A block of the heap with a lock: its count, 0 for a free one, and the next free block, plus one, 0 for none.
 *
 *     63        32 31         0
 *     |   count   |   next+1   |
 */
export class LockBlockWord {
  static pack(count: u32, nextPlusOne: u32): u64 {
    return (<u64>count << 32) | <u64>nextPlusOne;
  }
  static count(word: u64): u32 {
    return <u32>(word >> 32);
  }
  static nextPlusOne(word: u64): u32 {
    return <u32>word;
  }
}
