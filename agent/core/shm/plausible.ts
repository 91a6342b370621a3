import { recall32 } from '../memory/memory';
import { HeapScratch } from '../layout/scratch';
import { heap } from './context';

/** Whether an offset that was read from the pool can be an object's at all. */
export function isPlausible(offset: u64): bool {
  const first: u64 = <u64>recall32(heap() + offsetof<HeapScratch>("segmentsOffset"));
  const bytes: u64 = <u64>recall32(heap() + offsetof<HeapScratch>("segmentCount")) << recall32(heap() + offsetof<HeapScratch>("segmentShift"));
  return (offset & 15) == 0 && offset >= first && offset - first < bytes;
}
