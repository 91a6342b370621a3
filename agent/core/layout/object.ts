/** In front of every object; its payload follows. Objects are addressed by the offset of this header. */
@unmanaged
export class ObjectHeader {
  /** `ReferenceWord`; 0 for a free block. CAS by whoever attaches or detaches, cleared by whoever disposes. */
  word: u64;
  /** Embedded references at the start of the payload, 8 bytes each. By the allocating client; counts down while its corpse is taken apart. */
  references: u32;
  /** Link of the list that a free block or a corpse is on. By the owner of that list. */
  next: u32;
}

export const OBJECT_HEADER_BYTES: u32 = 16;

/** The last count that attaches: one more would carry into the client. */
export const COUNT_LIMIT: u32 = 16383;
/** An id whose era comes this far is retired until the pool is formatted; 2^30 below 2^40, so that recovery has eras left for all it drops. */
export const ERA_LIMIT: u64 = 0xffc0000000;

/**
 * An object's references, and who counted last (D8 of the design). The CAS of this word is the commit point of attach and detach.
 * A new object names nobody. Count 0 with a client: that client disposes of the object.
 *
 *     63        54 53     40 39          0
 *     | client+1  |  count  |     era    |
 */
export class ReferenceWord {
  static pack(clientPlusOne: u32, count: u32, era: u64): u64 {
    return (<u64>clientPlusOne << 54) | (<u64>count << 40) | era;
  }
  static clientPlusOne(word: u64): u32 {
    return <u32>(word >> 54);
  }
  static count(word: u64): u32 {
    return <u32>(word >> 40) & 0x3fff;
  }
  static era(word: u64): u64 {
    return word & 0xffffffffff;
  }
}
