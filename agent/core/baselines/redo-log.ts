import { load64, publish64, store64 } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { poolBase } from '../place/place';
import { crashPoint } from '../crash-points/crash-point';
import { LOCK_AFTER_APPLY, LOCK_AFTER_CLOSE, LOCK_AFTER_COMMIT, LOCK_AFTER_LOG } from '../crash-points/catalogue';
import { BASELINE_OFFSET } from '../layout/regions';
import {
  BASELINE_CLIENT_LIMIT,
  LOCK_BLOCKS_OFFSET,
  LOCK_BLOCK_COUNT,
  LOCK_HEAP_LINE,
  LOCK_SLOTS_OFFSET,
  LOCK_SLOTS_PER_CLIENT,
  LockHeap,
  REDO_LOG_LINE,
  REDO_WRITES_LINE,
  REDO_WRITE_LIMIT,
  RedoLog,
  RedoWrites,
} from '../layout/baselines';

function committedAddress(): usize {
  return poolBase + BASELINE_OFFSET + REDO_LOG_LINE + offsetof<RedoLog>("committed");
}

function offsetAddress(index: u32): usize {
  return poolBase + BASELINE_OFFSET + REDO_WRITES_LINE + offsetof<RedoWrites>("offset0") + index * 8;
}

function valueAddress(index: u32): usize {
  return poolBase + BASELINE_OFFSET + REDO_WRITES_LINE + offsetof<RedoWrites>("value0") + index * 8;
}

/** Writes down that `value` belongs at `offset` of the region. Values, not differences: they can be written again. */
export function plan(index: u32, offset: u32, value: u64): void {
  if (mutant(203)) store64(poolBase + BASELINE_OFFSET + offset, value);
  store64(offsetAddress(index), <u64>offset);
  store64(valueAddress(index), value);
}

/** COMMIT of what was planned, then all of it. Only with the lock. */
export function commit(writes: u32): void {
  crashPoint(LOCK_AFTER_LOG);
  if (!mutant(200)) publish64(committedAddress(), <u64>writes); // publishes L3
  crashPoint(LOCK_AFTER_COMMIT);
  if (mutant(204)) publish64(committedAddress(), 0);
  makeWrites(writes);
}

/** Makes every committed write, again or for the first time, and closes the log. */
export function replay(): void {
  const writes: u32 = <u32>load64(committedAddress()); // sees L3
  if (writes != 0 && !mutant(201)) makeWrites(writes);
}

function makeWrites(writes: u32): void {
  for (let index: u32 = 0; index < writes; index++) {
    store64(poolBase + BASELINE_OFFSET + <u32>load64(offsetAddress(index)), load64(valueAddress(index)));
  }
  crashPoint(LOCK_AFTER_APPLY);
  publish64(committedAddress(), 0);
  crashPoint(LOCK_AFTER_CLOSE);
}

export function closeLog(): void {
  store64(committedAddress(), 0);
}

/** Whether every write of the log goes where an operation writes: the head of the free list, blocks, slots. */
export function isSound(): bool {
  const writes: u64 = load64(committedAddress());
  if (writes > <u64>REDO_WRITE_LIMIT) return false;
  for (let index: u32 = 0; index < <u32>writes; index++) {
    const offset: u64 = load64(offsetAddress(index));
    const isHead: bool = offset == <u64>(LOCK_HEAP_LINE + <u32>offsetof<LockHeap>("head"));
    const isBlock: bool = offset >= <u64>LOCK_BLOCKS_OFFSET && offset < <u64>(LOCK_BLOCKS_OFFSET + LOCK_BLOCK_COUNT * 8);
    const slotsEnd: u32 = LOCK_SLOTS_OFFSET + BASELINE_CLIENT_LIMIT * LOCK_SLOTS_PER_CLIENT * 8;
    const isSlot: bool = offset >= <u64>LOCK_SLOTS_OFFSET && offset < <u64>slotsEnd;
    if ((!isHead && !isBlock && !isSlot) || (offset & 7) != 0) return false;
  }
  return true;
}
