/*
 * A queue in shared memory, and a program that tests it: every worker pushes items of its own and pops whatever comes, and writes both into
 * the history, where the check `queue-exactly-once` looks for items that are lost, doubled or out of order. How an item is pushed is what
 * the two programs beside this file differ in.
 *
 * Nodes are never used twice, so that no tag is needed; a link is the offset of a node in the memory of the program, 0 for none.
 */
#include "cxlpod.h"

#define ITEMS 1500

typedef struct {
  uint64_t next;
  uint64_t value;
  uint8_t rest[48];
} node;

typedef struct {
  uint64_t head, rest0[7];
  uint64_t tail, rest1[7];
  /* Of each worker: how many of its nodes are taken. */
  struct {
    uint64_t taken, rest[7];
  } workers[64];
} queue;

/* Twice as many as there are items: a worker that is started again begins anew. */
#define NODES_EACH (2 * ITEMS)

static inline uint64_t load(uint64_t *word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }

static inline int swap(uint64_t *word, uint64_t from, uint64_t to) {
  return __atomic_compare_exchange_n(word, &from, to, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static inline node *at(cxlpod_worker *self, uint64_t offset) { return (node *)(self->memory + offset); }

/* A node of this worker's own that was never used; 0 when there is none left. */
static uint64_t fresh(cxlpod_worker *self, queue *q, uint64_t value) {
  uint64_t number = __atomic_fetch_add(&q->workers[self->worker - 1].taken, 1, __ATOMIC_SEQ_CST);
  if (number >= NODES_EACH) return 0;
  uint64_t offset = sizeof(queue) + sizeof(node) * (1 + (self->worker - 1) * (uint64_t)NODES_EACH + number);
  if (offset + sizeof(node) > self->memory_bytes) return 0;
  at(self, offset)->value = value;
  return offset;
}

static void push(cxlpod_worker *self, queue *q, uint64_t offset);

/* The oldest item, or 0. */
static uint64_t pop(cxlpod_worker *self, queue *q) {
  for (;;) {
    uint64_t head = load(&q->head), tail = load(&q->tail), next = load(&at(self, head)->next);
    if (head != load(&q->head)) continue;
    if (next == 0) return 0;
    if (head == tail) {
      swap(&q->tail, tail, next); /* help whoever is between linking and swinging */
      continue;
    }
    uint64_t value = at(self, next)->value;
    if (swap(&q->head, head, next)) return value; /* COMMIT */
  }
}

static uint64_t popped(cxlpod_worker *self, queue *q) {
  uint64_t call = cxlpod_invoke(self, CXLPOD_OPERATION_QUEUE_POP, 0);
  uint64_t value = pop(self, q);
  cxlpod_end(self, CXLPOD_OPERATION_QUEUE_POP, call, CXLPOD_OUTCOME_OK, value);
  return value;
}

int main(void) {
  cxlpod_worker self;
  if (cxlpod_open(&self) != 0) return 2;
  queue *q = (queue *)self.memory;
  switch (self.phase) {
    case CXLPOD_SETUP:
      q->head = q->tail = sizeof(queue); /* a first node without an item */
      return 0;
    case CXLPOD_CHECK:
      while (popped(&self, q) != 0) {
      }
      return 0;
    case CXLPOD_DRIVE:
      break;
  }
  cxlpod_barrier(&self);
  for (uint64_t item = 1; item <= ITEMS; item++) {
    uint64_t value = ((uint64_t)self.worker << 40) | ((uint64_t)self.attempt << 32) | item;
    uint64_t call = cxlpod_invoke(&self, CXLPOD_OPERATION_QUEUE_PUSH, value);
    uint64_t offset = fresh(&self, q, value);
    if (offset == 0) {
      cxlpod_end(&self, CXLPOD_OPERATION_QUEUE_PUSH, call, CXLPOD_OUTCOME_REFUSED, 0);
      fprintf(stderr, "error: no node is left after %llu items\n", (unsigned long long)item);
      return 1;
    }
    push(&self, q, offset);
    cxlpod_end(&self, CXLPOD_OPERATION_QUEUE_PUSH, call, CXLPOD_OUTCOME_OK, 0);
    popped(&self, q);
  }
  return 0;
}
