import { recall32 } from '../memory/memory';
import { HeapScratch } from '../layout/scratch';
import { heap } from './context';

/** Whether an offset that was read from the pool can be an object's at all. */
export function isPlausible(offset: u64): bool {
  const within: u64 = offset - <u64>recall32(heap() + offsetof<HeapScratch>("segmentsOffset"));
  return within < <u64>recall32(heap() + offsetof<HeapScratch>("heapBytes")) && (offset & 15) == 0;
}
