/** Line 0 of a segment's entry. */
@unmanaged
export class SegmentState {
  /** `SegmentWord`. CAS by who claims, frees, abandons, adopts. */
  word: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
  reserved5: u64;
  reserved6: u64;
}

/** Line 1 of a segment's entry. */
@unmanaged
export class SegmentReleased {
  /** A bit for every page in which somebody gave a block back. Or'ed by anyone, taken by the owner before it sweeps. A hint. */
  pages: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
  reserved5: u64;
  reserved6: u64;
}

/** Line 2 of a segment's entry. Written by the owner, for itself: made anew by who adopts. */
@unmanaged
export class SegmentOwner {
  /** A bit for every free page. */
  freePages: u64;
  /** The owner's next segment, plus one. */
  next: u32;
  reserved0: u32;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
  reserved5: u64;
  reserved6: u64;
}

/** One page of a segment, in its entry: two to a line. Written by the segment's owner. */
@unmanaged
export class PageEntry {
  /** `PageWord`. Published after the page's blocks are cleared. */
  word: u64;
  /** First block of the list of free blocks. A cache: made anew by a sweep. */
  free: u32;
  /** Blocks that are not on that list. */
  used: u32;
  /** The next page of the same size class that has free blocks. */
  next: u32;
  /** Not 0: the page is its class's current one, or on the list of those with free blocks. */
  listed: u32;
  reserved0: u64;
}

export const SEGMENT_STATE_LINE: u32 = 0;
export const SEGMENT_RELEASED_LINE: u32 = 64;
export const SEGMENT_OWNER_LINE: u32 = 128;
export const SEGMENT_PAGES_OFFSET: u32 = 192;
export const PAGE_ENTRY_BYTES: u32 = 32;
export const SEGMENT_COUNT_LIMIT: u32 = 4096;
export const SEGMENT_PAGE_LIMIT: u32 = 64;
export const PAGE_SHIFT_LEAST: u32 = 9;
export const PAGE_SHIFT_LIMIT: u32 = 16;
export const SEGMENT_SHIFT_LIMIT: u32 = 22;

export const SEGMENT_FREE: u32 = 0;
export const SEGMENT_OWNED: u32 = 1;
/** Its owner is gone and left live objects; whoever needs memory adopts it. */
export const SEGMENT_ABANDONED: u32 = 2;
/** Part of a run of whole segments that holds one object, which outlives who allocated it. */
export const SEGMENT_HUGE: u32 = 3;

/**
 * Whose a segment is. `position`: of a huge object's segment, how many lie before it in the run.
 *
 *     63          32 31      16 15       4 3     0
 *     | incarnation | position | owner+1  | state |
 */
export class SegmentWord {
  static pack(state: u32, ownerPlusOne: u32, position: u32, incarnation: u32): u64 {
    return (<u64>incarnation << 32) | <u64>((position << 16) | (ownerPlusOne << 4) | state);
  }
  static state(word: u64): u32 {
    return <u32>word & 15;
  }
  static ownerPlusOne(word: u64): u32 {
    return (<u32>word >> 4) & 0xfff;
  }
  static position(word: u64): u32 {
    return (<u32>word >> 16) & 0xffff;
  }
  static incarnation(word: u64): u32 {
    return <u32>(word >> 32);
  }
}

export const PAGE_FREE: u32 = 0;
/** Blocks of one size class. */
export const PAGE_BLOCKS: u32 = 1;
/** Roots of the owner, 8 bytes each: 0 empty, odd the link of its free list, else an object's offset. */
export const PAGE_ROOTS: u32 = 2;
/** First page of a run that holds one large object; the pages behind it say FREE. */
export const PAGE_RUN: u32 = 3;
/** First page of a huge object's first segment. */
export const PAGE_HUGE: u32 = 4;

/**
 * What a page is used for.
 *
 *     63        32 31    16 15          8 7     0
 *     | blockBytes |  run  |  size class | kind  |
 */
export class PageWord {
  static pack(kind: u32, sizeClass: u32, run: u32, blockBytes: u32): u64 {
    return (<u64>blockBytes << 32) | <u64>((run << 16) | (sizeClass << 8) | kind);
  }
  static kind(word: u64): u32 {
    return <u32>word & 0xff;
  }
  static sizeClass(word: u64): u32 {
    return (<u32>word >> 8) & 0xff;
  }
  static run(word: u64): u32 {
    return (<u32>word >> 16) & 0xffff;
  }
  static blockBytes(word: u64): u32 {
    return <u32>(word >> 32);
  }
}
