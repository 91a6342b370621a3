/** Line 0 of a directory entry. Entries are never removed; line 1 holds the name's bytes. */
@unmanaged
export class Service {
  /** Hash of the name; 0 for a free entry. CAS by whoever is first. */
  nameHash: u64;
  /** Published after the name's bytes; 0 until then. The same value by all who register the name. */
  nameBytes: u64;
  /** `ServiceWord` of the newest listener. Published by servers. */
  connection: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
}

export const SERVICE_NAME_LINE: u32 = 64;

/**
 * Where a service listened last.
 *
 *     63        32 31        16 15        0
 *     |   epoch   |  reserved  |  slot+1  |
 */
export class ServiceWord {
  static pack(epoch: u32, slot: u32): u64 {
    return (<u64>epoch << 32) | <u64>(slot + 1);
  }
  static epoch(word: u64): u32 {
    return <u32>(word >> 32);
  }
  static slotPlusOne(word: u64): u32 {
    return <u32>word & 0xffff;
  }
}
