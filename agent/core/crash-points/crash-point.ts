import { keep32, recall32 } from '../memory/memory';
import { armedPoint, threadBase } from '../place/place';
import { ThreadScratch } from '../layout/scratch';
import { lastWords } from '../history/history';

// Ends this process by SIGKILL; never returns.
@external("host", "died")
declare function died(point: i32): void;

// Ends this process as well, after saying which invariant of ours does not hold.
@external("host", "broken")
declare function broken(invariant: i32): void;

/** A named gap between two steps: the place where an armed client ends. */
export function crashPoint(point: i32): void {
  if (armedPoint == point) pass(point);
}

function pass(point: i32): void {
  const hits: u32 = recall32(threadBase + offsetof<ThreadScratch>("hits")) + 1;
  keep32(threadBase + offsetof<ThreadScratch>("hits"), hits);
  if (hits != recall32(threadBase + offsetof<ThreadScratch>("armedHit"))) return;
  lastWords(point, hits);
  died(point);
}

/** Broken invariants, by number. */
export const COMMIT_WAS_STOLEN: i32 = 1;
export const UNKNOWN_HANDLE: i32 = 2;
/** A word of the pool names a client that cannot be. */
export const BROKEN_WORD: i32 = 3;
/** A slot refers to where no object can be. */
export const BROKEN_OFFSET: i32 = 4;
/** A slot refers to an object that nothing refers to. */
export const DANGLING_REFERENCE: i32 = 5;
/** More lost swaps than there can be. */
export const STARVED: i32 = 6;
export const LOCK_WAS_STOLEN: i32 = 60;
export const BASELINE_IS_DAMAGED: i32 = 61;

/** A check that is always on: a dead client is something this system is built to survive, a wrong one is not. */
export function invariant(holds: bool, which: i32): void {
  if (!holds) broken(which);
}
