/** The first line of the pool. Written once, by the formatter. */
@unmanaged
export class Superblock {
  /** `FormatWord`. Claimed and published by CAS by the formatter. */
  state: u64;
  /** POOL_MAGIC. By the formatter, before the publication. */
  magic: u64;
  /** Hash of this folder's declarations. By the formatter. */
  layoutVersion: u64;
  /** Size of the whole pool. By the formatter. */
  sizeBytes: u64;
  /** How many entries of the region table are valid. By the formatter. */
  regionCount: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
}

/** "cxlpod\0\1" read as a little-endian number. */
export const POOL_MAGIC: u64 = 0x0100646f706c7863;

/** One entry of the region table. Written by the formatter, read by inspectors. */
@unmanaged
export class Region {
  /** REGION_*. */
  kind: u32;
  /** How many entries the region has. */
  count: u32;
  entryBytes: u64;
  offset: u64;
  sizeBytes: u64;
}

export const FORMAT_BLANK: u32 = 0;
export const FORMATTING: u32 = 1;
export const FORMATTED: u32 = 2;

/**
 * Who formats, and how far.
 *
 *     63              32 31      24 23       8 7      0
 *     |     process     | reserved | machine | state  |
 */
export class FormatWord {
  static pack(state: u32, machine: u32, process: u32): u64 {
    return (<u64>process << 32) | (<u64>(machine & 0xffff) << 8) | <u64>(state & 0xff);
  }
  static state(word: u64): u32 {
    return <u32>word & 0xff;
  }
  static machine(word: u64): u32 {
    return (<u32>word >> 8) & 0xffff;
  }
  static process(word: u64): u32 {
    return <u32>(word >> 32);
  }
}
