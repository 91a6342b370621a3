// What a client leaves, when it goes and when it died: the same steps, in its name, with the same code.

import { keep32, keep64, load32, load64, publish32, publish64, recall32, recall64, store64 } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { poolBase } from '../place/place';
import { BROKEN_OFFSET, crashPoint, invariant } from '../crash-points/crash-point';
import {
  SHM_RELINQUISH_AFTER_DRAIN,
  SHM_RELINQUISH_AFTER_PAGE,
  SHM_RELINQUISH_AFTER_QUEUES,
  SHM_RELINQUISH_AFTER_ROOTS,
  SHM_RESOLVE_AFTER_CLOSE,
  SHM_RESOLVE_AFTER_NOTE,
  SHM_RESOLVE_AFTER_REPEAT,
} from '../crash-points/catalogue';
import {
  HEAP_CLIENT_LINE,
  HEAP_REDO_LINE,
  HeapClient,
  REDO_ATTACH,
  REDO_CHANGE,
  REDO_DETACH,
  REDO_MOVE,
  REDO_NONE,
  REDO_RELEASE,
  RedoRecord,
  RedoStamp,
} from '../layout/heap';
import { ObjectHeader, ReferenceWord } from '../layout/object';
import { HeapScratch } from '../layout/scratch';
import {
  PAGE_BLOCKS,
  PAGE_ENTRY_BYTES,
  PAGE_FREE,
  PAGE_HUGE,
  PAGE_ROOTS,
  PAGE_RUN,
  PageEntry,
  PageWord,
  SEGMENT_HUGE,
  SEGMENT_OWNED,
  SegmentWord,
} from '../layout/segment';
import { clearLast } from './allocate';
import { actAs, actorPlusOne, hasHeap, heap, isActing, learnShape, shape } from './context';
import { HeapShape } from '../layout/heap';
import { drain, freeHuge, leaveLimbo, takeCorpse } from './dispose';
import { Era, wasWitnessed } from './era';
import { fence, flush, flushRange } from './flush';
import { anybodyLooks, endHazards, isLookedAt } from './hazard';
import { isNobodys } from './page';
import { closeQueuesOf } from './queue';
import { dropSlot, finishChange, finishMove, finishRelease, pushDying } from './reference';
import { redoRecordAt } from './redo';
import { isObject, isPlausible } from './plausible';
import {
  abandonSegment,
  freeSegment,
  hintReleased,
  pageEntryAt,
  pageOf,
  pageOffset,
  pagesPerSegment,
  segmentCount,
  segmentOf,
  segmentOffset,
  segmentWordAt,
} from './segment';

/**
 * Finishes in the heap what the dead `client` left. The caller has the claim: nobody else does it.
 *
 *   1. resolve      The transaction of its era: repeat it if it committed, close it either way.
 *   2. note         The block that it was giving back: a hint for the owner.
 *   3. relinquish   As if it left by itself.
 *
 * Dead at any time: whoever claims next finds a client that died in the middle of an ordinary operation, and starts over.
 */
export function recoverHeap(client: u32, incarnation: u32): void {
  if (!hasHeap() || client >= load32(shape() + offsetof<HeapShape>("clientCount"))) return;
  const at: usize = heap();
  keep32(at + offsetof<HeapScratch>("savedClientPlusOne"), actorPlusOne());
  keep32(at + offsetof<HeapScratch>("savedIncarnation"), recall32(at + offsetof<HeapScratch>("incarnation")));
  learnShape();
  actAs(client, incarnation);
  keep32(at + offsetof<HeapScratch>("acting"), 1);

  resolve();
  const freeing: usize = recall32(at + offsetof<HeapScratch>("clientAt")) + HEAP_CLIENT_LINE + offsetof<HeapClient>("freeing");
  const note: u32 = load32(freeing);
  if (note != 0 && isPlausible(<u64>note) && !mutant(33)) hintReleased(segmentOf(note), pageOf(note));
  publish32(freeing, 0);
  crashPoint(SHM_RESOLVE_AFTER_NOTE);
  relinquish();

  keep32(at + offsetof<HeapScratch>("acting"), 0);
  const saved: u32 = recall32(at + offsetof<HeapScratch>("savedClientPlusOne"));
  if (saved != 0) actAs(saved - 1, recall32(at + offsetof<HeapScratch>("savedIncarnation")));
  else keep32(at + offsetof<HeapScratch>("clientPlusOne"), 0);
}

/**
 * Decides whether the transaction in the redo record of the present era committed, repeats what follows its commit, and closes it.
 *
 * It committed if the object's word still carries the era, or if somebody else saw it there (paper §2: Era[i][i] against the word, then
 * against the column). The word first: between the two reads a client may witness and overwrite it, and is then found in the column.
 */
function resolve(): void {
  if (mutant(49)) Era.advance();
  const clientAt: usize = recall32(heap() + offsetof<HeapScratch>("clientAt"));
  // What it wrote and did not flush may be seen here, on its own machine, and be lost with that machine.
  if (!mutant(164)) flush(recall32(heap() + offsetof<HeapScratch>("eraAt")));
  if (!mutant(165)) flush(clientAt + HEAP_REDO_LINE);
  if (!mutant(166)) flush(clientAt + HEAP_CLIENT_LINE);
  const era: u64 = Era.current();
  let record: usize = redoRecordAt(clientAt, era);
  if (mutant(30)) record = newestRecord(clientAt, era);
  const stamp: u64 = load64(record + offsetof<RedoRecord>("stamp"));
  const operation: u32 = RedoStamp.operation(stamp);
  if (operation == REDO_NONE) return;
  if (RedoStamp.era(stamp) != era && !mutant(30)) return;

  const slot: u32 = load32(record + offsetof<RedoRecord>("slot"));
  const object: u32 = load32(record + offsetof<RedoRecord>("object"));
  const other: u32 = load32(record + offsetof<RedoRecord>("other"));
  invariant(isPlausible(<u64>object), BROKEN_OFFSET);
  if (!mutant(167)) flush(poolBase + object);
  if (!mutant(168)) fence();
  if (operation == REDO_MOVE) {
    finishMove(other, slot, object);
    return;
  }
  const client: u32 = actorPlusOne() - 1;
  const recordEra: u64 = RedoStamp.era(stamp);
  const witnessedFirst: bool = mutant(31) ? wasWitnessed(client, recordEra) : false;
  const word: u64 = load64(poolBase + object + offsetof<ObjectHeader>("word"));
  const standsInWord: bool = ReferenceWord.clientPlusOne(word) == client + 1 && ReferenceWord.era(word) == recordEra;
  const committed: bool = standsInWord || (mutant(31) ? witnessedFirst : wasWitnessed(client, recordEra));
  const last: bool = standsInWord && ReferenceWord.count(word) == 0;

  if (operation == REDO_CHANGE && committed) {
    finishChange(slot, object, other);
    return;
  }
  // Of a change, the slot refers to another object by now, and the record names none.
  if (operation == REDO_RELEASE && slot != 0 && !mutant(65)) {
    store64(poolBase + slot, 0);
    if (!mutant(178)) flush(poolBase + slot);
  }
  if (operation == REDO_RELEASE && !committed) {
    finishRelease(object);
    return;
  }
  if (committed) {
    if (operation == REDO_ATTACH) store64(poolBase + slot, <u64>object);
    if (operation == REDO_DETACH) store64(poolBase + slot, 0);
    if (operation != REDO_RELEASE && !mutant(169)) flush(poolBase + slot);
    if (operation != REDO_ATTACH && last && !mutant(35)) pushDying(object);
  }
  crashPoint(SHM_RESOLVE_AFTER_REPEAT);
  if (!mutant(32)) Era.advance();
  crashPoint(SHM_RESOLVE_AFTER_CLOSE);
}

/** The published artifact's choice: the newest record, whatever era the client is in. Mutant 30. */
function newestRecord(clientAt: usize, era: u64): usize {
  const even: usize = redoRecordAt(clientAt, 0);
  const odd: usize = redoRecordAt(clientAt, 1);
  const newer: bool = RedoStamp.era(load64(odd + offsetof<RedoRecord>("stamp"))) > RedoStamp.era(load64(even + offsetof<RedoRecord>("stamp")));
  return newer ? odd : even;
}

/**
 * Gives everything back that the client holds.
 *
 *   1. drain      Its dying list; what is in limbo becomes nobody's.
 *   2. hazards    It looks at nothing any more.
 *   3. queues     Close its side of each.
 *   4. roots      Drop what each holds.
 *   5. segments   Free the empty ones, abandon the others.
 *
 * Every step can be repeated from its beginning.
 */
export function relinquish(): void {
  drain();
  // A recoverer's limbo is its own; that of the dead is nobody's as soon as its recovery ends.
  if (!isActing() || mutant(59)) leaveLimbo();
  crashPoint(SHM_RELINQUISH_AFTER_DRAIN);
  if (!mutant(61)) endHazards();
  closeQueuesOf(actorPlusOne() - 1);
  crashPoint(SHM_RELINQUISH_AFTER_QUEUES);
  const incarnation: u32 = recall32(heap() + offsetof<HeapScratch>("incarnation"));
  for (let segment: u32 = 0; segment < segmentCount(); segment++) {
    // Of every segment, for it may have given some away: once it is gone nobody does it again.
    if (!mutant(176)) flush(segmentWordAt(segment));
    if (isOf(segment, SEGMENT_OWNED, incarnation)) dropRoots(segment);
  }
  crashPoint(SHM_RELINQUISH_AFTER_ROOTS);
  for (let segment: u32 = 0; segment < segmentCount(); segment++) {
    if (isOf(segment, SEGMENT_OWNED, incarnation)) leaveSegment(segment);
    else if (isOf(segment, SEGMENT_HUGE, incarnation)) leaveHuge(segment, incarnation);
    if (!mutant(172)) flush(segmentWordAt(segment));
  }
}

function isOf(segment: u32, state: u32, incarnation: u32): bool {
  const word: u64 = load64(segmentWordAt(segment));
  return SegmentWord.state(word) == state && SegmentWord.ownerPlusOne(word) == actorPlusOne() && SegmentWord.incarnation(word) == incarnation;
}

function dropRoots(segment: u32): void {
  const pageBytes: u32 = <u32>1 << recall32(heap() + offsetof<HeapScratch>("pageShift"));
  for (let page: u32 = 0; page < pagesPerSegment(); page++) {
    const entry: usize = pageEntryAt(segment, page);
    const word: u64 = load64(entry + offsetof<PageEntry>("word"));
    if (PageWord.kind(word) == PAGE_RUN) {
      page += PageWord.run(word) - 1;
      continue;
    }
    if (PageWord.kind(word) != PAGE_ROOTS) continue;
    const base: u32 = pageOffset(segment, page);
    for (let root: u32 = base; root < base + pageBytes; root += 8) dropFound(root);
    publish64(entry + offsetof<PageEntry>("word"), PAGE_FREE);
    crashPoint(SHM_RELINQUISH_AFTER_PAGE);
  }
}

function dropFound(root: u32): void {
  const held: u64 = load64(poolBase + root);
  if (held == 0 || (held & 1) != 0) return;
  if (isObject(held) && clearLast(<u32>held) != 0) {
    publish64(poolBase + root, 0);
    return;
  }
  // The root of an allocation without commit, or of a release without its last step, refers to a free block and is only cleared.
  if (dropSlot(root)) drain();
}

/** Pages without a block in use become free; a segment of free pages as well. */
function leaveSegment(segment: u32): void {
  const word: u64 = load64(segmentWordAt(segment));
  let empty: bool = true;
  for (let page: u32 = 0; page < pagesPerSegment(); page++) {
    const entry: usize = pageEntryAt(segment, page);
    const pageWord: u64 = load64(entry + offsetof<PageEntry>("word"));
    const kind: u32 = PageWord.kind(pageWord);
    if (kind == PAGE_FREE) continue;
    if (isUsed(poolBase + pageOffset(segment, page), kind, PageWord.blockBytes(pageWord))) {
      empty = false;
      if (kind == PAGE_RUN) page += PageWord.run(pageWord) - 1;
      continue;
    }
    publish64(entry + offsetof<PageEntry>("word"), PAGE_FREE);
  }
  // All, for the client may have freed some before it died.
  if (!mutant(171)) flushRange(pageEntryAt(segment, 0), pagesPerSegment() * PAGE_ENTRY_BYTES);
  if (empty) freeSegment(segment, word);
  else abandonSegment(segment, word);
}

function isUsed(base: usize, kind: u32, blockBytes: u32): bool {
  if (mutant(50)) return false;
  if (kind == PAGE_RUN) return load64(base + offsetof<ObjectHeader>("word")) != 0;
  if (kind != PAGE_BLOCKS) return false;
  const pageBytes: u32 = <u32>1 << recall32(heap() + offsetof<HeapScratch>("pageShift"));
  for (let at: u32 = 0; at + blockBytes <= pageBytes; at += blockBytes) {
    if (load64(base + at + offsetof<ObjectHeader>("word")) != 0) return true;
  }
  return false;
}

/** A huge object outlives its client while somebody refers to it; one that was never finished, or is half given back, does not. */
function leaveHuge(segment: u32, incarnation: u32): void {
  if (SegmentWord.position(load64(segmentWordAt(segment))) != 0) return;
  const object: u32 = segmentOffset(segment);
  if (PageWord.kind(load64(pageEntryAt(segment, 0) + offsetof<PageEntry>("word"))) == PAGE_HUGE) {
    const word: u64 = load64(poolBase + object + offsetof<ObjectHeader>("word"));
    if (ReferenceWord.count(word) != 0) return;
    // Nobody's, as soon as this client is gone.
    if (word != 0 && !mutant(58) && anybodyLooks() && isLookedAt(object)) return;
    if (word != 0 && ReferenceWord.clientPlusOne(word) != actorPlusOne() && !(isNobodys(word) && takeCorpse(object, word))) return;
  }
  // Another disposer takes the first segment over before it clears anything.
  if (isOf(segment, SEGMENT_HUGE, incarnation)) freeHuge(segment, object);
}
