// Roots: the slots by which a client's handles hold objects. They lie in pages of the client's own segments, so that whoever recovers
// the client finds them all.

import { keep32, load64, publish64, recall32, store64 } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { poolBase } from '../place/place';
import { crashPoint } from '../crash-points/crash-point';
import { SHM_ROOTS_AFTER_CLEAR, SHM_ROOTS_AFTER_COMMIT } from '../crash-points/catalogue';
import { HeapScratch } from '../layout/scratch';
import { PAGE_ROOTS, PAGE_RUN, PageEntry, PageWord } from '../layout/segment';
import { heap } from './context';
import { flush, flushRange } from './flush';
import { claimPages, findFreePages } from './page';
import { isOwn, nextOwn, pageEntryAt, pageOf, pageOffset, pagesPerSegment, segmentCount, segmentOf } from './segment';

/** Offset of an unused root, which is this client's until `pushRoot`; 0 when there is no memory. It reads 0 or odd. */
export function popRoot(): u32 {
  const root: u32 = recall32(heap() + offsetof<HeapScratch>("rootFree"));
  if (root != 0) {
    keep32(heap() + offsetof<HeapScratch>("rootFree"), <u32>load64(poolBase + root) & ~1);
    return root;
  }
  let next: u32 = recall32(heap() + offsetof<HeapScratch>("rootNext"));
  if (next == recall32(heap() + offsetof<HeapScratch>("rootEnd"))) {
    next = formatRoots();
    if (next == 0) return 0;
  }
  keep32(heap() + offsetof<HeapScratch>("rootNext"), next + 8);
  return next;
}

/** Puts an emptied root on the free list: odd, so that nobody takes the link for an object. */
export function pushRoot(root: u32): void {
  store64(poolBase + root, <u64>(recall32(heap() + offsetof<HeapScratch>("rootFree")) | 1));
  keep32(heap() + offsetof<HeapScratch>("rootFree"), root);
}

/** How many roots of this client hold something. */
export function countRoots(): u32 {
  let count: u32 = 0;
  const pageBytes: u32 = <u32>1 << recall32(heap() + offsetof<HeapScratch>("pageShift"));
  for (let next: u32 = recall32(heap() + offsetof<HeapScratch>("segments")); next != 0; next = nextOwn(next - 1)) {
    for (let page: u32 = 0; page < pagesPerSegment(); page++) {
      const word: u64 = load64(pageEntryAt(next - 1, page) + offsetof<PageEntry>("word"));
      if (PageWord.kind(word) == PAGE_RUN) page += PageWord.run(word) - 1;
      if (PageWord.kind(word) != PAGE_ROOTS) continue;
      const base: u32 = pageOffset(next - 1, page);
      for (let root: u32 = base; root < base + pageBytes; root += 8) {
        const held: u64 = load64(poolBase + root);
        if (held != 0 && (held & 1) == 0) count++;
      }
    }
  }
  return count;
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
  if (!mutant(145)) flushRange(poolBase + offset, pageBytes);
  const entry: usize = pageEntryAt(segment, page);
  publish64(entry + offsetof<PageEntry>("word"), PageWord.pack(PAGE_ROOTS, 0, 1, 8));
  crashPoint(SHM_ROOTS_AFTER_COMMIT);
  if (!mutant(146)) flush(entry);
  claimPages(segment, page, 1);
  keep32(heap() + offsetof<HeapScratch>("rootEnd"), offset + pageBytes);
  return offset;
}

export class Root {
  /** The object that a root of this client holds; 0 when `root` is no such root, or holds nothing. For roots that come from outside. */
  @inline
  static object(root: u32): u32 {
    const page: u32 = root >> recall32(heap() + offsetof<HeapScratch>("pageShift"));
    if ((root & 7) != 0 || (page + 1 != recall32(heap() + offsetof<HeapScratch>("rootPage")) && !isRootPage(root, page))) return 0;
    const object: u64 = load64(poolBase + root);
    return (object & 1) != 0 ? 0 : <u32>object;
  }
}

/** Whether roots of this client lie there; remembered, for they do until it ends. */
function isRootPage(root: u32, page: u32): bool {
  if (root < recall32(heap() + offsetof<HeapScratch>("segmentsOffset"))) return false;
  const segment: u32 = segmentOf(root);
  if (segment >= segmentCount() || !isOwn(segment)) return false;
  const word: u64 = load64(pageEntryAt(segment, pageOf(root)) + offsetof<PageEntry>("word"));
  if (PageWord.kind(word) != PAGE_ROOTS) return false;
  keep32(heap() + offsetof<HeapScratch>("rootPage"), page + 1);
  return true;
}
