// How large the heap's tables are and where they lie: computed once, by the formatter, from what the caller asks for.

import { keep32, recall32, store32, store64 } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { poolBase, poolSizeBytes, threadBase } from '../place/place';
import { BAD_ARGUMENT, OK } from '../codes/codes';
import { FLUSH_HOST, HEAP_CLIENT_BYTES, HeapShape } from '../layout/heap';
import { NAMED_ROOT_BYTES } from '../layout/named-root';
import { QUEUE_CAPACITY_LOG2_LEAST, QUEUE_CAPACITY_LOG2_LIMIT, QUEUE_SLOTS_OFFSET } from '../layout/queue';
import { CONTROL_BYTES, FLOOR_BYTES, HAZARD_USERS_OFFSET, HEAP_CLIENT_LIMIT, HEAP_SHAPE_OFFSET, LINE_BYTES } from '../layout/regions';
import { FormatScratch, SCRATCH_FORMAT_OFFSET } from '../layout/scratch';
import {
  PAGE_ENTRY_BYTES,
  PAGE_SHIFT_LEAST,
  PAGE_SHIFT_LIMIT,
  SEGMENT_COUNT_LIMIT,
  SEGMENT_PAGES_OFFSET,
  SEGMENT_SHIFT_LIMIT,
} from '../layout/segment';
import { writeBackRange } from './flush';

/** Names and queues are found by masks and loops: bounded. */
const NAME_COUNT_LIMIT: u32 = 65536;
const QUEUE_COUNT_LIMIT: u32 = 65536;

function asked(): usize {
  return threadBase + SCRATCH_FORMAT_OFFSET;
}

/**
 * Says what heap the next `format` of this thread makes. `clientCount` 0: none. `segmentLimit` 0: as many segments as fit.
 * `nameCount` is a power of two. OK or BAD_ARGUMENT.
 */
export function shapeHeap(
  clientCount: u32,
  pageShift: u32,
  segmentShift: u32,
  segmentLimit: u32,
  nameCount: u32,
  queueCount: u32,
  queueCapacityLog2: u32,
  flushPolicy: u32,
  coherence: u32,
): i32 {
  if (clientCount > HEAP_CLIENT_LIMIT || flushPolicy > FLUSH_HOST) return BAD_ARGUMENT;
  if (clientCount != 0) {
    if (pageShift < PAGE_SHIFT_LEAST || pageShift > PAGE_SHIFT_LIMIT) return BAD_ARGUMENT;
    if (segmentShift < pageShift || segmentShift > pageShift + 6 || segmentShift > SEGMENT_SHIFT_LIMIT) return BAD_ARGUMENT;
    if (nameCount == 0 || nameCount > NAME_COUNT_LIMIT || (nameCount & (nameCount - 1)) != 0) return BAD_ARGUMENT;
    if (queueCount == 0 || queueCount > QUEUE_COUNT_LIMIT) return BAD_ARGUMENT;
    if (queueCapacityLog2 < QUEUE_CAPACITY_LOG2_LEAST || queueCapacityLog2 > QUEUE_CAPACITY_LOG2_LIMIT) return BAD_ARGUMENT;
  }
  keep32(asked() + offsetof<FormatScratch>("clientCount"), clientCount);
  keep32(asked() + offsetof<FormatScratch>("pageShift"), pageShift);
  keep32(asked() + offsetof<FormatScratch>("segmentShift"), segmentShift);
  keep32(asked() + offsetof<FormatScratch>("segmentLimit"), segmentLimit);
  keep32(asked() + offsetof<FormatScratch>("nameCount"), nameCount);
  keep32(asked() + offsetof<FormatScratch>("queueCount"), queueCount);
  keep32(asked() + offsetof<FormatScratch>("queueCapacityLog2"), queueCapacityLog2);
  keep32(asked() + offsetof<FormatScratch>("flushPolicy"), flushPolicy);
  keep32(asked() + offsetof<FormatScratch>("coherence"), coherence);
  return OK;
}

function put(offset: usize, value: u32): void {
  store32(poolBase + HEAP_SHAPE_OFFSET + offset, value);
}

/** Writes the shape and clears the tables. Only the formatter, before it publishes the pool; can be repeated. */
export function formatHeap(): void {
  for (let at: u32 = 0; at < 3 * LINE_BYTES; at += 8) store64(poolBase + HEAP_SHAPE_OFFSET + at, 0);
  store64(poolBase + HAZARD_USERS_OFFSET, 0);
  const clientCount: u32 = recall32(asked() + offsetof<FormatScratch>("clientCount"));
  if (clientCount == 0) return;
  const pageShift: u32 = recall32(asked() + offsetof<FormatScratch>("pageShift"));
  const segmentShift: u32 = recall32(asked() + offsetof<FormatScratch>("segmentShift"));
  const nameCount: u32 = recall32(asked() + offsetof<FormatScratch>("nameCount"));
  const queueCount: u32 = recall32(asked() + offsetof<FormatScratch>("queueCount"));
  const queueBytes: u32 = QUEUE_SLOTS_OFFSET + (<u32>8 << recall32(asked() + offsetof<FormatScratch>("queueCapacityLog2")));
  const eraRowBytes: u32 = (clientCount * 8 + LINE_BYTES - 1) & ~(LINE_BYTES - 1);
  const segmentEntryBytes: u32 = (SEGMENT_PAGES_OFFSET + (PAGE_ENTRY_BYTES << (segmentShift - pageShift)) + LINE_BYTES - 1) & ~(LINE_BYTES - 1);

  const erasOffset: u64 = <u64>CONTROL_BYTES + FLOOR_BYTES;
  const clientsOffset: u64 = erasOffset + <u64>clientCount * eraRowBytes;
  const namesOffset: u64 = clientsOffset + <u64>clientCount * HEAP_CLIENT_BYTES;
  const queuesOffset: u64 = namesOffset + <u64>nameCount * NAMED_ROOT_BYTES;
  const claimedOffset: u64 = queuesOffset + <u64>queueCount * queueBytes;
  const mapBytes: u64 = <u64>(SEGMENT_COUNT_LIMIT / 8);
  const tableOffset: u64 = claimedOffset + 2 * mapBytes;
  const segmentBytes: u64 = <u64>1 << segmentShift;
  // Table and segments share what is left; the segments begin on a multiple of their size.
  let count: u64 = 0;
  let segmentsOffset: u64 = 0;
  if (tableOffset < <u64>poolSizeBytes) {
    count = (<u64>poolSizeBytes - tableOffset) / (segmentBytes + segmentEntryBytes);
    if (count > SEGMENT_COUNT_LIMIT) count = SEGMENT_COUNT_LIMIT;
    const limit: u32 = recall32(asked() + offsetof<FormatScratch>("segmentLimit"));
    if (limit != 0 && count > <u64>limit) count = limit;
    segmentsOffset = (tableOffset + count * segmentEntryBytes + segmentBytes - 1) & ~(segmentBytes - 1);
    while (count > 0 && segmentsOffset + count * segmentBytes > <u64>poolSizeBytes) count--;
  }
  if (count == 0) return;

  for (let at: u64 = erasOffset; at < tableOffset + count * segmentEntryBytes; at += 8) store64(poolBase + <usize>at, 0);
  put(offsetof<HeapShape>("clientCount"), clientCount);
  put(offsetof<HeapShape>("pageShift"), pageShift);
  put(offsetof<HeapShape>("segmentShift"), segmentShift);
  put(offsetof<HeapShape>("nameCount"), nameCount);
  put(offsetof<HeapShape>("queueCount"), queueCount);
  put(offsetof<HeapShape>("queueCapacityLog2"), recall32(asked() + offsetof<FormatScratch>("queueCapacityLog2")));
  put(offsetof<HeapShape>("flushPolicy"), recall32(asked() + offsetof<FormatScratch>("flushPolicy")));
  put(offsetof<HeapShape>("coherence"), recall32(asked() + offsetof<FormatScratch>("coherence")));
  put(offsetof<HeapShape>("erasOffset"), <u32>erasOffset);
  put(offsetof<HeapShape>("eraRowBytes"), eraRowBytes);
  put(offsetof<HeapShape>("clientsOffset"), <u32>clientsOffset);
  put(offsetof<HeapShape>("namesOffset"), <u32>namesOffset);
  put(offsetof<HeapShape>("queuesOffset"), <u32>queuesOffset);
  put(offsetof<HeapShape>("queueBytes"), queueBytes);
  put(offsetof<HeapShape>("claimedOffset"), <u32>claimedOffset);
  put(offsetof<HeapShape>("abandonedOffset"), <u32>(claimedOffset + mapBytes));
  put(offsetof<HeapShape>("segmentTableOffset"), <u32>tableOffset);
  put(offsetof<HeapShape>("segmentEntryBytes"), segmentEntryBytes);
  put(offsetof<HeapShape>("segmentsOffset"), <u32>segmentsOffset);
  put(offsetof<HeapShape>("segmentCount"), <u32>count);
  // Everything before the segments: who finds the pool formatted believes all of it.
  const isHost: bool = recall32(asked() + offsetof<FormatScratch>("flushPolicy")) == FLUSH_HOST;
  if (isHost && !mutant(174)) writeBackRange(poolBase, <u32>(tableOffset + count * segmentEntryBytes));
}
