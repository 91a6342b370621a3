// Roots: the slots by which a client's handles hold objects. They lie in pages of the client's own segments, so that whoever recovers
// the client finds them all.

import { keep32, load64, publish64, recall32, store64 } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { poolBase } from '../place/place';
import { crashPoint } from '../crash-points/crash-point';
import { SHM_ROOTS_AFTER_CLEAR, SHM_ROOTS_AFTER_COMMIT } from '../crash-points/catalogue';
import { HeapScratch } from '../layout/scratch';
import { PAGE_ROOTS, PageEntry, PageWord } from '../layout/segment';
import { heap } from './context';
import { flushRange } from './flush';
import { claimPages, findFreePages } from './page';
import { isOwn, pageEntryAt, pageOf, pageOffset, segmentCount, segmentOf } from './segment';

/** Offset of an unused root, which is this client's until `pushRoot`; 0 when there is no memory. It reads 0 or odd. */
export function popRoot(): u32 {
  const root: u32 = recall32(heap() + offsetof<HeapScratch>("rootFree"));
  if (root != 0) {
    keep32(heap() + offsetof<HeapScratch>("rootFree"), <u32>load64(poolBase + root) & ~1);
    countRoots(1);
    return root;
  }
  let next: u32 = recall32(heap() + offsetof<HeapScratch>("rootNext"));
  if (next == recall32(heap() + offsetof<HeapScratch>("rootEnd"))) {
    next = formatRoots();
    if (next == 0) return 0;
  }
  keep32(heap() + offsetof<HeapScratch>("rootNext"), next + 8);
  countRoots(1);
  return next;
}

/** Puts an emptied root on the free list: odd, so that nobody takes the link for an object. */
export function pushRoot(root: u32): void {
  store64(poolBase + root, <u64>(recall32(heap() + offsetof<HeapScratch>("rootFree")) | 1));
  keep32(heap() + offsetof<HeapScratch>("rootFree"), root);
  countRoots(-1);
}

function countRoots(change: i32): void {
  keep32(heap() + offsetof<HeapScratch>("rootsInUse"), recall32(heap() + offsetof<HeapScratch>("rootsInUse")) + change);
}

/**
 * Turns a free page into roots.
 *
 *   1. clear     Store 0 in all of them.
 *   2. COMMIT    Publish the page's word.
 *
 * Dead before 2: the page is free. Dead after 2: recovery finds empty roots.
 */
function formatRoots(): u32 {
  const place: u32 = findFreePages(1);
  if (place == 0) return 0;
  const segment: u32 = (place - 1) >> 6;
  const page: u32 = (place - 1) & 63;
  const offset: u32 = pageOffset(segment, page);
  const pageBytes: u32 = <u32>1 << recall32(heap() + offsetof<HeapScratch>("pageShift"));
  if (!mutant(25)) {
    for (let at: u32 = 0; at < pageBytes; at += 8) store64(poolBase + offset + at, 0);
  }
  crashPoint(SHM_ROOTS_AFTER_CLEAR);
  flushRange(poolBase + offset, pageBytes);
  const entry: usize = pageEntryAt(segment, page);
  publish64(entry + offsetof<PageEntry>("word"), PageWord.pack(PAGE_ROOTS, 0, 1, 8));
  crashPoint(SHM_ROOTS_AFTER_COMMIT);
  flushRange(entry, 32);
  claimPages(segment, page, 1);
  keep32(heap() + offsetof<HeapScratch>("rootEnd"), offset + pageBytes);
  return offset;
}

/** The object that a root of this client holds; 0 when `root` is no such root, or holds nothing. For roots that come from outside. */
export function objectOfRoot(root: u32): u32 {
  if ((root & 7) != 0 || root < recall32(heap() + offsetof<HeapScratch>("segmentsOffset"))) return 0;
  const segment: u32 = segmentOf(root);
  if (segment >= segmentCount() || !isOwn(segment)) return 0;
  const word: u64 = load64(pageEntryAt(segment, pageOf(root)) + offsetof<PageEntry>("word"));
  if (PageWord.kind(word) != PAGE_ROOTS) return 0;
  const object: u64 = load64(poolBase + root);
  return (object & 1) != 0 ? 0 : <u32>object;
}
