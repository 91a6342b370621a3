// Pages of blocks of one size class. A block's header says whether it is free; the free list is a cache that a sweep makes anew.

import { keep32, load32, load64, publish64, recall32, store32, store64, swap64 } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { poolBase, threadBase } from '../place/place';
import { crashPoint } from '../crash-points/crash-point';
import { SHM_PAGE_AFTER_CLEAR, SHM_PAGE_AFTER_COMMIT, SHM_RECLAIM_AFTER_COMMIT, SHM_SWEEP_AFTER_RECLAIM, SHM_SWEEP_AFTER_TAKE } from '../crash-points/catalogue';
import { ClientState, ClientWord, CLIENT_FREE } from '../layout/client';
import { HEAP_CLIENT_LINE, HEAP_RELEASED_LINE, HeapClient, ReleasedFlag } from '../layout/heap';
import { ObjectHeader, ReferenceWord } from '../layout/object';
import { CLIENT_BYTES, CLIENT_TABLE_OFFSET } from '../layout/regions';
import { HeapScratch, SCRATCH_CLASSES_OFFSET, SIZE_CLASS_COUNT } from '../layout/scratch';
import {
  PAGE_BLOCKS,
  PAGE_FREE,
  PAGE_RUN,
  PageEntry,
  PageWord,
  SEGMENT_OWNER_LINE,
  SEGMENT_RELEASED_LINE,
  SegmentOwner,
  SegmentReleased,
} from '../layout/segment';
import { heap, heapClientAt } from './context';
import { flush, flushRange } from './flush';
import { anybodyLooks, isLookedAt } from './hazard';
import {
  adoptSegment,
  claimSegment,
  freeSegment,
  nextOwn,
  pageEntryAt,
  pageOffset,
  pagesPerSegment,
  quotaLeaves,
  segmentEntryAt,
  segmentWordAt,
} from './segment';

/** Empty pages on lists that make a pass worth while in which they are given back. */
const EMPTY_PAGE_LIMIT: u32 = 128;

/** Size classes in units of 16 bytes: 1 to 8, then four to a doubling. */
export function sizeClassOf(blockBytes: u32): u32 {
  const units: u32 = (blockBytes + 15) >> 4;
  if (units <= 8) return units - 1;
  const shift: u32 = 29 - <u32>clz(units - 1);
  return 4 + shift * 4 + ((units - 1) >> shift) - 4;
}

export function blockBytesOf(sizeClass: u32): u32 {
  if (sizeClass < 8) return (sizeClass + 1) << 4;
  const shift: u32 = ((sizeClass - 8) >> 2) + 1;
  return ((((sizeClass - 8) & 3) + 5) << shift) << 4;
}

function currentAt(sizeClass: u32): usize {
  return threadBase + SCRATCH_CLASSES_OFFSET + sizeClass * 4;
}

function availableAt(sizeClass: u32): usize {
  return threadBase + SCRATCH_CLASSES_OFFSET + (SIZE_CLASS_COUNT + sizeClass) * 4;
}

/** Address of the entry of the class's current page; 0 for none. */
export function currentPage(sizeClass: u32): usize {
  return recall32(currentAt(sizeClass));
}

/** Puts a page with free blocks where its class finds it. */
export function listPage(entry: usize, sizeClass: u32): void {
  if (load32(entry + offsetof<PageEntry>("listed")) != 0) return;
  store32(entry + offsetof<PageEntry>("listed"), 1);
  store32(entry + offsetof<PageEntry>("next"), recall32(availableAt(sizeClass)));
  keep32(availableAt(sizeClass), <u32>entry);
}

export function countEmpty(change: i32): void {
  keep32(heap() + offsetof<HeapScratch>("emptyPages"), recall32(heap() + offsetof<HeapScratch>("emptyPages")) + change);
}

/**
 * Makes a page with a free block the class's current one, and returns its entry; 0 when there is no memory.
 * In this order: a page that has one; pages in which others gave blocks back; a free page; pages that became empty; an abandoned
 * segment; a new segment; at last every page of this client, hints or not.
 */
export function findPage(sizeClass: u32): usize {
  const exhausted: usize = currentPage(sizeClass);
  if (exhausted != 0) store32(exhausted + offsetof<PageEntry>("listed"), 0);
  keep32(currentAt(sizeClass), 0);
  let found: usize = takeAvailable(sizeClass);
  if (found == 0) {
    const flag: usize = recall32(heap() + offsetof<HeapScratch>("clientAt")) + HEAP_RELEASED_LINE + offsetof<ReleasedFlag>("flag");
    if (load64(flag) != 0) {
      publish64(flag, 0);
      sweepReleased(false);
      found = takeAvailable(sizeClass);
    }
  }
  if (found == 0) found = formatPage(sizeClass);
  if (found == 0) return 0;
  keep32(currentAt(sizeClass), <u32>found);
  return found;
}

function takeAvailable(sizeClass: u32): usize {
  const entry: usize = recall32(availableAt(sizeClass));
  if (entry == 0) return 0;
  keep32(availableAt(sizeClass), load32(entry + offsetof<PageEntry>("next")));
  return entry;
}

/**
 * Turns a free page into blocks of one class.
 *
 *   1. clear     Store 0 in the word of every block.
 *   2. COMMIT    Publish the page's word.
 *   3. list      Link the blocks.
 *
 * Dead before 2: the page is free. Dead after 2: all its blocks are.
 */
function formatPage(sizeClass: u32): usize {
  const place: u32 = findFreePages(1);
  if (place == 0) {
    // The last resort may have found blocks instead.
    return takeAvailable(sizeClass);
  }
  const segment: u32 = (place - 1) >> 6;
  const page: u32 = (place - 1) & 63;
  const blockBytes: u32 = blockBytesOf(sizeClass);
  const base: usize = poolBase + pageOffset(segment, page);
  const pageBytes: u32 = <u32>1 << recall32(heap() + offsetof<HeapScratch>("pageShift"));
  const last: u32 = mutant(42) ? pageBytes - 2 * blockBytes : pageBytes - blockBytes;
  for (let at: u32 = 0; at <= last; at += blockBytes) {
    store64(base + at + offsetof<ObjectHeader>("word"), 0);
  }
  crashPoint(SHM_PAGE_AFTER_CLEAR);
  if (!mutant(142)) flushRange(base, pageBytes);
  const entry: usize = pageEntryAt(segment, page);
  publish64(entry + offsetof<PageEntry>("word"), PageWord.pack(PAGE_BLOCKS, sizeClass, 1, blockBytes));
  crashPoint(SHM_PAGE_AFTER_COMMIT);
  if (!mutant(143)) flush(entry);
  takePages(segment, page, 1);
  sweepBlocks(entry, base, blockBytes);
  store32(entry + offsetof<PageEntry>("listed"), 1);
  return entry;
}

/** Marks pages of an own segment as taken, or as free, in the owner's map. */
function takePages(segment: u32, page: u32, count: u32): void {
  const map: usize = segmentEntryAt(segment) + SEGMENT_OWNER_LINE + offsetof<SegmentOwner>("freePages");
  store64(map, load64(map) & ~runMask(page, count));
}

export function returnPages(segment: u32, page: u32, count: u32): void {
  const map: usize = segmentEntryAt(segment) + SEGMENT_OWNER_LINE + offsetof<SegmentOwner>("freePages");
  store64(map, load64(map) | runMask(page, count));
}

export function claimPages(segment: u32, page: u32, count: u32): void {
  takePages(segment, page, count);
}

function runMask(page: u32, count: u32): u64 {
  return (count == 64 ? 0xffffffffffffffff : ((<u64>1 << count) - 1)) << page;
}

/**
 * `count` free pages behind each other in a segment of this client: segment << 6 | page, plus one; 0 when there are none. Reclaims,
 * adopts and claims as far as it must.
 */
export function findFreePages(count: u32): u32 {
  let place: u32 = lookForPages(count);
  if (place != 0) return place;
  if (recall32(heap() + offsetof<HeapScratch>("emptyPages")) != 0) {
    reclaimEmptyPages();
    place = lookForPages(count);
    if (place != 0) return place;
  }
  if (!quotaLeaves(1)) {
    if (mutant(69)) return 0;
    sweepReleased(true);
    reclaimEmptyPages();
    return lookForPages(count);
  }
  if (adoptSegment(false) != 0) {
    sweepReleased(false);
    reclaimEmptyPages();
    place = lookForPages(count);
    if (place != 0) return place;
  }
  if (claimSegment() != 0) return lookForPages(count);
  gatherFreePages();
  return lookForPages(count);
}

/** The last resort of who finds no memory: adopts what is abandoned, sweeps every page, gives back what is empty. */
export function gatherFreePages(): void {
  while (adoptSegment(true) != 0) {}
  sweepReleased(true);
  reclaimEmptyPages();
}

function lookForPages(count: u32): u32 {
  const cursor: u32 = recall32(heap() + offsetof<HeapScratch>("segmentCursor"));
  if (cursor != 0) {
    const page: i32 = firstRun(cursor - 1, count);
    if (page >= 0) return (((cursor - 1) << 6) | <u32>page) + 1;
  }
  for (let next: u32 = recall32(heap() + offsetof<HeapScratch>("segments")); next != 0; next = nextOwn(next - 1)) {
    const page: i32 = firstRun(next - 1, count);
    if (page < 0) continue;
    keep32(heap() + offsetof<HeapScratch>("segmentCursor"), next);
    return (((next - 1) << 6) | <u32>page) + 1;
  }
  return 0;
}

/** First of `count` free pages behind each other, or -1: the map, shifted onto itself, keeps the bits where a run begins. */
function firstRun(segment: u32, count: u32): i32 {
  let runs: u64 = load64(segmentEntryAt(segment) + SEGMENT_OWNER_LINE + offsetof<SegmentOwner>("freePages"));
  for (let length: u32 = 1; length < count && runs != 0; length++) runs &= runs >> 1;
  return runs == 0 ? -1 : <i32>ctz(runs);
}

// -- sweeping ----------------------------------------------------------------------------------------------------------------

/** Sweeps the pages that hints name, or all, of this client's segments. */
export function sweepReleased(everything: bool): void {
  for (let next: u32 = recall32(heap() + offsetof<HeapScratch>("segments")); next != 0; next = nextOwn(next - 1)) {
    const segment: u32 = next - 1;
    let pages: u64 = everything ? 0xffffffffffffffff : takeReleased(segment);
    if (pages == 0) continue;
    crashPoint(SHM_SWEEP_AFTER_TAKE);
    const limit: u32 = pagesPerSegment();
    while (pages != 0) {
      const page: u32 = <u32>ctz(pages);
      pages &= pages - 1;
      if (page >= limit) break;
      sweepPage(segment, page);
    }
  }
}

function takeReleased(segment: u32): u64 {
  const address: usize = segmentEntryAt(segment) + SEGMENT_RELEASED_LINE + offsetof<SegmentReleased>("pages");
  let seen: u64 = load64(address);
  while (seen != 0) {
    const before: u64 = swap64(address, seen, 0);
    if (before == seen) return seen;
    seen = before; // somebody set another bit: at most one loss a page
  }
  return 0;
}

function sweepPage(segment: u32, page: u32): void {
  const entry: usize = pageEntryAt(segment, page);
  const word: u64 = load64(entry + offsetof<PageEntry>("word"));
  const base: usize = poolBase + pageOffset(segment, page);
  if (PageWord.kind(word) == PAGE_RUN) {
    if (isFreeBlock(base)) freePage(segment, page, word);
    return;
  }
  if (PageWord.kind(word) != PAGE_BLOCKS) return;
  const before: u32 = load32(entry + offsetof<PageEntry>("used"));
  const used: u32 = sweepBlocks(entry, base, PageWord.blockBytes(word));
  const wasListed: bool = load32(entry + offsetof<PageEntry>("listed")) != 0;
  if (load32(entry + offsetof<PageEntry>("free")) != 0) listPage(entry, PageWord.sizeClass(word));
  if (used == 0 && (before != 0 || !wasListed)) countEmpty(1);
}

/** Makes the free list anew from the headers. How many blocks are in use. */
function sweepBlocks(entry: usize, base: usize, blockBytes: u32): u32 {
  const pageBytes: u32 = <u32>1 << recall32(heap() + offsetof<HeapScratch>("pageShift"));
  const blocks: u32 = pageBytes / blockBytes;
  let free: u32 = 0;
  let used: u32 = 0;
  for (let index: u32 = blocks; index > 0; index--) {
    const block: usize = base + (index - 1) * blockBytes;
    if (isFreeBlock(block)) {
      store32(block + offsetof<ObjectHeader>("next"), free);
      free = <u32>(block - poolBase);
    } else {
      used++;
    }
  }
  store32(entry + offsetof<PageEntry>("free"), free);
  store32(entry + offsetof<PageEntry>("used"), used);
  return used;
}

/** Whether nobody has this block; takes corpses whose disposer is gone. */
function isFreeBlock(block: usize): bool {
  const word: u64 = load64(block + offsetof<ObjectHeader>("word"));
  if (word == 0) return true;
  if (ReferenceWord.count(word) != 0 || !isNobodys(word)) return false;
  if (!mutant(60) && anybodyLooks() && isLookedAt(<u32>(block - poolBase))) return false;
  publish64(block + offsetof<ObjectHeader>("word"), 0);
  crashPoint(SHM_SWEEP_AFTER_RECLAIM);
  return true;
}

/** A corpse whose disposer's incarnation ended, recovery included: on no list, and in nobody's hands. */
export function isNobodys(corpse: u64): bool {
  if (mutant(51)) return true;
  const disposer: u32 = ReferenceWord.clientPlusOne(corpse) - 1;
  if (disposer >= recall32(heap() + offsetof<HeapScratch>("clientCount"))) return false;
  const state: u64 = load64(poolBase + CLIENT_TABLE_OFFSET + disposer * CLIENT_BYTES + offsetof<ClientState>("word"));
  if (ClientWord.state(state) == CLIENT_FREE) return true;
  return ReferenceWord.era(corpse) < load64(heapClientAt(disposer) + HEAP_CLIENT_LINE + offsetof<HeapClient>("eraStart"));
}

/** Gives a page, or a run, of this client's back to its segment. COMMIT publishes the word. */
export function freePage(segment: u32, page: u32, word: u64): void {
  const entry: usize = pageEntryAt(segment, page);
  publish64(entry + offsetof<PageEntry>("word"), PAGE_FREE);
  crashPoint(SHM_RECLAIM_AFTER_COMMIT);
  if (!mutant(144)) flush(entry);
  returnPages(segment, page, PageWord.kind(word) == PAGE_RUN ? PageWord.run(word) : 1);
}

/** Gives empty pages back to their segments, and wholly free segments but one to the pool. */
export function reclaimEmptyPages(): void {
  keep32(heap() + offsetof<HeapScratch>("emptyPages"), 0);
  for (let sizeClass: u32 = 0; sizeClass < SIZE_CLASS_COUNT; sizeClass++) keepNonEmpty(sizeClass);
  let kept: u32 = 0;
  let spare: bool = true;
  const pages: u32 = pagesPerSegment();
  const whole: u64 = runMask(0, pages);
  let next: u32 = recall32(heap() + offsetof<HeapScratch>("segments"));
  keep32(heap() + offsetof<HeapScratch>("segmentCursor"), 0);
  while (next != 0) {
    const segment: u32 = next - 1;
    next = nextOwn(segment);
    const owner: usize = segmentEntryAt(segment) + SEGMENT_OWNER_LINE;
    if (load64(owner + offsetof<SegmentOwner>("freePages")) == whole) {
      if (!spare) {
        freeSegment(segment, load64(segmentWordAt(segment)));
        continue;
      }
      spare = false;
    }
    store32(owner + offsetof<SegmentOwner>("next"), kept);
    kept = segment + 1;
  }
  keep32(heap() + offsetof<HeapScratch>("segments"), kept);
}

/** Keeps the class's pages with used blocks on its list; the others become free pages. */
function keepNonEmpty(sizeClass: u32): void {
  let next: u32 = recall32(availableAt(sizeClass));
  let kept: u32 = 0;
  while (next != 0) {
    const entry: usize = next;
    next = load32(entry + offsetof<PageEntry>("next"));
    if (load32(entry + offsetof<PageEntry>("used")) != 0) {
      store32(entry + offsetof<PageEntry>("next"), kept);
      kept = <u32>entry;
      continue;
    }
    store32(entry + offsetof<PageEntry>("listed"), 0);
    freePageOf(entry);
  }
  keep32(availableAt(sizeClass), kept);
}

function freePageOf(entry: usize): void {
  const at: u32 = <u32>entry - recall32(heap() + offsetof<HeapScratch>("segmentTableAt"));
  const bytes: u32 = recall32(heap() + offsetof<HeapScratch>("segmentEntryBytes"));
  const segment: u32 = at / bytes;
  const page: u32 = (at % bytes - 192) >> 5;
  freePage(segment, page, load64(entry + offsetof<PageEntry>("word")));
}

/** A block of an own page was given back by its owner. */
export function pushBlock(entry: usize, word: u64, block: u32): void {
  store32(poolBase + block + offsetof<ObjectHeader>("next"), load32(entry + offsetof<PageEntry>("free")));
  store32(entry + offsetof<PageEntry>("free"), block);
  const used: u32 = load32(entry + offsetof<PageEntry>("used")) - 1;
  store32(entry + offsetof<PageEntry>("used"), used);
  if (load32(entry + offsetof<PageEntry>("listed")) == 0) listPage(entry, PageWord.sizeClass(word));
  if (used != 0 || recall32(currentAt(PageWord.sizeClass(word))) == <u32>entry) return;
  countEmpty(1);
  if (recall32(heap() + offsetof<HeapScratch>("emptyPages")) >= EMPTY_PAGE_LIMIT) reclaimEmptyPages();
}
