import {
  fullFence,
  invalidate,
  keep64,
  load32,
  load64,
  prefetch,
  publish64,
  store32,
  store64,
  storeFence,
  storeThrough,
  writeBack,
} from '../memory/memory';
import { mutant } from '../memory/mutant';
import { poolBase, threadBase } from '../place/place';
import {
  ARENA_BYTES,
  FaithfulEntry,
  HEADER_BYTES,
  KIND_HEADER,
  LAYOUT_FAITHFUL,
  MessageHeader,
  RingEntry,
  SHARING_COHERENT,
  SHARING_FAST,
  SHARING_NON_TEMPORAL,
} from '../layout/connection';
import { LINE_BYTES } from '../layout/regions';
import { SCRATCH_LINE_OFFSET } from '../layout/scratch';

/** The upper 16 bits that the entry with this index will have when it arrives. */
export function markOf(index: u64, windowLog2: u32): u64 {
  if (mutant(6)) return 0x8000;
  if (mutant(349)) return ((((index >> <u64>windowLog2) & 1) ^ 1) << 15) ^ (index & 0xffff);
  return RingEntry.mark(index, windowLog2);
}

export function entryAt(ring: usize, slot: u32): usize {
  return ring + (slot << 3);
}

/** Of the payload, behind the line of the header. */
export function payloadAt(arena: usize, slot: u32, strideBytes: u32): usize {
  return arena + slot * strideBytes + HEADER_BYTES;
}

/**
 * The entry, once its phase has flipped; 0 (never an entry: it would refer to the superblock) after `looks` looks. Where the device keeps no
 * coherence each look drops the line before it reads; the fast way drops it only after a look that found nothing, so that the entries that
 * came with the last one cost nothing, and has the next line fetched meanwhile (`fetchAhead`; Oasis, message channel).
 */
export function look(entryAddress: usize, mark: u64, looks: u32, sharing: u32): u64 {
  const phase: u64 = mark >> 15;
  if (sharing == SHARING_COHERENT) {
    for (let count: u32 = 0; count < looks; count++) {
      const entry: u64 = load64(entryAddress); // sees R1
      if (entry >> 63 == phase) return entry;
    }
    return 0;
  }
  for (let count: u32 = 0; count < looks; count++) {
    if (sharing != SHARING_FAST) drop(entryAddress);
    const entry: u64 = load64(entryAddress); // sees R1
    if (entry >> 63 == phase) return entry;
    if (sharing == SHARING_FAST) drop(entryAddress);
  }
  return 0;
}

const ENTRIES_PER_LINE_LOG2: u32 = 3;
const ENTRIES_PER_LINE: u32 = 1 << ENTRIES_PER_LINE_LOG2;

/** The next load of this line comes from the device. */
function drop(address: usize): void {
  if (!mutant(320)) invalidate(address);
  if (!mutant(321)) fullFence();
}

/**
 * Who has found the first entry of a line has others of this lap fetched meanwhile: at the first line half of the ring's lines, at each later one the
 * line that is as far ahead, so that many are on their way at once. What the machine has cached of them is of the last lap. Fetched too early they are of the
 * last lap as well, and dropped by the look that finds nothing; so the first line of the next lap, which is the least likely to be there, is not.
 */
export function fetchAhead(ring: usize, slot: u32, windowLog2: u32): void {
  if ((slot & (ENTRIES_PER_LINE - 1)) != 0 || windowLog2 <= ENTRIES_PER_LINE_LOG2) return;
  const window: u32 = <u32>1 << windowLog2;
  const last: u32 = slot + (window >> 1);
  for (let next: u32 = slot == 0 ? ENTRIES_PER_LINE : last; next <= last && next < window; next += ENTRIES_PER_LINE) {
    const address: usize = entryAt(ring, next);
    drop(address);
    prefetch(address);
  }
}

/** Whether a payload of this length at this offset lies in the arena and within the agreed size. All in 64 bits: what is below the arena wraps. */
export function reachesWithin(offset: u64, lengthBytes: u32, arenaOffset: u64, payloadBytes: u32): bool {
  if (lengthBytes > payloadBytes) return false;
  const inArena: u64 = offset - arenaOffset;
  return inArena >= <u64>HEADER_BYTES && inArena <= <u64>ARENA_BYTES && inArena + <u64>lengthBytes <= <u64>ARENA_BYTES;
}

/** Drops the lines of a range, so that the next loads see what the other machine wrote back. */
function invalidateRange(from: usize, bytes: u32): void {
  const end: usize = from + bytes;
  for (let line: usize = from & ~63; line < end; line += LINE_BYTES) invalidate(line);
}

function writeBackRange(from: usize, bytes: u32): void {
  const end: usize = from + bytes;
  for (let line: usize = from & ~63; line < end; line += LINE_BYTES) writeBack(line);
}

/**
 * Sends what lies at `payload`: its bytes, and its header if the kind says so, stand already, the first `cachedBytes` of them perhaps in this
 * machine's cache.
 *
 *   1. flush     Where the device keeps no coherence: write the message's lines back. The locked write of 2 waits for them, or, before one
 *                that goes past the caches, a fence.
 *   2. COMMIT    Publish the ring entry: one aligned word.
 *   3. flush     Write the entry's line back, unless it went past the caches. Nothing that follows has to wait for that.
 *
 * Dead before 2: nobody saw it. Dead after 2: it is sent, or, without coherence, will be when the line leaves the cache.
 */
export class Message {
  @inline
  static send(
    entryAddress: usize,
    mark: u64,
    payload: usize,
    lengthBytes: u32,
    cachedBytes: u32,
    kind: u32,
    sharing: u32,
    layout: u32,
  ): void {
    const faithful: bool = layout == LAYOUT_FAITHFUL;
    const header: usize = payload - HEADER_BYTES;
    if (faithful) {
      store32(header + offsetof<MessageHeader>("lengthBytes"), lengthBytes);
      store32(header + offsetof<MessageHeader>("kind"), kind);
    }
    if (sharing != SHARING_COHERENT && !mutant(322)) {
      const withHeader: bool = faithful || (kind & KIND_HEADER) != 0;
      writeBackRange(withHeader ? header : payload, withHeader ? cachedBytes + HEADER_BYTES : cachedBytes);
    }
    const word: u64 = faithful
      ? FaithfulEntry.pack(mark, <u32>(header - poolBase))
      : RingEntry.pack(mark, lengthBytes, <u32>(payload - poolBase), kind);
    Message.publish(entryAddress, word, sharing);
  }

  /** Steps 2 and 3. */
  @inline
  static publish(entryAddress: usize, word: u64, sharing: u32): void {
    if (sharing == SHARING_NON_TEMPORAL && !mutant(324)) {
      if (!mutant(361)) storeFence();
      keep64(threadBase + SCRATCH_LINE_OFFSET, word);
      storeThrough(entryAddress, threadBase + SCRATCH_LINE_OFFSET, 8); // publishes R1
      return;
    }
    publish64(entryAddress, word); // publishes R1
    if (sharing != SHARING_COHERENT && !mutant(324)) writeBack(entryAddress);
  }

  /**
   * Believes an entry only as far as it can be checked; what it says of the message goes into the handle, and the message's lines are
   * fresh. Whether it holds. `arena`: offset of the sender's buffers. The faithful layout believes everything.
   */
  @inline
  static accept(entry: u64, mark: u64, arena: u64, payloadBytes: u32, sharing: u32, layout: u32): u64 {
    if (layout == LAYOUT_FAITHFUL) return acceptFaithful(entry, sharing);
    const offset: u32 = RingEntry.payloadOffset(entry);
    const lengthBytes: u32 = RingEntry.lengthBytes(entry);
    if (RingEntry.markOf(entry) != mark && !mutant(6)) return NOT_ACCEPTED;
    if (!reachesWithin(<u64>offset, lengthBytes, arena, payloadBytes) && !mutant(7)) return NOT_ACCEPTED;
    const kind: u32 = RingEntry.kind(entry);
    if (sharing != SHARING_COHERENT && !mutant(325)) {
      const withHeader: bool = (kind & KIND_HEADER) != 0;
      const from: usize = poolBase + offset - (withHeader ? HEADER_BYTES : 0);
      invalidateRange(from, withHeader ? lengthBytes + HEADER_BYTES : lengthBytes);
      if (!mutant(326)) fullFence();
    }
    return (<u64>kind << 32) | <u64>lengthBytes;
  }

  /** Where the payload of an accepted entry lies. */
  @inline
  static payload(entry: u64, layout: u32): usize {
    return poolBase + (layout == LAYOUT_FAITHFUL ? FaithfulEntry.messageOffset(entry) + HEADER_BYTES : RingEntry.payloadOffset(entry));
  }
}

/** What `Message.accept` answers for an entry that does not hold; else the kind (upper half) and the length. */
export const NOT_ACCEPTED: u64 = 0xffffffffffffffff;

function acceptFaithful(entry: u64, sharing: u32): u64 {
  const header: usize = poolBase + FaithfulEntry.messageOffset(entry);
  if (sharing != SHARING_COHERENT) {
    if (!mutant(343)) invalidate(header);
    if (!mutant(344)) fullFence();
  }
  const lengthBytes: u32 = load32(header + offsetof<MessageHeader>("lengthBytes"));
  if (sharing != SHARING_COHERENT) {
    if (!mutant(345)) invalidateRange(header + HEADER_BYTES, lengthBytes);
    if (!mutant(346)) fullFence();
  }
  return (<u64>load32(header + offsetof<MessageHeader>("kind")) << 32) | <u64>lengthBytes;
}

/** The echo of the in-core loops: copies whole words. */
export function copyWords(to: usize, from: usize, lengthBytes: u32, sharing: u32): void {
  if (sharing == SHARING_NON_TEMPORAL) {
    for (let at: u32 = 0; at < lengthBytes; at += 8) storePast(to, at, load64(from + at), lengthBytes);
    return;
  }
  for (let at: u32 = 0; at < lengthBytes; at += 8) store64(to + at, load64(from + at));
}

/** The request of the in-core caller: each word tells the call and its own place. */
export function writePattern(to: usize, call: u64, lengthBytes: u32, sharing: u32): void {
  const first: u64 = pattern(call);
  if (sharing == SHARING_NON_TEMPORAL) {
    for (let at: u32 = 0; at < lengthBytes; at += 8) storePast(to, at, first + <u64>at, lengthBytes);
    return;
  }
  for (let at: u32 = 0; at < lengthBytes; at += 8) store64(to + at, first + <u64>at);
}

/** How much of a payload that one of the two above wrote may stand in this machine's cache. */
export function cachedBytesOf(lengthBytes: u32, sharing: u32): u32 {
  return sharing == SHARING_NON_TEMPORAL ? 0 : lengthBytes;
}

/** One word of a payload that begins a line; a line is stored when it is full, because each store is a call of the addon. */
function storePast(to: usize, at: u32, word: u64, lengthBytes: u32): void {
  const line: usize = threadBase + SCRATCH_LINE_OFFSET;
  const inLine: u32 = at & (LINE_BYTES - 1);
  keep64(line + inLine, word);
  if (inLine + 8 == LINE_BYTES || at + 8 >= lengthBytes) storeThrough(to + (at - inLine), line, inLine + 8);
}

/** What the in-core caller writes into the words of its call number `call`, plus each word's place. */
export function pattern(call: u64): u64 {
  return call * 0x9e3779b97f4a7c15;
}
