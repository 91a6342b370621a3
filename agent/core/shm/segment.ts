// Segments: claimed through a bit map and a hint, freed, abandoned, adopted. The segment word is the truth, the maps are hints.

import { keep32, load32, load64, or64, publish64, recall32, recall64, store32, store64, swap64 } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { poolBase } from '../place/place';
import { crashPoint } from '../crash-points/crash-point';
import {
  SHM_ABANDON_AFTER_COMMIT,
  SHM_ADOPT_AFTER_COMMIT,
  SHM_CLAIM_AFTER_COMMIT,
  SHM_CLAIM_AFTER_FAILED_CAS,
  SHM_FREE_SEGMENT_AFTER_COMMIT,
} from '../crash-points/catalogue';
import { HEAP_RELEASED_LINE, HeapShape, ReleasedFlag } from '../layout/heap';
import { HeapScratch } from '../layout/scratch';
import {
  PAGE_ENTRY_BYTES,
  PAGE_FREE,
  PAGE_RUN,
  PageEntry,
  PageWord,
  SEGMENT_ABANDONED,
  SEGMENT_FREE,
  SEGMENT_OWNED,
  SEGMENT_OWNER_LINE,
  SEGMENT_PAGES_OFFSET,
  SEGMENT_RELEASED_LINE,
  SegmentOwner,
  SegmentReleased,
  SegmentState,
  SegmentWord,
} from '../layout/segment';
import { actorPlusOne, heap, heapClientAt, shape } from './context';
import { flush } from './flush';

/** Lost swaps of a hint's bit before it is given up: it is a hint. */
const HINT_RETRY_LIMIT: u32 = 64;

export function segmentEntryAt(segment: u32): usize {
  return recall32(heap() + offsetof<HeapScratch>("segmentTableAt")) + segment * recall32(heap() + offsetof<HeapScratch>("segmentEntryBytes"));
}

export function segmentWordAt(segment: u32): usize {
  return segmentEntryAt(segment) + offsetof<SegmentState>("word");
}

export function segmentCount(): u32 {
  return recall32(heap() + offsetof<HeapScratch>("segmentCount"));
}

export function segmentOf(offset: u32): u32 {
  return (offset - recall32(heap() + offsetof<HeapScratch>("segmentsOffset"))) >> recall32(heap() + offsetof<HeapScratch>("segmentShift"));
}

export function segmentOffset(segment: u32): u32 {
  return recall32(heap() + offsetof<HeapScratch>("segmentsOffset")) + (segment << recall32(heap() + offsetof<HeapScratch>("segmentShift")));
}

export function pagesPerSegment(): u32 {
  return <u32>1 << (recall32(heap() + offsetof<HeapScratch>("segmentShift")) - recall32(heap() + offsetof<HeapScratch>("pageShift")));
}

/** Which page of its segment an offset lies in. */
export function pageOf(offset: u32): u32 {
  const within: u32 = offset - segmentOffset(segmentOf(offset));
  return within >> recall32(heap() + offsetof<HeapScratch>("pageShift"));
}

export function pageEntryAt(segment: u32, page: u32): usize {
  return segmentEntryAt(segment) + SEGMENT_PAGES_OFFSET + page * PAGE_ENTRY_BYTES;
}

export function pageOffset(segment: u32, page: u32): u32 {
  return segmentOffset(segment) + (page << recall32(heap() + offsetof<HeapScratch>("pageShift")));
}

function ownedWord(): u64 {
  return recall64(heap() + offsetof<HeapScratch>("ownedWord"));
}

export function isOwn(segment: u32): bool {
  return load64(segmentWordAt(segment)) == ownedWord();
}

function allPages(): u64 {
  const pages: u32 = pagesPerSegment();
  return pages == 64 ? 0xffffffffffffffff : (<u64>1 << pages) - 1;
}

// -- hints -------------------------------------------------------------------------------------------------------------------

function hintWordAt(map: u32, segment: u32): usize {
  return poolBase + map + (segment >> 6) * 8;
}

export function claimedMap(): u32 {
  return load32(shape() + offsetof<HeapShape>("claimedOffset"));
}

export function abandonedMap(): u32 {
  return load32(shape() + offsetof<HeapShape>("abandonedOffset"));
}

export function setHint(map: u32, segment: u32): void {
  or64(hintWordAt(map, segment), <u64>1 << (segment & 63));
}

export function clearHint(map: u32, segment: u32): void {
  const address: usize = hintWordAt(map, segment);
  const bit: u64 = <u64>1 << (segment & 63);
  for (let tries: u32 = 0; tries < HINT_RETRY_LIMIT; tries++) {
    const seen: u64 = load64(address);
    if ((seen & bit) == 0 || swap64(address, seen, seen & ~bit) == seen) return;
  }
}

// -- claiming ----------------------------------------------------------------------------------------------------------------

/** Bytes of segments whose word names this client, huge objects included, counted from the words: what the quota limits. */
export function heldSegments(clientPlusOne: u32, incarnation: u32): u32 {
  let held: u32 = 0;
  for (let segment: u32 = 0; segment < segmentCount(); segment++) {
    const word: u64 = load64(segmentWordAt(segment));
    if (SegmentWord.state(word) != SEGMENT_FREE && SegmentWord.ownerPlusOne(word) == clientPlusOne && SegmentWord.incarnation(word) == incarnation) held++;
  }
  return held;
}

export function quotaLeaves(segments: u32): bool {
  const quota: u32 = recall32(heap() + offsetof<HeapScratch>("quotaSegments"));
  if (quota == 0) return true;
  return heldSegments(actorPlusOne(), recall32(heap() + offsetof<HeapScratch>("incarnation"))) + segments <= quota;
}

/**
 * Takes a free segment. Its index plus one; 0 when there is none.
 *
 *   1. find      By the map of claimed segments, from where this client found the last; at last by the words.
 *   2. COMMIT    Swap its word FREE for { OWNED, this client }. On a lost race, look on.
 *   3. hint      Set its bit in the map.
 *   4. describe  All pages are free; on the client's own list.
 *
 * Dead after 2: recovery finds the segment by its word and frees it.
 */
export function claimSegment(): u32 {
  const count: u32 = segmentCount();
  const words: u32 = (count + 63) >> 6;
  const map: u32 = claimedMap();
  const start: u32 = recall32(heap() + offsetof<HeapScratch>("claimHint"));
  for (let step: u32 = 0; step < words; step++) {
    const index: u32 = (start + step) % words;
    let free: u64 = ~load64(poolBase + map + index * 8);
    while (free != 0) {
      const segment: u32 = (index << 6) + <u32>ctz(free);
      free &= free - 1;
      if (segment >= count) break;
      if (claim(segment)) {
        keep32(heap() + offsetof<HeapScratch>("claimHint"), index);
        return segment + 1;
      }
      setHint(map, segment);
    }
  }
  // A bit that a client died before clearing hides a free segment from the map, not from the words.
  for (let segment: u32 = 0; segment < count; segment++) {
    if (load64(segmentWordAt(segment)) == 0 && claim(segment)) return segment + 1;
  }
  return 0;
}

function claim(segment: u32): bool {
  const word: u64 = ownedWord();
  if (mutant(40)) {
    store64(segmentWordAt(segment), word);
  } else {
    if (load64(segmentWordAt(segment)) != 0) return false;
    if (swap64(segmentWordAt(segment), 0, word) != 0) {
      crashPoint(SHM_CLAIM_AFTER_FAILED_CAS);
      return false;
    }
  }
  crashPoint(SHM_CLAIM_AFTER_COMMIT);
  if (!mutant(147)) flush(segmentWordAt(segment));
  setHint(claimedMap(), segment);
  const owner: usize = segmentEntryAt(segment) + SEGMENT_OWNER_LINE;
  store64(owner + offsetof<SegmentOwner>("freePages"), allPages());
  for (let page: u32 = 0; page < pagesPerSegment(); page++) store32(pageEntryAt(segment, page) + offsetof<PageEntry>("listed"), 0);
  linkOwn(segment);
  return true;
}

function linkOwn(segment: u32): void {
  const owner: usize = segmentEntryAt(segment) + SEGMENT_OWNER_LINE;
  store32(owner + offsetof<SegmentOwner>("next"), recall32(heap() + offsetof<HeapScratch>("segments")));
  keep32(heap() + offsetof<HeapScratch>("segments"), segment + 1);
  keep32(heap() + offsetof<HeapScratch>("segmentCursor"), segment + 1);
}

export function nextOwn(segment: u32): u32 {
  return load32(segmentEntryAt(segment) + SEGMENT_OWNER_LINE + offsetof<SegmentOwner>("next"));
}

/** Gives back a segment of this client whose pages are all free. COMMIT is the swap; the map's bit follows. */
export function freeSegment(segment: u32, word: u64): void {
  if (swap64(segmentWordAt(segment), word, 0) != word) return;
  crashPoint(SHM_FREE_SEGMENT_AFTER_COMMIT);
  clearHint(claimedMap(), segment);
}

/** Leaves a segment with live objects to whoever needs memory. COMMIT is the swap. */
export function abandonSegment(segment: u32, word: u64): void {
  if (swap64(segmentWordAt(segment), word, SegmentWord.pack(SEGMENT_ABANDONED, 0, 0, 0)) != word) return;
  crashPoint(SHM_ABANDON_AFTER_COMMIT);
  setHint(abandonedMap(), segment);
}

/**
 * Takes over a segment whose owner is gone, while others give back blocks of it. Its index plus one; 0 when there is none.
 *
 *   1. find      By the map of abandoned segments.
 *   2. COMMIT    Swap its word ABANDONED for { OWNED, this client }. On a lost race, look on.
 *   3. describe  Which pages are free, from the page words; all others are to be swept, block by block.
 *
 * Dead after 2: the segment is recovered, and abandoned, like any other.
 */
export function adoptSegment(everywhere: bool): u32 {
  const count: u32 = segmentCount();
  const map: u32 = abandonedMap();
  for (let segment: u32 = 0; segment < count; segment++) {
    if (!everywhere) {
      const bits: u64 = load64(hintWordAt(map, segment)) >> (segment & 63);
      if (bits == 0) {
        segment |= 63;
        continue;
      }
      segment += <u32>ctz(bits);
      if (segment >= count) break;
    }
    const seen: u64 = load64(segmentWordAt(segment));
    if (SegmentWord.state(seen) != SEGMENT_ABANDONED) {
      if (!everywhere) clearHint(map, segment);
      continue;
    }
    if (swap64(segmentWordAt(segment), seen, ownedWord()) != seen) continue;
    crashPoint(SHM_ADOPT_AFTER_COMMIT);
    if (!mutant(150)) flush(segmentWordAt(segment));
    clearHint(map, segment);
    describe(segment);
    linkOwn(segment);
    publish64(segmentEntryAt(segment) + SEGMENT_RELEASED_LINE + offsetof<SegmentReleased>("pages"), mutant(53) ? 0 : allPages());
    return segment + 1;
  }
  return 0;
}

/** Makes the owner's caches of an adopted segment anew; what its last owner left there means nothing. */
function describe(segment: u32): void {
  const pages: u32 = pagesPerSegment();
  let free: u64 = 0;
  for (let page: u32 = 0; page < pages; page++) {
    const entry: usize = pageEntryAt(segment, page);
    const word: u64 = load64(entry + offsetof<PageEntry>("word"));
    store32(entry + offsetof<PageEntry>("free"), 0);
    store32(entry + offsetof<PageEntry>("used"), 1);
    store32(entry + offsetof<PageEntry>("listed"), 0);
    if (PageWord.kind(word) == PAGE_FREE) free |= <u64>1 << page;
    if (PageWord.kind(word) == PAGE_RUN) page += PageWord.run(word) - 1;
  }
  store64(segmentEntryAt(segment) + SEGMENT_OWNER_LINE + offsetof<SegmentOwner>("freePages"), free);
}

/** Says that a block of this page was given back: worth a sweep. A lost hint costs time, never memory. */
export function hintReleased(segment: u32, page: u32): void {
  const address: usize = segmentEntryAt(segment) + SEGMENT_RELEASED_LINE + offsetof<SegmentReleased>("pages");
  const bit: u64 = <u64>1 << page;
  if ((load64(address) & bit) != 0) return;
  if (or64(address, bit) != 0) return;
  const word: u64 = load64(segmentWordAt(segment));
  const owner: u32 = SegmentWord.ownerPlusOne(word);
  if (SegmentWord.state(word) != SEGMENT_OWNED || owner == 0 || owner > recall32(heap() + offsetof<HeapScratch>("clientCount"))) return;
  publish64(heapClientAt(owner - 1) + HEAP_RELEASED_LINE + offsetof<ReleasedFlag>("flag"), 1);
}
