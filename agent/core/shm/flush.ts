// The flush policy of the pool, as what a step may ask for. docs/flush-policy.md says what each policy promises, and what each flush is for.
//
// A locked write (`swap`, `or`, `publish`) waits until every write-back before it has reached the device, as `fence` does. So a fence
// stands only where a plain store follows, or the caller is told that something is done.

import { load32, recall32, storeFence, writeBack } from '../memory/memory';
import { HeapScratch } from '../layout/scratch';
import { FLUSH_HOST, FLUSH_PROCESS, HeapShape } from '../layout/heap';
import { heap, shape } from './context';

function policy(): u32 {
  return recall32(heap() + offsetof<HeapScratch>("flushPolicy"));
}

/** What recovery decides by. */
export function flushEvidence(address: usize): void {
  if (policy() >= FLUSH_PROCESS) writeBack(address);
}

export function fenceEvidence(): void {
  if (policy() >= FLUSH_PROCESS) storeFence();
}

/** What only the loss of a machine can take back. */
export function flush(address: usize): void {
  if (policy() >= FLUSH_HOST) writeBack(address);
}

export function fence(): void {
  if (policy() >= FLUSH_HOST) storeFence();
}

/** Both, for what is not followed by a locked write. */
export function flushFence(address: usize): void {
  flush(address);
  fence();
}

/** As `flush`, for a thread that has not opened the heap and still writes what clients of the heap rely on. */
export function flushUnopened(address: usize): void {
  if (load32(shape() + offsetof<HeapShape>("flushPolicy")) >= FLUSH_HOST) writeBack(address);
}

/** Every line of a range. */
export function flushRange(address: usize, sizeBytes: u32): void {
  if (policy() >= FLUSH_HOST) writeBackRange(address, sizeBytes);
}

/** The same before the pool has a policy that this thread knows. */
export function writeBackRange(address: usize, sizeBytes: u32): void {
  const end: usize = address + sizeBytes;
  for (let line: usize = address & ~63; line < end; line += 64) writeBack(line);
}
