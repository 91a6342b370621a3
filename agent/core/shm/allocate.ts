// Allocation and the release of a handle. The fast path touches only what this client owns: its page's list, a root, the new header.

import { keep32, load32, load64, publish64, recall32, store32, store64, swap64 } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { poolBase } from '../place/place';
import { BAD_ARGUMENT, HEAP_FULL, OK, QUOTA } from '../codes/codes';
import { crashPoint } from '../crash-points/crash-point';
import {
  SHM_ALLOC_AFTER_COMMIT,
  SHM_ALLOC_AFTER_POP,
  SHM_ALLOC_AFTER_ROOT,
  SHM_CLAIM_HUGE_AFTER_CLEAR,
  SHM_CLAIM_HUGE_AFTER_COMMIT,
  SHM_CLAIM_HUGE_AFTER_HEAD,
  SHM_DROP_AFTER_CLEAR,
  SHM_DROP_AFTER_COMMIT,
  SHM_RUN_AFTER_COMMIT,
} from '../crash-points/catalogue';
import { OBJECT_HEADER_BYTES, ObjectHeader, ReferenceWord } from '../layout/object';
import { HeapScratch } from '../layout/scratch';
import { PAGE_BLOCKS, PAGE_HUGE, PAGE_RUN, PageEntry, PageWord, SEGMENT_HUGE, SegmentWord } from '../layout/segment';
import { actorPlusOne, Client, heap } from './context';
import { collectHuge, drain } from './dispose';
import { Era } from './era';
import { fence, flush, flushRange } from './flush';
import { anybodyLooks } from './hazard';
import { claimPages, currentPage, findFreePages, findPage, gatherFreePages, pushBlock, sizeClassOf } from './page';
import { detachSlot } from './reference';
import { popRoot, pushRoot, Root } from './root';
import {
  claimedMap,
  clearHint,
  isOwn,
  pageEntryAt,
  pageOf,
  pageOffset,
  quotaLeaves,
  segmentCount,
  segmentOf,
  segmentOffset,
  segmentWordAt,
  setHint,
} from './segment';

/**
 * A new object with `references` empty embedded references and `sizeBytes` of data behind them, held by a new root, whose offset is
 * returned; or a code below CODE_LIMIT: BAD_ARGUMENT for an object of no bytes, HEAP_FULL, QUOTA, FENCED, RETIRED, NOT_JOINED.
 *
 *   1. pop       Take a free block and a free root.
 *   2. root      Store the block's offset in the root; clear its embedded references.
 *   3. COMMIT    Publish the block's word: count 1, and no client, so that no era is used up.
 *
 * Dead before 3: the root names a free block, which is nothing. Dead after 3: recovery drops the root.
 */
export function shmAlloc(sizeBytes: u32, references: u32): u32 {
  const refusal: i32 = Client.mayBegin();
  if (refusal != OK) return <u32>refusal;
  const payload: u64 = <u64>sizeBytes + (<u64>references << 3);
  if (payload == 0) return <u32>BAD_ARGUMENT;
  if (payload > 0xffffff00) return <u32>HEAP_FULL;
  const root: u32 = popRoot();
  if (root == 0) return <u32>refusalOfMemory();
  const blockBytes: u32 = <u32>payload + OBJECT_HEADER_BYTES;
  const block: u32 = blockBytes <= recall32(heap() + offsetof<HeapScratch>("smallBytes")) ? popBlock(sizeClassOf(blockBytes)) : takeRun(blockBytes);
  if (block == 0) {
    pushRoot(root);
    return <u32>refusalOfMemory();
  }
  crashPoint(SHM_ALLOC_AFTER_POP);

  if (mutant(26)) publish64(poolBase + block + offsetof<ObjectHeader>("word"), ReferenceWord.pack(0, 1, 0));
  store64(poolBase + root, <u64>block); // published with A1
  store32(poolBase + block + offsetof<ObjectHeader>("references"), references);
  if (!mutant(28)) {
    for (let index: u32 = 0; index < references; index++) store64(poolBase + block + OBJECT_HEADER_BYTES + index * 8, 0);
  }
  crashPoint(SHM_ALLOC_AFTER_ROOT);
  if (!mutant(120)) flush(poolBase + root);
  // The header's own line cannot be older on the device than the word that stands in it.
  const lineEnd: u32 = (block | 63) + 1;
  const slotsEnd: u32 = block + OBJECT_HEADER_BYTES + references * 8;
  if (slotsEnd > lineEnd && !mutant(121)) flushRange(poolBase + lineEnd, slotsEnd - lineEnd);

  const stamp: u64 = mutant(45) ? ReferenceWord.pack(actorPlusOne(), 1, Era.current()) : ReferenceWord.pack(0, 1, 0);
  publish64(poolBase + block + offsetof<ObjectHeader>("word"), stamp); // publishes A1
  crashPoint(SHM_ALLOC_AFTER_COMMIT);
  if (!mutant(122)) flush(poolBase + block);
  return root;
}

function refusalOfMemory(): i32 {
  return quotaLeaves(1) ? HEAP_FULL : QUOTA;
}

function popBlock(sizeClass: u32): u32 {
  let entry: usize = currentPage(sizeClass);
  let block: u32 = entry == 0 ? 0 : load32(entry + offsetof<PageEntry>("free"));
  if (block == 0) {
    entry = findPage(sizeClass);
    if (entry == 0) return 0;
    block = load32(entry + offsetof<PageEntry>("free"));
    if (block == 0) return 0;
  }
  store32(entry + offsetof<PageEntry>("free"), load32(poolBase + block + offsetof<ObjectHeader>("next")));
  store32(entry + offsetof<PageEntry>("used"), load32(entry + offsetof<PageEntry>("used")) + 1);
  return block;
}

/** A block of whole pages, or of whole segments. */
function takeRun(blockBytes: u32): u32 {
  const pageShift: u32 = recall32(heap() + offsetof<HeapScratch>("pageShift"));
  const segmentShift: u32 = recall32(heap() + offsetof<HeapScratch>("segmentShift"));
  if (blockBytes > <u32>1 << segmentShift) return takeSegments(<u32>((<u64>blockBytes + (<u64>1 << segmentShift) - 1) >> segmentShift));
  const pages: u32 = (blockBytes + (<u32>1 << pageShift) - 1) >> pageShift;
  const place: u32 = findFreePages(pages);
  if (place == 0) return 0;
  const segment: u32 = (place - 1) >> 6;
  const page: u32 = (place - 1) & 63;
  const offset: u32 = pageOffset(segment, page);
  // The word first: a run whose word is 0 is free, whatever its page says.
  store64(poolBase + offset + offsetof<ObjectHeader>("word"), 0);
  if (!mutant(123)) flush(poolBase + offset);
  publish64(pageEntryAt(segment, page) + offsetof<PageEntry>("word"), PageWord.pack(PAGE_RUN, 0, pages, pages << pageShift));
  crashPoint(SHM_RUN_AFTER_COMMIT);
  if (!mutant(124)) flush(pageEntryAt(segment, page));
  claimPages(segment, page, pages);
  return offset;
}

/**
 * A run of whole segments for one huge object.
 *
 *   1. head      Swap the first segment's word FREE for { HUGE, this client, position 0 }.
 *   2. tails     The same for those behind it, in order, each with its position. On a lost race, give back what was taken.
 *   3. clear     Store 0 in the object's word.
 *   4. COMMIT    Publish the first page's word as HUGE.
 *
 * Dead before 4: recovery frees what names this client. Dead after 4: the object's word is 0, and recovery frees it as well.
 */
function takeSegments(count: u32): u32 {
  if (count > segmentCount() || !quotaLeaves(count)) return 0;
  let found: u32 = searchSegments(count);
  if (found == 0) {
    collectHuge();
    gatherFreePages();
    found = searchSegments(count);
  }
  if (found == 0) return 0;
  const head: u32 = found - 1;
  const offset: u32 = segmentOffset(head);
  store64(poolBase + offset + offsetof<ObjectHeader>("word"), 0);
  crashPoint(SHM_CLAIM_HUGE_AFTER_CLEAR);
  if (!mutant(125)) flush(poolBase + offset);
  const blockBytes: u32 = count << recall32(heap() + offsetof<HeapScratch>("segmentShift"));
  publish64(pageEntryAt(head, 0) + offsetof<PageEntry>("word"), PageWord.pack(PAGE_HUGE, 0, count, blockBytes));
  crashPoint(SHM_CLAIM_HUGE_AFTER_COMMIT);
  if (!mutant(126)) flush(pageEntryAt(head, 0));
  return offset;
}

function searchSegments(count: u32): u32 {
  for (let head: u32 = 0; head + count <= segmentCount(); ) {
    let taken: u32 = 0;
    while (taken < count && takeSegment(head + taken, taken)) taken++;
    if (taken == count) return head + 1;
    const next: u32 = head + taken + 1;
    for (; taken > 0; taken--) giveSegmentBack(head + taken - 1);
    head = next;
  }
  return 0;
}

function hugeWord(position: u32): u64 {
  return SegmentWord.pack(SEGMENT_HUGE, actorPlusOne(), position, recall32(heap() + offsetof<HeapScratch>("incarnation")));
}

function takeSegment(segment: u32, position: u32): bool {
  if (load64(segmentWordAt(segment)) != 0) return false;
  if (swap64(segmentWordAt(segment), 0, hugeWord(position)) != 0) return false;
  crashPoint(SHM_CLAIM_HUGE_AFTER_HEAD);
  if (!mutant(127)) flush(segmentWordAt(segment));
  setHint(claimedMap(), segment);
  return true;
}

function giveSegmentBack(segment: u32): void {
  swap64(segmentWordAt(segment), load64(segmentWordAt(segment)), 0);
  if (!mutant(128)) flush(segmentWordAt(segment)); // before the one in front of it
  clearHint(claimedMap(), segment);
}

/**
 * Drops what a root holds; the root is free afterwards. OK, or BAD_ARGUMENT for a root that holds nothing.
 *
 * The last reference to an object of this client's own, without embedded references, while nobody looks at anything:
 *
 *   1. observe   Publish the era that the word proves.
 *   2. COMMIT    Publish 0 in the object's word: the block is free.
 *   3. clear     Take the object out of the root.
 *
 * Dead before 2: recovery drops the root. Dead after 2: the root names a free block, which is nothing.
 * Everything else is a detach, then `drain`.
 */
export function dropRoot(root: u32, object: u32): void {
  const page: usize = clearLast(object);
  if (page != 0) {
    pushRoot(root);
    crashPoint(SHM_DROP_AFTER_CLEAR);
    if (!mutant(131)) flush(poolBase + root);
    pushBlock(page, load64(page + offsetof<PageEntry>("word")), object);
    return;
  }
  const died: bool = detachSlot(root);
  pushRoot(root);
  if (died) drain();
}

/** Steps 1 and 2, if they apply to what a root of this client holds: the entry of the object's page; 0 if they do not. */
export function clearLast(object: u32): usize {
  const word: u64 = load64(poolBase + object + offsetof<ObjectHeader>("word"));
  if (ReferenceWord.count(word) != 1 || load32(poolBase + object + offsetof<ObjectHeader>("references")) != 0 || anybodyLooks()) return 0;
  const segment: u32 = segmentOf(object);
  const entry: usize = pageEntryAt(segment, pageOf(object));
  if (PageWord.kind(load64(entry + offsetof<PageEntry>("word"))) != PAGE_BLOCKS || !isOwn(segment)) return 0;
  if (!mutant(29)) Era.witness(word);
  publish64(poolBase + object + offsetof<ObjectHeader>("word"), 0); // nobody can see it: the only reference is this root
  crashPoint(SHM_DROP_AFTER_COMMIT);
  if (!mutant(129)) flush(poolBase + object);
  if (!mutant(130)) fence();
  return entry;
}

export function shmDrop(root: u32): i32 {
  const refusal: i32 = Client.mayBegin();
  if (refusal != OK) return refusal;
  const object: u32 = Root.object(root);
  if (object == 0) return BAD_ARGUMENT;
  dropRoot(root, object);
  return OK;
}
