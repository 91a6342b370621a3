/*
 * cxlpod.h: what a program in C or C++ needs to run as a worker of a cxlpod scenario (docs/writing-a-workload.md).
 *
 * One header, nothing to link. The first part is printed from the declarations of the core by infra/build.mjs, so that a program and
 * the pod mean the same bytes; everything a program is told about its place comes from its environment.
 *
 *     cxlpod_worker self;
 *     if (cxlpod_open(&self) != 0) return 2;      says why on stderr
 *     if (self.phase == CXLPOD_SETUP) { ... lay out self.memory ...; return 0; }
 *     cxlpod_barrier(&self);                      all workers of all machines begin together
 *     ...
 *     cxlpod_crash_point(&self, "program/push/after-link");
 */
#ifndef CXLPOD_H
#define CXLPOD_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* @LAYOUT@ */

/** Where a run is: `setup` once before all others, `drive` on every worker, `check` once when all have ended. */
typedef enum { CXLPOD_SETUP, CXLPOD_DRIVE, CXLPOD_CHECK } cxlpod_phase;

typedef struct {
  cxlpod_phase phase;
  /** From 1. */
  uint32_t machine, machines;
  /** From 1, over all machines. */
  uint32_t worker, workers;
  /** From 1; above 1, an earlier process of this worker died. */
  uint32_t attempt;
  uint64_t seed;
  /** When this phase has to be over, by the machine's CLOCK_MONOTONIC: who is at work then is killed, and has failed. */
  uint64_t deadline_ns;
  /** The program's own part of the pool, shared by all workers, all zeros before `setup`. */
  uint8_t *memory;
  uint64_t memory_bytes;
  /** The whole device: everything but `memory` is the pod's. */
  uint8_t *pool;
  uint64_t pool_bytes;
  uint8_t *history;
  uint64_t history_bytes;
  /* Private. */
  uint64_t *arrived, barriers;
  uint32_t process, client, incarnation;
  uint64_t next_call;
  uint32_t armed_point, armed_hit, hits;
} cxlpod_worker;

static inline int cxlpod_fail(const char *what, const char *because) {
  fprintf(stderr, "error: %s\n  because: %s\n  try: start it as the `exec` of a scenario's workload\n", what, because);
  return -1;
}

static inline int cxlpod_number(const char *name, uint64_t *value) {
  const char *text = getenv(name);
  char *end;
  if (text == NULL || *text == 0) return cxlpod_fail("this program is not a worker of a pod", name);
  errno = 0;
  *value = strtoull(text, &end, 10);
  return errno == 0 && *end == 0 ? 0 : cxlpod_fail("the environment is damaged", name);
}

static inline uint8_t *cxlpod_map(const char *name, uint64_t bytes) {
  const char *path = getenv(name);
  if (path == NULL) {
    cxlpod_fail("this program is not a worker of a pod", name);
    return NULL;
  }
  int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) {
    cxlpod_fail(path, strerror(errno));
    return NULL;
  }
  void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (at == MAP_FAILED) {
    cxlpod_fail(path, strerror(errno));
    at = NULL;
  }
  close(file);
  return (uint8_t *)at;
}

/** FNV-1a of 31 bits, with the top bit set: what tells the crash points of programs from those of the core. */
static inline uint32_t cxlpod_point(const char *name) {
  uint32_t hash = 0x811c9dc5u;
  for (; *name != 0; name++) hash = (hash ^ (uint8_t)*name) * 0x01000193u;
  return hash | 0x80000000u;
}

/** Maps pool and history. 0, or -1 after a message on stderr. */
static inline int cxlpod_open(cxlpod_worker *self) {
  uint64_t machine, machines, worker, workers, attempt, offset, barrier, process, client, incarnation, hit;
  memset(self, 0, sizeof *self);
  if (cxlpod_number("CXLPOD_MACHINE", &machine) || cxlpod_number("CXLPOD_MACHINES", &machines) ||
      cxlpod_number("CXLPOD_WORKER", &worker) || cxlpod_number("CXLPOD_WORKERS", &workers) ||
      cxlpod_number("CXLPOD_ATTEMPT", &attempt) || cxlpod_number("CXLPOD_SEED", &self->seed) ||
      cxlpod_number("CXLPOD_DEADLINE_NS", &self->deadline_ns) ||
      cxlpod_number("CXLPOD_POOL_BYTES", &self->pool_bytes) || cxlpod_number("CXLPOD_HISTORY_BYTES", &self->history_bytes) ||
      cxlpod_number("CXLPOD_MEMORY_OFFSET", &offset) || cxlpod_number("CXLPOD_MEMORY_BYTES", &self->memory_bytes) ||
      cxlpod_number("CXLPOD_BARRIER_OFFSET", &barrier) || cxlpod_number("CXLPOD_PROCESS", &process) ||
      cxlpod_number("CXLPOD_CLIENT", &client) || cxlpod_number("CXLPOD_INCARNATION", &incarnation) ||
      cxlpod_number("CXLPOD_CRASH_HIT", &hit)) {
    return -1;
  }
  if (offset > self->pool_bytes || self->memory_bytes > self->pool_bytes - offset || barrier > self->pool_bytes - 4096 ||
      worker < 1 || worker > workers || workers > 4096 / 8) {
    return cxlpod_fail("the environment is damaged", "CXLPOD_MEMORY_OFFSET");
  }
  const char *phase = getenv("CXLPOD_PHASE");
  self->phase = phase != NULL && strcmp(phase, "setup") == 0 ? CXLPOD_SETUP
                : phase != NULL && strcmp(phase, "check") == 0 ? CXLPOD_CHECK : CXLPOD_DRIVE;
  self->machine = (uint32_t)machine, self->machines = (uint32_t)machines;
  self->worker = (uint32_t)worker, self->workers = (uint32_t)workers, self->attempt = (uint32_t)attempt;
  self->process = (uint32_t)process, self->client = (uint32_t)client, self->incarnation = (uint32_t)incarnation;
  const char *point = getenv("CXLPOD_CRASH_POINT");
  if (hit != 0 && point != NULL) self->armed_point = cxlpod_point(point), self->armed_hit = (uint32_t)hit;
  if ((self->pool = cxlpod_map("CXLPOD_POOL", self->pool_bytes)) == NULL) return -1;
  if ((self->history = cxlpod_map("CXLPOD_HISTORY", self->history_bytes)) == NULL) return -1;
  self->memory = self->pool + offset;
  self->arrived = (uint64_t *)(self->pool + barrier);
  /* Unlike in every other process of this run. */
  self->next_call = ((uint64_t)self->worker << 40 | (uint64_t)self->attempt << 32) + 1;
  return 0;
}

/** The machine's CLOCK_MONOTONIC. */
static inline uint64_t cxlpod_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/** Until the deadline of this phase; 0 when it is over. For whatever waits for somebody who may have died. */
static inline uint64_t cxlpod_remaining_ms(const cxlpod_worker *self) {
  uint64_t now = cxlpod_now_ns();
  return now >= self->deadline_ns ? 0 : (self->deadline_ns - now + 999999u) / 1000000u;
}

/**
 * Waits until every worker has come to a barrier as often as this process. Whoever is started again after a death comes in the place of the dead,
 * and does not wait for those who went on.
 */
static inline void cxlpod_barrier(cxlpod_worker *self) {
  uint64_t times = ++self->barriers;
  uint64_t *own = self->arrived + self->worker - 1;
  /* The dead may have come further, and the others have seen it. */
  if (__atomic_load_n(own, __ATOMIC_SEQ_CST) < times) __atomic_store_n(own, times, __ATOMIC_SEQ_CST);
  for (uint32_t each = 0; each < self->workers; each++) {
    while (__atomic_load_n(self->arrived + each, __ATOMIC_SEQ_CST) < times) {
      struct timespec pause = {0, 100000};
      nanosleep(&pause, NULL);
    }
  }
}

/* One record of the history: draw a ticket, fill its line, publish. Dead before the last store: the line is never read. */
static inline int cxlpod_record(cxlpod_worker *self, uint32_t kind, uint32_t operation, uint64_t call, uint64_t value, uint32_t outcome) {
  uint64_t ticket = __atomic_fetch_add((uint64_t *)(self->history + CXLPOD_HISTORY_TICKET_OFFSET), 1, __ATOMIC_SEQ_CST);
  if (ticket >= (self->history_bytes - CXLPOD_HISTORY_RECORDS_OFFSET) / CXLPOD_HISTORY_RECORD_BYTES) return -1;
  uint8_t *line = self->history + CXLPOD_HISTORY_RECORDS_OFFSET + ticket * CXLPOD_HISTORY_RECORD_BYTES;
  *(uint32_t *)(line + CXLPOD_HISTORY_RECORD_KIND_AT) = kind;
  *(uint32_t *)(line + CXLPOD_HISTORY_RECORD_OPERATION_AT) = operation;
  *(uint32_t *)(line + CXLPOD_HISTORY_RECORD_MACHINE_AT) = self->machine;
  *(uint32_t *)(line + CXLPOD_HISTORY_RECORD_PROCESS_AT) = self->process;
  *(uint32_t *)(line + CXLPOD_HISTORY_RECORD_CLIENT_AT) = self->client + 1;
  *(uint32_t *)(line + CXLPOD_HISTORY_RECORD_INCARNATION_AT) = self->incarnation;
  *(uint64_t *)(line + CXLPOD_HISTORY_RECORD_CALL_AT) = call;
  *(uint64_t *)(line + CXLPOD_HISTORY_RECORD_VALUE_AT) = value;
  *(uint32_t *)(line + CXLPOD_HISTORY_RECORD_OUTCOME_AT) = outcome;
  __atomic_store_n((uint64_t *)(line + CXLPOD_HISTORY_RECORD_SEQUENCE_AT), ticket + 1, __ATOMIC_SEQ_CST);
  return 0;
}

/** An operation begins: one of CXLPOD_OPERATION_*. The answer pairs it with its end. Before its first effect on the pool. */
static inline uint64_t cxlpod_invoke(cxlpod_worker *self, uint32_t operation, uint64_t argument) {
  uint64_t call = self->next_call++;
  cxlpod_record(self, CXLPOD_RECORD_INVOKE, operation, call, argument, 0);
  return call;
}

/** It ended, with one of CXLPOD_OUTCOME_*. After its last effect. */
static inline void cxlpod_end(cxlpod_worker *self, uint32_t operation, uint64_t call, uint32_t outcome, uint64_t result) {
  cxlpod_record(self, CXLPOD_RECORD_END, operation, call, result, outcome);
}

/** A place at which a scenario can kill this process: `killWorker: { at: <name>, hit: n }`. Names begin with "program/". */
static inline void cxlpod_crash_point(cxlpod_worker *self, const char *name) {
  __asm__("" : "+r"(name)); /* so that the name stands in the program, where cxlpod looks for those that there are */
  if (self->armed_hit == 0 || cxlpod_point(name) != self->armed_point) return;
  if (++self->hits != self->armed_hit) return;
  cxlpod_record(self, CXLPOD_RECORD_LAST_WORDS, self->armed_point, 0, self->hits, 0);
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

#endif
