/** What a fault does to a worker that has to live for it. */
import type { Hand, Post } from '../runs/crew/hand.ts';
import type { WorkloadContext } from '../workload/workload.ts';

/**
 * Does it to the worker at `post`. Where another fault was faster, what is dead cannot be struck: it is done to the one that comes after it.
 * Null when `signal` gives up first.
 */
export async function onLiving<T>(
  { crew }: WorkloadContext,
  post: Post,
  signal: AbortSignal,
  act: (hand: Hand) => Promise<T>,
): Promise<T | null> {
  for (;;) {
    const hand = await crew.living(post, signal);
    if (hand === null) return null;
    try {
      return await act(hand);
    } catch (error) {
      if (!(await crew.hasDied(hand))) throw error;
    }
  }
}
