/*
 * The floor: what a call over the pool costs on this machine in plain C, with the ring, the buffers and the checks of our RPC
 * (agent/core/rpc) and nothing else. Every latency that we report is compared with this one (docs/measuring.md).
 *
 *   floor serve                    --path P --size S --offset O
 *   floor call                     --path P --size S --offset O --batches N --calls-per-batch N
 *   floor ping-pong --role server  --path P --size S --offset O
 *   floor ping-pong --role caller  --path P --size S --offset O --batches N --calls-per-batch N
 *
 * Also: --payload-bytes N (64), --deadline-ms N (30000), --pause yes: a pause instruction in every look at a flag; the core,
 * which is WebAssembly, has none, so the default is no. Both sides need the same --offset, with REGION_BYTES behind it that
 * nobody else uses.
 *
 * Prints one line of JSON. Exit codes: 0, 2 usage, 3 anything else. It ends by its deadline, whatever the other side does.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
  LINE_BYTES = 64,
  WINDOW_LOG2 = 4,
  WINDOW = 1 << WINDOW_LOG2,
  PAYLOAD_LIMIT_BYTES = 1024,
  STRIDE_BYTES = LINE_BYTES + PAYLOAD_LIMIT_BYTES,
  ARENA_BYTES = 19456,
  STATUS_OK = 0,
  MAP_ALIGNMENT_BYTES = 2 * 1024 * 1024, /* devdax maps nothing smaller */
  WARM_UP_BATCHES = 10,
  LOOKS_PER_CLOCK = 4096,
  BATCH_LIMIT = 1000000,
};

/* A slot's buffer. An echo has no header, so nobody touches the line before the payload. */
struct buffer {
  uint8_t header[LINE_BYTES];
  uint8_t payload[PAYLOAD_LIMIT_BYTES];
} __attribute__((aligned(LINE_BYTES)));

union arena {
  struct buffer buffers[WINDOW];
  uint8_t bytes[ARENA_BYTES];
};

/* One line, one writer. */
struct region {
  /* Line 0, caller: which session it asks for, and which one it has ended. */
  uint64_t wanted, closed, reserved0[6];
  /* Line 1, server: which session it serves. */
  uint64_t accepted, reserved1[7];
  /* Line 2, both in turn: the bounced word. */
  uint64_t word, reserved2[7];
  uint64_t request_ring[WINDOW];
  uint64_t response_ring[WINDOW];
  union arena requests, responses;
};
_Static_assert(sizeof(struct buffer) == STRIDE_BYTES, "a buffer is a header line and the payload, in whole lines");
_Static_assert(sizeof(union arena) == ARENA_BYTES, "the buffers of a direction fit into its arena");
_Static_assert(offsetof(struct region, requests) % LINE_BYTES == 0, "buffers begin on a line");
_Static_assert(sizeof(struct region) <= 64 * 1024, "fits the 64 KiB that the controller gives us");

static struct {
  const char *path, *role;
  uint64_t size, offset, batches, calls_per_batch, payload_bytes, deadline_ms;
  bool pause;
} options = {.calls_per_batch = 100, .payload_bytes = 64, .deadline_ms = 30000};

static struct region *region;
static uint64_t ends_at_ns;

static void fail(int code, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("error: floor: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(code);
}

static uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static inline uint64_t see(const uint64_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }
static inline void publish(uint64_t *word, uint64_t value) { __atomic_store_n(word, value, __ATOMIC_RELEASE); }

/* One more look at a flag. Looks at the clock now and then, since every wait is bounded. */
static inline void look_again(uint64_t *looks, const char *awaited) {
  if (options.pause) __builtin_ia32_pause();
  if (++*looks % LOOKS_PER_CLOCK == 0 && now_ns() > ends_at_ns)
    fail(3, "no %s within %llu ms; is the other side running, with the same --offset?", awaited,
         (unsigned long long)options.deadline_ms);
}

/* The upper 16 bits of a ring entry: phase, which flips each lap, and sequence. */
static inline uint64_t mark(uint64_t index) { return ((((index >> WINDOW_LOG2) & 1) ^ 1) << 15) | (index & 0x7fff); }

/* mark 16 | length 16 | offset of the payload, a multiple of 64, with the kind in its lowest 6 bits. */
static inline uint64_t entry(uint64_t index, const uint8_t *payload, uint64_t length_bytes, uint64_t kind) {
  return mark(index) << 48 | length_bytes << 32 | (uint64_t)(payload - (const uint8_t *)region) | kind;
}
static inline uint64_t length_of(uint64_t ring_entry) { return ring_entry >> 32 & 0xffff; }
static inline uint64_t kind_of(uint64_t ring_entry) { return ring_entry & 63; }

/* An entry has arrived when its phase has flipped; what else it says is checked then. */
static inline bool has_arrived(uint64_t ring_entry, uint64_t index) { return ring_entry >> 63 == mark(index) >> 15; }

/* The payload that a ring entry refers to, or NULL when mark, place or length cannot be: nobody believes the other side. */
static inline uint8_t *accept_payload(uint64_t ring_entry, uint64_t index, const union arena *arena) {
  uint64_t in_arena = (ring_entry & 0xffffffc0) - (uint64_t)(arena->bytes - (const uint8_t *)region);
  uint64_t length_bytes = length_of(ring_entry);
  if (ring_entry >> 48 != mark(index) || length_bytes > PAYLOAD_LIMIT_BYTES) return NULL;
  if (in_arena < LINE_BYTES || in_arena > ARENA_BYTES || in_arena + length_bytes > ARENA_BYTES) return NULL;
  return (uint8_t *)arena->bytes + in_arena;
}

/*
 * A session begins with a number that no earlier run can have left here: the caller counts one up until the server, which
 * takes only a number that it saw change, has prepared the rings and says that it accepted one of them.
 */
static uint64_t begin_as_caller(void) {
  uint64_t first = now_ns() << 8 | 1, wanted = first, looks = 0;
  for (;;) {
    publish(&region->wanted, wanted);
    for (int look = 0; look < 100000; look++) {
      uint64_t accepted = see(&region->accepted);
      if (accepted >= first && accepted <= wanted) return accepted;
      look_again(&looks, "server");
    }
    wanted++;
  }
}

static uint64_t begin_as_server(void) {
  uint64_t stale = see(&region->wanted), wanted, looks = 0;
  while ((wanted = see(&region->wanted)) == stale) look_again(&looks, "caller");
  region->word = 0;
  memset(region->request_ring, 0, sizeof region->request_ring);
  memset(region->response_ring, 0, sizeof region->response_ring);
  publish(&region->accepted, wanted);
  return wanted;
}

static void serve(void) {
  uint64_t session = begin_as_server(), index = 0;
  for (;; index++) {
    uint64_t slot = index % WINDOW, looks = 0, seen;
    while (!has_arrived(seen = see(&region->request_ring[slot]), index)) {
      if (looks % LOOKS_PER_CLOCK == LOOKS_PER_CLOCK - 1 && see(&region->closed) == session) goto closed;
      look_again(&looks, "request");
    }
    const uint8_t *request = accept_payload(seen, index, &region->requests);
    if (request == NULL) fail(3, "request %llu is forged", (unsigned long long)index);
    uint8_t *response = region->responses.buffers[slot].payload;
    memcpy(response, request, length_of(seen));
    publish(&region->response_ring[slot], entry(index, response, length_of(seen), STATUS_OK));
  }
closed:
  printf("{\"served\":%llu}\n", (unsigned long long)index);
}

static void call_once(uint64_t index, uint64_t session, uint8_t *payload) {
  (void)session;
  uint64_t slot = index % WINDOW, looks = 0, seen;
  uint8_t *request = region->requests.buffers[slot].payload;
  memcpy(payload, &index, sizeof index < options.payload_bytes ? sizeof index : options.payload_bytes);
  memcpy(request, payload, options.payload_bytes);
  publish(&region->request_ring[slot], entry(index, request, options.payload_bytes, 0));

  while (!has_arrived(seen = see(&region->response_ring[slot]), index)) look_again(&looks, "response");
  const uint8_t *response = accept_payload(seen, index, &region->responses);
  if (response == NULL || kind_of(seen) != STATUS_OK || length_of(seen) != options.payload_bytes ||
      memcmp(response, payload, options.payload_bytes) != 0)
    fail(3, "the answer to call %llu is not its echo", (unsigned long long)index);
}

static int by_value(const void *left, const void *right) {
  double difference = *(const double *)left - *(const double *)right;
  return difference < 0 ? -1 : difference > 0;
}

/* As LatencyCounts of agent/src/protocol/tasks.ts: values of three significant digits, each with how often it was seen. */
static void print_latency(double *samples, uint64_t count) {
  for (uint64_t index = 0; index < count; index++) {
    char digits[32];
    snprintf(digits, sizeof digits, "%.2e", samples[index]);
    samples[index] = strtod(digits, NULL);
  }
  qsort(samples, count, sizeof *samples, by_value);
  printf("{\"latency\":{\"unit\":\"ns\",\"callsPerSample\":%llu,\"counts\":[", (unsigned long long)options.calls_per_batch);
  for (uint64_t index = 0, next; index < count; index = next) {
    for (next = index; next < count && samples[next] == samples[index];) next++;
    printf("%s[%.15g,%llu]", index == 0 ? "" : ",", samples[index], (unsigned long long)(next - index));
  }
  printf("]},\"calls\":%llu}\n", (unsigned long long)(count * options.calls_per_batch));
}

/* Times batches of `once`, which is told the number of the exchange, from 0. */
static void measure(void (*once)(uint64_t index, uint64_t session, uint8_t *payload)) {
  double *samples = malloc(options.batches * sizeof *samples);
  uint8_t payload[PAYLOAD_LIMIT_BYTES];
  if (samples == NULL) fail(3, "no memory for %llu samples", (unsigned long long)options.batches);
  for (size_t index = 0; index < sizeof payload; index++) payload[index] = (uint8_t)(index * 37 + 11);
  uint64_t session = begin_as_caller(), index = 0;
  for (uint64_t batch = 0; batch < WARM_UP_BATCHES + options.batches; batch++) {
    uint64_t start_ns = now_ns();
    for (uint64_t call = 0; call < options.calls_per_batch; call++) once(index++, session, payload);
    if (batch >= WARM_UP_BATCHES)
      samples[batch - WARM_UP_BATCHES] = (double)(now_ns() - start_ns) / (double)options.calls_per_batch;
  }
  publish(&region->closed, session);
  print_latency(samples, options.batches);
}

static void ping_once(uint64_t index, uint64_t session, uint8_t *payload) {
  (void)session, (void)payload;
  uint64_t looks = 0;
  publish(&region->word, 2 * index + 1);
  while (see(&region->word) != 2 * index + 2) look_again(&looks, "word back");
}

static void pong(void) {
  uint64_t session = begin_as_server(), index = 0;
  for (;; index++) {
    uint64_t looks = 0;
    while (see(&region->word) != 2 * index + 1) {
      if (looks % LOOKS_PER_CLOCK == LOOKS_PER_CLOCK - 1 && see(&region->closed) == session) goto closed;
      look_again(&looks, "word");
    }
    publish(&region->word, 2 * index + 2);
  }
closed:
  printf("{\"served\":%llu}\n", (unsigned long long)index);
}

static void map_region(void) {
  int file = open(options.path, O_RDWR | O_CLOEXEC);
  if (file < 0) fail(3, "cannot open %s: %s", options.path, strerror(errno));
  struct stat found;
  if (fstat(file, &found) == 0 && S_ISREG(found.st_mode) && (uint64_t)found.st_size < options.size)
    fail(3, "%s has %lld bytes, fewer than --size", options.path, (long long)found.st_size);
  uint64_t start = options.offset / MAP_ALIGNMENT_BYTES * MAP_ALIGNMENT_BYTES;
  uint64_t end = options.offset + sizeof(struct region) + MAP_ALIGNMENT_BYTES - 1;
  end = end / MAP_ALIGNMENT_BYTES * MAP_ALIGNMENT_BYTES;
  if (end > options.size) end = options.size;
  uint8_t *mapped = mmap(NULL, end - start, PROT_READ | PROT_WRITE, MAP_SHARED, file, (off_t)start);
  if (mapped == MAP_FAILED) fail(3, "cannot map %s: %s", options.path, strerror(errno));
  close(file);
  region = (struct region *)(mapped + (options.offset - start));
}

static const char *usage =
    "usage: floor serve|call|ping-pong --path P --size S --offset O [--batches N] [--calls-per-batch 100] [--payload-bytes 64] "
    "[--deadline-ms 30000] [--role caller|server] [--pause yes|no]";

static uint64_t number(const char *name, const char *text, uint64_t least, uint64_t most) {
  char *end;
  errno = 0;
  unsigned long long value = strtoull(text, &end, 10);
  if (errno != 0 || *text < '0' || *text > '9' || *end != '\0' || value < least || value > most)
    fail(2, "%s must be from %llu to %llu, not %s", name, (unsigned long long)least, (unsigned long long)most, text);
  return value;
}

static void read_options(int count, char **arguments) {
  for (int index = 2; index < count; index += 2) {
    const char *name = arguments[index], *value = index + 1 < count ? arguments[index + 1] : NULL;
    if (value == NULL) fail(2, "%s needs a value\n%s", name, usage);
    if (strcmp(name, "--path") == 0) options.path = value;
    else if (strcmp(name, "--role") == 0) options.role = value;
    else if (strcmp(name, "--pause") == 0) options.pause = strcmp(value, "yes") == 0;
    else if (strcmp(name, "--size") == 0) options.size = number(name, value, sizeof(struct region), UINT64_C(1) << 40);
    else if (strcmp(name, "--offset") == 0) options.offset = number(name, value, 0, UINT64_C(1) << 40);
    else if (strcmp(name, "--batches") == 0) options.batches = number(name, value, 1, BATCH_LIMIT);
    else if (strcmp(name, "--calls-per-batch") == 0) options.calls_per_batch = number(name, value, 1, BATCH_LIMIT);
    else if (strcmp(name, "--payload-bytes") == 0) options.payload_bytes = number(name, value, 1, PAYLOAD_LIMIT_BYTES);
    else if (strcmp(name, "--deadline-ms") == 0) options.deadline_ms = number(name, value, 1, 86400000);
    else fail(2, "%s is not known\n%s", name, usage);
  }
  if (options.path == NULL || options.size == 0) fail(2, "--path, --size and --offset are needed\n%s", usage);
  if (options.offset % LINE_BYTES != 0) fail(2, "--offset must be a multiple of %d", LINE_BYTES);
  if (options.offset + sizeof(struct region) > options.size)
    fail(2, "--offset leaves fewer than %zu bytes of the pool", sizeof(struct region));
}

int main(int count, char **arguments) {
  if (count < 2) fail(2, "%s", usage);
  const char *what = arguments[1];
  read_options(count, arguments);
  bool ping_pong = strcmp(what, "ping-pong") == 0;
  if (!ping_pong && strcmp(what, "serve") != 0 && strcmp(what, "call") != 0) fail(2, "%s is not known\n%s", what, usage);
  if (ping_pong && (options.role == NULL || (strcmp(options.role, "caller") != 0 && strcmp(options.role, "server") != 0)))
    fail(2, "ping-pong needs --role caller or --role server");
  bool calls = ping_pong ? strcmp(options.role, "caller") == 0 : strcmp(what, "call") == 0;
  if (calls && options.batches == 0) fail(2, "--batches is needed");

  map_region();
  ends_at_ns = now_ns() + options.deadline_ms * 1000000u;
  if (calls) measure(ping_pong ? ping_once : call_once);
  else if (ping_pong) pong();
  else serve();
  return fflush(stdout) == 0 ? 0 : 3;
}
