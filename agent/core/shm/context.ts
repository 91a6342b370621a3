// Whom this thread acts as, and the shape of the heap, from the thread's own scratch.

import { keep32, keep64, load32, load64, recall32, recall64 } from '../memory/memory';
import { poolBase, threadBase } from '../place/place';
import { HEAP_CLIENT_BYTES, HeapShape } from '../layout/heap';
import { HEAP_SHAPE_OFFSET, CLIENT_TABLE_OFFSET, CLIENT_BYTES } from '../layout/regions';
import { HeapScratch, SCRATCH_CLASSES_OFFSET, SCRATCH_HEAP_OFFSET, SIZE_CLASS_COUNT, ThreadScratch } from '../layout/scratch';
import { CLIENT_FENCE_LINE, ClientFence } from '../layout/client';
import { SEGMENT_OWNED, SegmentWord } from '../layout/segment';
import { ERA_LIMIT } from '../layout/object';
import { FENCED, NO_HEAP, NOT_JOINED, OK, RETIRED } from '../codes/codes';

export function heap(): usize {
  return threadBase + SCRATCH_HEAP_OFFSET;
}

export function shape(): usize {
  return poolBase + HEAP_SHAPE_OFFSET;
}

export function hasHeap(): bool {
  return load32(shape() + offsetof<HeapShape>("segmentCount")) != 0;
}

/** Whom the thread acts as, plus one; 0 before the heap is open. */
export function actorPlusOne(): u32 {
  return recall32(heap() + offsetof<HeapScratch>("clientPlusOne"));
}

export function isActing(): bool {
  return recall32(heap() + offsetof<HeapScratch>("acting")) != 0;
}

export function heapClientAt(client: u32): usize {
  return poolBase + load32(shape() + offsetof<HeapShape>("clientsOffset")) + client * HEAP_CLIENT_BYTES;
}

/** Address of the cell in which `row` keeps the highest era that it knows of `column`. */
export function eraCellAt(row: u32, column: u32): usize {
  const rowBytes: u32 = load32(shape() + offsetof<HeapShape>("eraRowBytes"));
  return poolBase + load32(shape() + offsetof<HeapShape>("erasOffset")) + row * rowBytes + column * 8;
}

/** Makes the thread act as `client`: its lines, its row, its era. */
export function actAs(client: u32, incarnation: u32): void {
  const at: usize = heap();
  keep32(at + offsetof<HeapScratch>("clientPlusOne"), client + 1);
  keep32(at + offsetof<HeapScratch>("incarnation"), incarnation);
  keep32(at + offsetof<HeapScratch>("clientAt"), <u32>heapClientAt(client));
  keep32(at + offsetof<HeapScratch>("eraRowAt"), <u32>eraCellAt(client, 0));
  keep32(at + offsetof<HeapScratch>("eraAt"), <u32>eraCellAt(client, client));
  const fence: usize = poolBase + CLIENT_TABLE_OFFSET + client * CLIENT_BYTES + CLIENT_FENCE_LINE + offsetof<ClientFence>("incarnation");
  keep32(at + offsetof<HeapScratch>("fenceAt"), <u32>fence);
  keep32(at + offsetof<HeapScratch>("rootPage"), 0);
  keep64(at + offsetof<HeapScratch>("ownedWord"), SegmentWord.pack(SEGMENT_OWNED, client + 1, 0, incarnation));
  keep64(at + offsetof<HeapScratch>("era"), load64(eraCellAt(client, client)));
}

/** Copies the heap's shape next to the thread's own state. */
export function learnShape(): void {
  const at: usize = heap();
  keep32(at + offsetof<HeapScratch>("clientCount"), load32(shape() + offsetof<HeapShape>("clientCount")));
  keep32(at + offsetof<HeapScratch>("pageShift"), load32(shape() + offsetof<HeapShape>("pageShift")));
  keep32(at + offsetof<HeapScratch>("segmentShift"), load32(shape() + offsetof<HeapShape>("segmentShift")));
  keep32(at + offsetof<HeapScratch>("segmentCount"), load32(shape() + offsetof<HeapShape>("segmentCount")));
  keep32(at + offsetof<HeapScratch>("segmentTableAt"), <u32>poolBase + load32(shape() + offsetof<HeapShape>("segmentTableOffset")));
  keep32(at + offsetof<HeapScratch>("segmentEntryBytes"), load32(shape() + offsetof<HeapShape>("segmentEntryBytes")));
  keep32(at + offsetof<HeapScratch>("segmentsOffset"), load32(shape() + offsetof<HeapShape>("segmentsOffset")));
  const segmentShift: u32 = load32(shape() + offsetof<HeapShape>("segmentShift"));
  keep32(at + offsetof<HeapScratch>("heapBytes"), load32(shape() + offsetof<HeapShape>("segmentCount")) << segmentShift);
  keep32(at + offsetof<HeapScratch>("smallBytes"), (<u32>1 << load32(shape() + offsetof<HeapShape>("pageShift"))) >> 1);
  keep32(at + offsetof<HeapScratch>("flushPolicy"), load32(shape() + offsetof<HeapShape>("flushPolicy")));
}

/** Forgets whom the thread acted as and every cache of its allocator. */
export function forgetContext(): void {
  for (let at: u32 = SCRATCH_HEAP_OFFSET; at < SCRATCH_CLASSES_OFFSET + 2 * 4 * SIZE_CLASS_COUNT; at += 4) keep32(threadBase + at, 0);
}

export class Client {
  /**
   * OK, or why this client may not begin an operation. Looking at the fence narrows what a client can do that was declared dead and is
   * not; it cannot close the gap between look and write (D7: only termination does).
   */
  @inline
  static mayBegin(): i32 {
    if (actorPlusOne() == 0) return recall32(threadBase + offsetof<ThreadScratch>("selfPlusOne")) == 0 ? NOT_JOINED : NO_HEAP;
    const fenced: u64 = load64(recall32(heap() + offsetof<HeapScratch>("fenceAt"))); // sees C1
    if (fenced >= <u64>recall32(heap() + offsetof<HeapScratch>("incarnation"))) return FENCED;
    if (recall64(heap() + offsetof<HeapScratch>("era")) >= ERA_LIMIT) return RETIRED;
    return OK;
  }
}
