/** What the records of `queue-send` and `queue-receive` carry as call: the queue, and the number of the item. Their argument: the other client. */

/** Items of one queue, at most. */
export const queueItemLimit = 2 ** 22;

/** `queue`: a number that no other queue of the run has, below 2^31. */
export function queueItem(queue: number, number: number): number {
  return queue * queueItemLimit + number;
}

export function queueOf(item: number): { readonly queue: number; readonly number: number } {
  return { queue: Math.floor(item / queueItemLimit), number: item % queueItemLimit };
}
