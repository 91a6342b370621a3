/*
 * The queue of Michael and Scott (PODC 1996), which survives the death of anybody at any instruction: an item is in the queue with one
 * compare-and-swap, and whoever comes next finishes what the dead one had begun.
 */
#include "queue.h"

static void push(cxlpod_worker *self, queue *q, uint64_t offset) {
  for (;;) {
    uint64_t tail = load(&q->tail), next = load(&at(self, tail)->next);
    if (tail != load(&q->tail)) continue;
    if (next != 0) {
      swap(&q->tail, tail, next);
      continue;
    }
    if (!swap(&at(self, tail)->next, 0, offset)) continue; /* COMMIT */
    cxlpod_crash_point(self, "program/push/half-done");
    swap(&q->tail, tail, offset);
    return;
  }
}
