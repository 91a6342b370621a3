// Offsets that were read from the pool are checked before they are followed: anybody can write there.

import { load64, recall32 } from '../memory/memory';
import { HeapScratch } from '../layout/scratch';
import { PAGE_BLOCKS, PAGE_HUGE, PAGE_RUN, PageEntry, PageWord } from '../layout/segment';
import { heap } from './context';
import { pageEntryAt, pageOf, pageOffset, segmentOf } from './segment';

/** Whether an offset that was read from the pool can be an object's at all. */
export function isPlausible(offset: u64): bool {
  const within: u64 = offset - <u64>recall32(heap() + offsetof<HeapScratch>("segmentsOffset"));
  return within < <u64>recall32(heap() + offsetof<HeapScratch>("heapBytes")) && (offset & 15) == 0;
}

/** Whether a block begins there at this moment: for offsets that others wrote. Whether it is in use says its word. */
export function isObject(offset: u64): bool {
  if (!isPlausible(offset)) return false;
  const segment: u32 = segmentOf(<u32>offset);
  const page: u32 = pageOf(<u32>offset);
  const word: u64 = load64(pageEntryAt(segment, page) + offsetof<PageEntry>("word"));
  const within: u32 = <u32>offset - pageOffset(segment, page);
  if (PageWord.kind(word) == PAGE_BLOCKS) return within % PageWord.blockBytes(word) == 0;
  return (PageWord.kind(word) == PAGE_RUN || PageWord.kind(word) == PAGE_HUGE) && within == 0;
}
