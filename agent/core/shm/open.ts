// A client of the pool becomes a client of the heap.

import { keep32, load32, load64, publish32, publish64, store64 } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { poolBase } from '../place/place';
import { ERA_LIMIT } from '../layout/object';
import { COHERENCE_HARDWARE, HEAP_CLIENT_LINE, HEAP_REDO_LINE, HeapClient, HeapShape, REDO_RECORD_BYTES, RedoRecord } from '../layout/heap';
import { HeapScratch } from '../layout/scratch';
import { FULL, NO_HEAP, NOT_COHERENT, NOT_JOINED, OK, RETIRED } from '../codes/codes';
import { crashPoint } from '../crash-points/crash-point';
import { SHM_OPEN_AFTER_CLEAR, SHM_OPEN_AFTER_COMMIT } from '../crash-points/catalogue';
import { entryOf, selfClient, selfIncarnation } from '../client-table/self';
import { actAs, eraCellAt, forgetContext, hasHeap, heap, heapClientAt, learnShape, shape } from './context';
import { flush } from './flush';

/**
 * Opens the heap for this thread's client. `quotaSegments`: how much it may hold, 0 for no limit.
 *
 *   1. clear     No record, no list, no hazard of an earlier occupant.
 *   2. COMMIT    Publish the first era of this incarnation: corpses of an earlier one are nobody's from here on.
 *
 * Dead at any time: recovered like any other.
 * OK, NOT_JOINED, NO_HEAP, NOT_COHERENT, RETIRED; FULL when the era matrix has no row for this client.
 */
export function shmOpen(quotaSegments: u32): i32 {
  const self: i32 = selfClient();
  if (self < 0) return NOT_JOINED;
  if (!hasHeap()) return NO_HEAP;
  if (load32(shape() + offsetof<HeapShape>("coherence")) != COHERENCE_HARDWARE) return NOT_COHERENT;
  if (<u32>self >= load32(shape() + offsetof<HeapShape>("clientCount"))) return FULL;
  if (isRetired(<u32>self)) return RETIRED;
  forgetContext();
  learnShape();

  const line: usize = heapClientAt(<u32>self);
  store64(line + HEAP_REDO_LINE + offsetof<RedoRecord>("stamp"), 0);
  store64(line + HEAP_REDO_LINE + REDO_RECORD_BYTES + offsetof<RedoRecord>("stamp"), 0);
  publish32(line + HEAP_CLIENT_LINE + offsetof<HeapClient>("dying"), 0);
  publish32(line + HEAP_CLIENT_LINE + offsetof<HeapClient>("limbo"), 0);
  publish32(line + HEAP_CLIENT_LINE + offsetof<HeapClient>("freeing"), 0);
  crashPoint(SHM_OPEN_AFTER_CLEAR);

  // 0 would look like a record that was never written.
  if (load64(eraCellAt(<u32>self, <u32>self)) == 0) publish64(eraCellAt(<u32>self, <u32>self), 1);
  store64(line + HEAP_CLIENT_LINE + offsetof<HeapClient>("quotaBytes"), <u64>quotaSegments << load32(shape() + offsetof<HeapShape>("segmentShift")));
  // Whatever this client does from here on must be found under its name and era, in a pool.
  if (!mutant(162)) flush(entryOf(<u32>self));
  if (!mutant(163)) flush(eraCellAt(<u32>self, <u32>self));
  if (!mutant(175)) flush(poolBase);
  if (!mutant(66)) publish64(line + HEAP_CLIENT_LINE + offsetof<HeapClient>("eraStart"), load64(eraCellAt(<u32>self, <u32>self)));
  crashPoint(SHM_OPEN_AFTER_COMMIT);
  actAs(<u32>self, selfIncarnation());
  keep32(heap() + offsetof<HeapScratch>("quotaSegments"), quotaSegments);
  return OK;
}

/** Whether this id's eras are used up: nobody gets it before the pool is formatted again. */
export function isRetired(client: u32): bool {
  if (!hasHeap() || client >= load32(shape() + offsetof<HeapShape>("clientCount"))) return false;
  return !mutant(34) && load64(eraCellAt(client, client)) >= ERA_LIMIT;
}
