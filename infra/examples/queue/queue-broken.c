/*
 * The same queue with a faster push that is right as long as nobody dies: one exchange instead of a loop. Who dies between its two steps
 * leaves a gap behind which nobody ever comes, and every item that is pushed after it is lost. Kept as what a crash test must find.
 */
#include "queue.h"

static void push(cxlpod_worker *self, queue *q, uint64_t offset) {
  uint64_t tail = __atomic_exchange_n(&q->tail, offset, __ATOMIC_SEQ_CST);
  cxlpod_crash_point(self, "program/push/half-done");
  __atomic_store_n(&at(self, tail)->next, offset, __ATOMIC_SEQ_CST);
}
