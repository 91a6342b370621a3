// From count zero to a free block: corpses wait on a list, are taken apart one child at a time, and are given back by clearing their
// word. Nothing recurses; a chain of a million objects costs no stack.

import { keep32, load32, load64, publish32, publish64, recall32, store32, swap64 } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { poolBase } from '../place/place';
import { crashPoint } from '../crash-points/crash-point';
import {
  SHM_DRAIN_AFTER_CHILD,
  SHM_DRAIN_AFTER_COMMIT,
  SHM_DRAIN_AFTER_HINT,
  SHM_DRAIN_AFTER_NOTE,
  SHM_DRAIN_AFTER_POP,
  SHM_FREE_HUGE_AFTER_CLEAR,
  SHM_FREE_HUGE_AFTER_COMMIT,
  SHM_FREE_HUGE_AFTER_TAIL,
} from '../crash-points/catalogue';
import { HEAP_CLIENT_LINE, HeapClient } from '../layout/heap';
import { OBJECT_HEADER_BYTES, ObjectHeader, ReferenceWord } from '../layout/object';
import { HeapScratch } from '../layout/scratch';
import { PAGE_FREE, PAGE_HUGE, PAGE_RUN, PageEntry, PageWord, SEGMENT_HUGE, SegmentWord } from '../layout/segment';
import { actorPlusOne, heap, isActing } from './context';
import { Era } from './era';
import { flush } from './flush';
import { anybodyLooks, isLookedAt } from './hazard';
import { freePage, isNobodys, pushBlock } from './page';
import { dropSlot } from './reference';
import { claimedMap, clearHint, hintReleased, isOwn, pageEntryAt, pageOf, segmentCount, segmentOf, segmentOffset, segmentWordAt } from './segment';

/** Corpses in limbo that make a look at all hazards worth while. */
const LIMBO_LIMIT: u32 = 64;

/**
 * Takes apart every corpse on this client's dying list.
 *
 *   1. children  Detach the last embedded reference, a transaction of its own, which may put the child on top of the list; lower the
 *                corpse's number of references. Until there is none.
 *   2. note      Write the corpse down as the one that is being given back.
 *   3. pop       Take it off the list.
 *   4. COMMIT    Store 0 in its word: the block is free, and may be used again at once.
 *   5. hint      Tell the owner that its page is worth a sweep; or, at home, put the block on the page's list.
 *
 * Dead in 1: recovery goes on. Dead before 4: the corpse is nobody's, and the owner's sweep takes it; the note makes recovery give
 * the hint. Dead after 4: the block is free, and so on.
 */
export function drain(): void {
  const line: usize = recall32(heap() + offsetof<HeapScratch>("clientAt"));
  for (;;) {
    const corpse: u32 = load32(line + offsetof<HeapClient>("dying"));
    if (corpse == 0) break;
    const header: usize = poolBase + corpse;
    const references: u32 = load32(header + offsetof<ObjectHeader>("references"));
    if (references != 0) {
      const slot: u32 = corpse + OBJECT_HEADER_BYTES + (references - 1) * 8;
      if (load64(poolBase + slot) == 0) store32(header + offsetof<ObjectHeader>("references"), references - 1);
      else dropSlot(slot);
      crashPoint(SHM_DRAIN_AFTER_CHILD);
      continue;
    }
    publish32(line + offsetof<HeapClient>("freeing"), corpse);
    crashPoint(SHM_DRAIN_AFTER_NOTE);
    publish32(line + offsetof<HeapClient>("dying"), load32(header + offsetof<ObjectHeader>("next")));
    crashPoint(SHM_DRAIN_AFTER_POP);
    if (!mutant(132)) flush(line);
    if (mutant(43) || !anybodyLooks() || !isLookedAt(corpse)) giveBack(corpse);
    else keepInLimbo(corpse);
  }
  if (!isActing() && recall32(heap() + offsetof<HeapScratch>("limbo")) != 0 && !anybodyLooks()) passLimbo();
}

/** Clears the word of a corpse of this client's. */
export function giveBack(corpse: u32): void {
  const segment: u32 = segmentOf(corpse);
  if (SegmentWord.state(load64(segmentWordAt(segment))) == SEGMENT_HUGE) {
    freeHuge(segment, corpse);
    return;
  }
  const page: u32 = pageOf(corpse);
  const entry: usize = pageEntryAt(segment, page);
  const word: u64 = load64(entry + offsetof<PageEntry>("word"));
  publish64(poolBase + corpse + offsetof<ObjectHeader>("word"), 0);
  crashPoint(SHM_DRAIN_AFTER_COMMIT);
  if (!isActing() && isOwn(segment)) {
    if (PageWord.kind(word) == PAGE_RUN) freePage(segment, page, word);
    else pushBlock(entry, word, corpse);
    return;
  }
  hintReleased(segment, page);
  crashPoint(SHM_DRAIN_AFTER_HINT);
}

/** Somebody looks at it: a later pass gives it back. In a dead client's name nobody would, so it becomes nobody's. */
function keepInLimbo(corpse: u32): void {
  if (isActing()) {
    hintReleased(segmentOf(corpse), pageOf(corpse));
    return;
  }
  store32(poolBase + corpse + offsetof<ObjectHeader>("next"), recall32(heap() + offsetof<HeapScratch>("limbo")));
  keep32(heap() + offsetof<HeapScratch>("limbo"), corpse);
  const count: usize = limboCountAt();
  store32(count, load32(count) + 1);
  if (load32(count) >= LIMBO_LIMIT) passLimbo();
}

/** Gives back the corpses in limbo that nobody looks at any more. */
export function passLimbo(): void {
  let corpse: u32 = recall32(heap() + offsetof<HeapScratch>("limbo"));
  keep32(heap() + offsetof<HeapScratch>("limbo"), 0);
  let count: u32 = 0;
  while (corpse != 0) {
    const next: u32 = load32(poolBase + corpse + offsetof<ObjectHeader>("next"));
    if (isLookedAt(corpse) && !mutant(52)) {
      store32(poolBase + corpse + offsetof<ObjectHeader>("next"), recall32(heap() + offsetof<HeapScratch>("limbo")));
      keep32(heap() + offsetof<HeapScratch>("limbo"), corpse);
      count++;
    } else {
      giveBack(corpse);
    }
    corpse = next;
  }
  store32(limboCountAt(), count);
}

function limboCountAt(): usize {
  return recall32(heap() + offsetof<HeapScratch>("clientAt")) + HEAP_CLIENT_LINE + offsetof<HeapClient>("limbo");
}

/** Leaves what is still in limbo to the owners' sweeps: once this client is gone they are nobody's. */
export function leaveLimbo(): void {
  passLimbo();
  for (let corpse: u32 = recall32(heap() + offsetof<HeapScratch>("limbo")); corpse != 0; ) {
    const next: u32 = load32(poolBase + corpse + offsetof<ObjectHeader>("next"));
    hintReleased(segmentOf(corpse), pageOf(corpse));
    corpse = next;
  }
  keep32(heap() + offsetof<HeapScratch>("limbo"), 0);
  store32(limboCountAt(), 0);
}

// -- runs of whole segments ---------------------------------------------------------------------------------------------------

/**
 * Gives back a huge object's segments.
 *
 *   1. COMMIT    Swap the first segment's owner for this client, which is the corpse's disposer: nobody else frees it.
 *   2. tails     Free the segments behind it, the last one first.
 *   3. clear     The first page's word, then the corpse's word.
 *   4. head      Free the first segment.
 *
 * Dead before 1: the corpse is nobody's; who needs memory takes it. Dead after 1: the first segment's word names this client, whose
 * recovery goes on.
 */
export function freeHuge(head: u32, corpse: u32): void {
  const seen: u64 = load64(segmentWordAt(head));
  if (SegmentWord.state(seen) != SEGMENT_HUGE || SegmentWord.position(seen) != 0) return;
  const taken: u64 = SegmentWord.pack(SEGMENT_HUGE, actorPlusOne(), 0, recall32(heap() + offsetof<HeapScratch>("incarnation")));
  if (seen != taken && swap64(segmentWordAt(head), seen, taken) != seen) return;
  crashPoint(SHM_FREE_HUGE_AFTER_COMMIT);
  if (!mutant(137)) flush(segmentWordAt(head));
  let length: u32 = 1;
  while (head + length < segmentCount() && isTail(load64(segmentWordAt(head + length)), length)) length++;
  for (let position: u32 = length - 1; position > 0; position--) freeTail(head + position);
  crashPoint(SHM_FREE_HUGE_AFTER_TAIL);
  publish64(pageEntryAt(head, 0) + offsetof<PageEntry>("word"), PAGE_FREE);
  publish64(poolBase + corpse + offsetof<ObjectHeader>("word"), 0);
  crashPoint(SHM_FREE_HUGE_AFTER_CLEAR);
  if (!mutant(139)) flush(pageEntryAt(head, 0));
  if (swap64(segmentWordAt(head), taken, 0) == taken) clearHint(claimedMap(), head);
}

/** The position names the run: its head stays claimed until all its tails are free. */
function isTail(word: u64, position: u32): bool {
  return SegmentWord.state(word) == SEGMENT_HUGE && SegmentWord.position(word) == position;
}

function freeTail(segment: u32): void {
  const seen: u64 = load64(segmentWordAt(segment));
  if (swap64(segmentWordAt(segment), seen, 0) == seen) clearHint(claimedMap(), segment);
  if (!mutant(138)) flush(segmentWordAt(segment));
}

/**
 * Makes this client the disposer of a corpse that is nobody's. COMMIT is the swap: a stamp is never used twice, so it cannot hit another
 * corpse that lies there meanwhile; and the corpse's disposer alone frees its segments.
 *
 * Dead after it: the corpse is nobody's again, when this client's recovery ends.
 */
export function takeCorpse(corpse: u32, seen: u64): bool {
  if (mutant(54)) return true;
  const own: u64 = ReferenceWord.pack(actorPlusOne(), 0, Era.current());
  if (swap64(poolBase + corpse + offsetof<ObjectHeader>("word"), seen, own) != seen) return false;
  Era.advance();
  return true;
}

/** Huge objects whose disposer is gone: whoever needs memory gives them back. Whether there was one. */
export function collectHuge(): bool {
  let found: bool = false;
  for (let segment: u32 = 0; segment < segmentCount(); segment++) {
    const word: u64 = load64(segmentWordAt(segment));
    if (SegmentWord.state(word) != SEGMENT_HUGE || SegmentWord.position(word) != 0) continue;
    if (PageWord.kind(load64(pageEntryAt(segment, 0) + offsetof<PageEntry>("word"))) != PAGE_HUGE) continue;
    const corpse: u32 = segmentOffset(segment);
    const reference: u64 = load64(poolBase + corpse + offsetof<ObjectHeader>("word"));
    if (reference == 0 || ReferenceWord.count(reference) != 0 || !isNobodys(reference)) continue;
    if (anybodyLooks() && isLookedAt(corpse)) continue;
    if (!takeCorpse(corpse, reference)) continue;
    freeHuge(segment, corpse);
    found = true;
  }
  return found;
}
