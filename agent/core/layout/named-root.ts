/** Line 0 of a named root. Entries are never removed; line 1 holds the name's bytes. */
@unmanaged
export class NamedRoot {
  /** Hash of the name; 0 for a free entry. CAS by whoever is first. */
  nameHash: u64;
  /** Published after the name's bytes; 0 until then. The same value by all who register the name. */
  nameBytes: u64;
  /** `NameOwner` of who is changing the root; 0 for nobody. CAS. */
  owner: u64;
  /** Offset of the object, 0 for none. By the owner. */
  slot: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
}

export const NAMED_ROOT_BYTES: u32 = 128;

/**
 * Who is changing a named root.
 *
 *     63          32 31      10 9         0
 *     | incarnation | reserved | client+1 |
 */
export class NameOwner {
  static pack(client: u32, incarnation: u32): u64 {
    return (<u64>incarnation << 32) | <u64>(client + 1);
  }
  static clientPlusOne(word: u64): u32 {
    return <u32>word & 0x3ff;
  }
  static incarnation(word: u64): u32 {
    return <u32>(word >> 32);
  }
}
