import { load32, load64, publish64, store32, store64 } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { ARENA_BYTES, HEADER_BYTES, MessageHeader, RingEntry } from '../layout/connection';

/** The upper 16 bits that the entry with this index will have when it arrives. */
export function markOf(index: u64, capacityLog2: u32): u64 {
  if (mutant(6)) return 0x8000;
  return RingEntry.mark(index, capacityLog2);
}

export function entryAt(ring: usize, index: u64, capacityLog2: u32): usize {
  return ring + ((<usize>index & ((<usize>1 << capacityLog2) - 1)) << 3);
}

export function bufferAt(arena: usize, index: u64, capacityLog2: u32, strideBytes: u32): usize {
  return arena + (<usize>index & ((<usize>1 << capacityLog2) - 1)) * strideBytes;
}

/** The entry, once its phase has flipped; 0 (never an entry: it would refer to the superblock) after `looks` looks. */
export function look(entryAddress: usize, mark: u64, looks: u32): u64 {
  const phase: u64 = mark >> 15;
  for (let count: u32 = 0; count < looks; count++) {
    const entry: u64 = load64(entryAddress); // sees R1
    if (entry >> 63 == phase) return entry;
  }
  return 0;
}

/**
 * Whether an entry refers to a whole line-aligned message inside the arena. All arithmetic is in 64 bits: an offset below the arena
 * wraps to a number far above its size.
 */
export function refersInto(entry: u64, arenaOffset: u64): bool {
  const offset: u64 = RingEntry.offset(entry);
  return (offset & 63) == 0 && offset - arenaOffset <= <u64>(ARENA_BYTES - HEADER_BYTES);
}

/** Whether a payload of this length, behind the header at `offset`, is inside the arena and within the agreed size. */
export function reachesWithin(offset: u64, lengthBytes: u32, arenaOffset: u64, payloadBytes: u32): bool {
  if (lengthBytes > payloadBytes) return false;
  return offset - arenaOffset + <u64>HEADER_BYTES + <u64>lengthBytes <= <u64>ARENA_BYTES;
}

/** Epoch of the connection and number of the call. */
export function rpcId(epoch: u32, index: u64): u64 {
  return (<u64>epoch << 32) | (index & 0xffffffff);
}

export function lengthAt(header: usize): u32 {
  return load32(header + offsetof<MessageHeader>("lengthBytes"));
}

export function statusAt(header: usize): u32 {
  return load32(header + offsetof<MessageHeader>("status"));
}

/**
 * Sends what lies behind `header`.
 *
 *   1. header    Write id, length and status. The payload stands already.
 *   2. COMMIT    Publish the ring entry: one aligned word.
 *
 * Dead before 2: nobody saw it. Dead after 2: it is sent.
 */
export function writeHeader(header: usize, id: u64, lengthBytes: u32, status: u32): void {
  store64(header + offsetof<MessageHeader>("rpcId"), id);
  store32(header + offsetof<MessageHeader>("lengthBytes"), lengthBytes);
  store32(header + offsetof<MessageHeader>("status"), status);
}

export function publishEntry(entryAddress: usize, mark: u64, offset: u32): void {
  publish64(entryAddress, RingEntry.pack(mark, <u64>offset)); // publishes R1
}

/** The echo of the in-core loops: copies whole words. */
export function copyWords(to: usize, from: usize, lengthBytes: u32): void {
  for (let at: u32 = 0; at < lengthBytes; at += 8) store64(to + at, load64(from + at));
}

/** What the in-core caller writes into the words of its call number `call`, plus each word's place. */
export function pattern(call: u64): u64 {
  return call * 0x9e3779b97f4a7c15;
}
