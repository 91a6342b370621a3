// What a client may do for its neighbours: take back what nobody uses.

import { recall32 } from '../memory/memory';
import { OK } from '../codes/codes';
import { HeapScratch } from '../layout/scratch';
import { actorPlusOne, Client, heap } from './context';
import { collectHuge, passLimbo } from './dispose';
import { reclaimEmptyPages, sweepReleased } from './page';
import { adoptSegment, heldSegments } from './segment';

/** Adopts every abandoned segment, sweeps every page, and gives back what is empty. OK, or why not. */
export function shmCollect(): i32 {
  const refusal: i32 = Client.mayBegin();
  if (refusal != OK) return refusal;
  passLimbo();
  while (adoptSegment(true) != 0) {}
  sweepReleased(true);
  reclaimEmptyPages();
  collectHuge();
  return OK;
}

/** Bytes of segments that this client holds. */
export function shmHeldBytes(): f64 {
  const segments: u32 = heldSegments(actorPlusOne(), recall32(heap() + offsetof<HeapScratch>("incarnation")));
  return <f64>segments * <f64>(<u64>1 << recall32(heap() + offsetof<HeapScratch>("segmentShift")));
}
