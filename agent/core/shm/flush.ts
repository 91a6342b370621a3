// The flush policy of the pool, as the three things a step may ask for. See docs/shared-memory.md for what each policy promises.

import { recall32, storeFence, writeBack } from '../memory/memory';
import { HeapScratch } from '../layout/scratch';
import { FLUSH_HOST, FLUSH_PROCESS } from '../layout/heap';
import { heap } from './context';

function policy(): u32 {
  return recall32(heap() + offsetof<HeapScratch>("flushPolicy"));
}

/** What recovery decides by: on the device before the commit that follows. */
export function flushEvidence(address: usize): void {
  if (policy() >= FLUSH_PROCESS) writeBack(address);
}

/** Both: the commit that follows cannot reach the device before this line, nor before evidence that was flushed earlier. */
export function flushFenceEvidence(address: usize): void {
  if (policy() < FLUSH_PROCESS) return;
  writeBack(address);
  storeFence();
}

/** What only the loss of a machine can take back. */
export function flush(address: usize): void {
  if (policy() >= FLUSH_HOST) writeBack(address);
}

export function fence(): void {
  if (policy() >= FLUSH_HOST) storeFence();
}

/** Whether the loss of a machine counts. */
export function flushesAll(): bool {
  return policy() >= FLUSH_HOST;
}

/** Both: what follows cannot reach the device before this line. */
export function flushFence(address: usize): void {
  if (policy() < FLUSH_HOST) return;
  writeBack(address);
  storeFence();
}

/** Every line of a range, and the fence behind them. */
export function flushRange(address: usize, sizeBytes: u32): void {
  if (policy() < FLUSH_HOST) return;
  const end: usize = address + sizeBytes;
  for (let line: usize = address & ~63; line < end; line += 64) writeBack(line);
  storeFence();
}
