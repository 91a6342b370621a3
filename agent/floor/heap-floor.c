/*
 * The floor of the heap: what attaching and detaching a reference costs on this machine in plain C, with the atomics of CXL-SHM
 * and nothing else, and what a good allocator that survives nothing costs (docs/measuring.md).
 *
 *   heap-floor attach-detach  [--objects 1] [--path P --size S --offset O]
 *   heap-floor malloc-free    [--bytes 64] [--window 0]
 *
 * Also: --rounds N (7) and --pairs N (2000000) in each. The objects lie in a mapping of its own, or in the pool. --window: how many
 * objects live at any time, the oldest of which is freed for each that is made; 0 frees each at once.
 *
 * Built twice: heap-floor with the C library's malloc, static; heap-floor-mimalloc with mimalloc, where that is installed.
 *
 * Prints one line of JSON: what was done, and ns a pair for every round. Exit codes: 0, 2 usage, 3 anything else.
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
#include <time.h>
#include <unistd.h>

#ifdef WITH_MIMALLOC
#include <mimalloc.h>
#define ALLOCATOR "mimalloc"
#define allocate mi_malloc
#define release mi_free
#else
#define ALLOCATOR "libc"
#define allocate malloc
#define release free
#endif

enum {
  LINE_BYTES = 64,
  MAP_ALIGNMENT_BYTES = 2 * 1024 * 1024, /* devdax maps nothing smaller */
  ROUND_LIMIT = 1000,
  PAIR_LIMIT = 1000000000,
  OBJECT_LIMIT = 4096,
  WINDOW_LIMIT = 1000000,
};

/* The reference word: client 10 bits, count 14, era 40. */
enum { ERA_BITS = 40, COUNT_BITS = 14, SELF = 1, ANOTHER = 2 };
static const uint64_t era_mask = (UINT64_C(1) << ERA_BITS) - 1, count_mask = (UINT64_C(1) << COUNT_BITS) - 1;

enum { ATTACH = 1, DETACH = 2 };

/* What an operation says about itself before it commits: two of them take turns, so that the last one stays readable. */
struct redo {
  uint64_t what;  /* operation, count, era */
  uint64_t where; /* slot, object */
};

struct object {
  uint64_t word, reserved[7];
};

/* A line each, as in the heap. */
struct region {
  struct redo redo[2];
  uint64_t reserved0[4];
  uint64_t own_era, reserved1[7];  /* Era[i][i] */
  uint64_t seen_eras[8];           /* Era[i][j] */
  uint64_t slot, reserved2[7];
  struct object objects[OBJECT_LIMIT];
};
_Static_assert(sizeof(struct object) == LINE_BYTES, "an object's header begins a line");
_Static_assert(offsetof(struct region, objects) == 4 * LINE_BYTES, "four lines lie before the objects");

static struct {
  const char *path;
  uint64_t size, offset, rounds, pairs, objects, bytes, window;
} options = {.rounds = 7, .pairs = 2000000, .objects = 1, .bytes = 64};

static struct region *region;

static void fail(int code, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("error: heap-floor: ", stderr);
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

/* As the door of the core compiles on x86: every shared load a mov, every publication an xchg, a plain store a mov that stays. */
static inline uint64_t see(const uint64_t *word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }
static inline void publish(uint64_t *word, uint64_t value) { __atomic_store_n(word, value, __ATOMIC_SEQ_CST); }
static inline void write_plain(uint64_t *word, uint64_t value) { __atomic_store_n(word, value, __ATOMIC_RELAXED); }

static inline uint64_t pack(uint64_t client, uint64_t count, uint64_t era) {
  return client << (COUNT_BITS + ERA_BITS) | count << ERA_BITS | era;
}

/*
 * Observe, redo, COMMIT, link, advance: attach with a `change` of 1 and the object for the slot, detach with -1 and 0. Never
 * inlined, so that nothing is known from the pair before.
 */
static __attribute__((noinline)) bool change_count(struct object *object, uint64_t operation, uint64_t change, uint64_t into_slot) {
  uint64_t era = see(&region->own_era);
  for (;;) {
    uint64_t word = see(&object->word);
    uint64_t client = word >> (COUNT_BITS + ERA_BITS), count = word >> ERA_BITS & count_mask;
    if (count == 0 || count == count_mask) return false;
    if (client != SELF && client != 0 && see(&region->seen_eras[client & 7]) < (word & era_mask))
      publish(&region->seen_eras[client & 7], word & era_mask);
    struct redo *redo = &region->redo[era & 1];
    write_plain(&redo->what, operation << 54 | count << ERA_BITS | era);
    write_plain(&redo->where, (uint64_t)((uint8_t *)&region->slot - (uint8_t *)region) << 32 |
                                  (uint64_t)((uint8_t *)object - (uint8_t *)region));
    uint64_t next = pack(SELF, count + change, era);
    if (__atomic_compare_exchange_n(&object->word, &word, next, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) break;
  }
  write_plain(&region->slot, into_slot);
  publish(&region->own_era, era + 1);
  return true;
}

static void attach_and_detach(uint64_t pairs) {
  for (uint64_t pair = 0, index = 0; pair < pairs; pair++) {
    struct object *object = &region->objects[index];
    if (++index == options.objects) index = 0;
    if (!change_count(object, ATTACH, 1, (uint64_t)((uint8_t *)object - (uint8_t *)region)) ||
        !change_count(object, DETACH, (uint64_t)-1, 0))
      fail(3, "a count is not what it was left at");
  }
}

static void prepare_objects(void) {
  memset(region, 0, sizeof *region);
  region->own_era = 1;
  for (uint64_t index = 0; index < options.objects; index++) region->objects[index].word = pack(ANOTHER, 1, 1);
}

static void check_objects(uint64_t pairs) {
  if (region->own_era != 1 + 2 * pairs)
    fail(3, "%llu eras passed in %llu pairs", (unsigned long long)region->own_era - 1, (unsigned long long)pairs);
  for (uint64_t index = 0; index < options.objects; index++) {
    uint64_t count = region->objects[index].word >> ERA_BITS & count_mask;
    if (count != 1) fail(3, "object %llu is counted %llu times", (unsigned long long)index, (unsigned long long)count);
  }
}

/* The oldest goes for each that comes; the first eight bytes are written, as who allocates writes something. */
static void *lives[WINDOW_LIMIT];

static void *make(uint64_t value) {
  uint64_t *made = allocate(options.bytes);
  if (made == NULL) fail(3, "no memory for %llu bytes", (unsigned long long)options.bytes);
  *(volatile uint64_t *)made = value;
  return made;
}

static void allocate_and_free(uint64_t pairs) {
  if (options.window == 0) {
    for (uint64_t pair = 0; pair < pairs; pair++) release(make(pair));
    return;
  }
  for (uint64_t pair = 0, index = 0; pair < pairs; pair++) {
    release(lives[index]);
    lives[index] = make(pair);
    if (++index == options.window) index = 0;
  }
}

/* The first round is only to get warm. */
static void measure(void (*pairs)(uint64_t count), double *ns_a_pair) {
  pairs(options.pairs);
  for (uint64_t round = 0; round < options.rounds; round++) {
    uint64_t start_ns = now_ns();
    pairs(options.pairs);
    ns_a_pair[round] = (double)(now_ns() - start_ns) / (double)options.pairs;
  }
}

static int by_value(const void *left, const void *right) {
  double difference = *(const double *)left - *(const double *)right;
  return difference < 0 ? -1 : difference > 0;
}

static void print_rounds(double *ns_a_pair) {
  printf("\"pairs\":%llu,\"nsPerPair\":[", (unsigned long long)options.pairs);
  for (uint64_t round = 0; round < options.rounds; round++) printf("%s%.2f", round == 0 ? "" : ",", ns_a_pair[round]);
  qsort(ns_a_pair, options.rounds, sizeof *ns_a_pair, by_value);
  printf("],\"medianNs\":%.2f}\n", ns_a_pair[options.rounds / 2]);
}

static void map_region(void) {
  uint64_t bytes = sizeof(struct region), offset = options.offset % MAP_ALIGNMENT_BYTES, start = options.offset - offset;
  int file = -1, flags = MAP_SHARED | MAP_ANONYMOUS;
  if (options.path != NULL) {
    file = open(options.path, O_RDWR | O_CLOEXEC);
    if (file < 0) fail(3, "cannot open %s: %s", options.path, strerror(errno));
    flags = MAP_SHARED;
  }
  bytes = (offset + bytes + MAP_ALIGNMENT_BYTES - 1) / MAP_ALIGNMENT_BYTES * MAP_ALIGNMENT_BYTES;
  if (options.path != NULL && start + bytes > options.size) bytes = options.size - start;
  uint8_t *mapped = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, file, (off_t)start);
  if (mapped == MAP_FAILED) fail(3, "cannot map %llu bytes: %s", (unsigned long long)bytes, strerror(errno));
  if (file >= 0) close(file);
  region = (struct region *)(mapped + offset);
}

static const char *usage =
    "usage: heap-floor attach-detach|malloc-free [--rounds 7] [--pairs 2000000] [--objects 1] [--path P --size S --offset O] "
    "[--bytes 64] [--window 0]";

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
    else if (strcmp(name, "--size") == 0) options.size = number(name, value, sizeof(struct region), UINT64_C(1) << 40);
    else if (strcmp(name, "--offset") == 0) options.offset = number(name, value, 0, UINT64_C(1) << 40);
    else if (strcmp(name, "--rounds") == 0) options.rounds = number(name, value, 1, ROUND_LIMIT);
    else if (strcmp(name, "--pairs") == 0) options.pairs = number(name, value, 1, PAIR_LIMIT);
    else if (strcmp(name, "--objects") == 0) options.objects = number(name, value, 1, OBJECT_LIMIT);
    else if (strcmp(name, "--bytes") == 0) options.bytes = number(name, value, 8, 1u << 30);
    else if (strcmp(name, "--window") == 0) options.window = number(name, value, 0, WINDOW_LIMIT);
    else fail(2, "%s is not known\n%s", name, usage);
  }
  if ((options.path == NULL) != (options.size == 0)) fail(2, "--path and --size belong together\n%s", usage);
  if (options.offset % LINE_BYTES != 0) fail(2, "--offset must be a multiple of %d", LINE_BYTES);
  if (options.path != NULL && options.offset + sizeof(struct region) > options.size)
    fail(2, "--offset leaves fewer than %zu bytes of the pool", sizeof(struct region));
}

int main(int count, char **arguments) {
  if (count < 2) fail(2, "%s", usage);
  const char *what = arguments[1];
  read_options(count, arguments);
  static double ns_a_pair[ROUND_LIMIT];
  if (strcmp(what, "attach-detach") == 0) {
    map_region();
    prepare_objects();
    measure(attach_and_detach, ns_a_pair);
    check_objects((options.rounds + 1) * options.pairs);
    printf("{\"what\":\"attach-detach\",\"objects\":%llu,", (unsigned long long)options.objects);
  } else if (strcmp(what, "malloc-free") == 0) {
    for (uint64_t index = 0; index < options.window; index++) lives[index] = make(index);
    measure(allocate_and_free, ns_a_pair);
    printf("{\"what\":\"malloc-free\",\"allocator\":\"" ALLOCATOR "\",\"bytes\":%llu,\"window\":%llu,",
           (unsigned long long)options.bytes, (unsigned long long)options.window);
  } else {
    fail(2, "%s is not known\n%s", what, usage);
  }
  print_rounds(ns_a_pair);
  return fflush(stdout) == 0 ? 0 : 3;
}
