/** Two lines at HEAP_SHAPE_OFFSET: the sizes of the heap and where its tables lie. Written once, by the formatter. Offsets count from the start of the pool. */
@unmanaged
export class HeapShape {
  /** How many clients may use the heap; rows and columns of the era matrix. */
  clientCount: u32;
  pageShift: u32;
  /** A segment has at most 64 pages. */
  segmentShift: u32;
  /** 0: the pool has no heap. */
  segmentCount: u32;
  /** Named roots. */
  nameCount: u32;
  queueCount: u32;
  queueCapacityLog2: u32;
  /** FLUSH_*. */
  flushPolicy: u32;
  /** COHERENCE_*: what the device promises. */
  coherence: u32;
  /** Row i holds what client i knows: its own era in column i, in column j the highest era of client j that it has seen in a word. */
  erasOffset: u32;
  eraRowBytes: u32;
  clientsOffset: u32;
  namesOffset: u32;
  queuesOffset: u32;
  queueBytes: u32;
  /** Bit maps over the segments: claimed, then abandoned. Hints: the segment words are the truth. */
  claimedOffset: u32;
  abandonedOffset: u32;
  segmentTableOffset: u32;
  segmentEntryBytes: u32;
  segmentsOffset: u32;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
  reserved5: u64;
}

/** Nothing is written back: right for a device that is coherent between machines, against deaths of processes. */
export const FLUSH_NONE: u32 = 0;
/**
 * What recovery decides by is written back before the commit that it decides about. On a coherent device that adds nothing to FLUSH_NONE,
 * and no other device gets a heap: it is there to be priced (docs/flush-policy.md).
 */
export const FLUSH_PROCESS: u32 = 1;
/** Against the loss of any machine with its cache, at any moment: what an operation returned is on the device before what its client stores afterwards. */
export const FLUSH_HOST: u32 = 2;

/** Coherent between machines: CAS excludes everybody. */
export const COHERENCE_HARDWARE: u32 = 0;
/** Two machines may win the same CAS: no heap. */
export const COHERENCE_NONE: u32 = 1;

/** A bit for every client that ever looked at an object it holds no reference to. */
@unmanaged
export class HazardUsers {
  /** Clients 0 to 63, and so on. Set by the client, cleared when it ends. */
  bits0: u64;
  bits1: u64;
  bits2: u64;
  bits3: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
}

/** Line 0 of a client's part of the heap. Written by the client, or by its recoverer in its name. */
@unmanaged
export class HeapClient {
  /** First corpse of its dying list. */
  dying: u32;
  /** The corpse whose block it gave back last: a block to look for when it died before it said so. */
  freeing: u32;
  /** First era of this incarnation: corpses of an earlier one are nobody's. */
  eraStart: u64;
  /** Bytes of segments it may hold; 0 for no limit. */
  quotaBytes: u64;
  /** Corpses of this client that somebody looks at, or did when it last looked. */
  limbo: u32;
  reserved0: u32;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
}

/** Line 1 of a client's part of the heap: two of these, for even and for odd eras. What the transaction of that era is about to do. */
@unmanaged
export class RedoRecord {
  slot: u32;
  object: u32;
  /** Of a change: the object that was in the slot. Of a move: the slot that the reference leaves. */
  other: u32;
  reserved0: u32;
  /** `RedoStamp`. Written last. */
  stamp: u64;
  reserved1: u64;
}

/** Line 2 of a client's part of the heap: objects that it looks at without a reference. Written by the client. */
@unmanaged
export class HazardLine {
  object0: u64;
  object1: u64;
  object2: u64;
  object3: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
}

/** Line 3 of a client's part of the heap. Set by whoever gives back a block of this client, cleared by the client. */
@unmanaged
export class ReleasedFlag {
  /** Not 0: some segment of the client has pages worth sweeping. A hint. */
  flag: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
  reserved5: u64;
  reserved6: u64;
}

export const HEAP_CLIENT_LINE: u32 = 0;
export const HEAP_REDO_LINE: u32 = 64;
export const REDO_RECORD_BYTES: u32 = 32;
export const HEAP_HAZARD_LINE: u32 = 128;
export const HAZARD_COUNT: u32 = 4;
export const HEAP_RELEASED_LINE: u32 = 192;
export const HEAP_CLIENT_BYTES: u32 = 256;

export const REDO_NONE: u32 = 0;
export const REDO_ATTACH: u32 = 1;
export const REDO_DETACH: u32 = 2;
/** First half of a change: count the new object, put it into the slot. */
export const REDO_CHANGE: u32 = 3;
/** Empty the slot, if there is one, and discount the object; also the second half of a change. Must complete, where the others complete only if they committed. */
export const REDO_RELEASE: u32 = 4;
/** A reference goes from one slot to another; committed by this record. */
export const REDO_MOVE: u32 = 5;

/**
 * Which transaction a redo record belongs to.
 *
 *     63       56 55     40 39          0
 *     | operation | reserved |    era    |
 */
export class RedoStamp {
  static pack(operation: u32, era: u64): u64 {
    return (<u64>operation << 56) | era;
  }
  static operation(stamp: u64): u32 {
    return <u32>(stamp >> 56);
  }
  static era(stamp: u64): u64 {
    return stamp & 0xffffffffff;
  }
}
