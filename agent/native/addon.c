/*
 * Bytes only: map a file or device over part of a WebAssembly memory, flush and wait on ranges of it, read clocks, beat, die.
 * What the bytes mean is the business of agent/core. Baseline x86-64; newer instructions only where CPUID reports them.
 */
#define _GNU_SOURCE
#define NAPI_VERSION 8
#include <node_api.h>

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <immintrin.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 64u
#define HUGE_PAGE_BYTES (2u << 20)
#define HEARTBEAT_LEAST_MS 100u
#define HEARTBEAT_LIMIT 16
#define ARGUMENT_LIMIT 6
/* A wait that is to be abortable looks at its clock and at the abort word at least as often as this many cycles pass. */
#define DOZE_CYCLES 100000u
#define WAIT_LIMIT_NS 1000000000u

static bool has_clwb, has_clflushopt, has_waitpkg;

/* ---------------------------------------------------------------- arguments and errors */

static napi_value fail(napi_env env, const char *code, const char *format, ...) {
  char message[PATH_MAX + 256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  napi_throw_error(env, code, message);
  return NULL;
}

typedef struct {
  size_t count;
  napi_value values[ARGUMENT_LIMIT];
} Arguments;

static bool take(napi_env env, napi_callback_info info, size_t expected, Arguments *arguments) {
  arguments->count = ARGUMENT_LIMIT;
  napi_get_cb_info(env, info, &arguments->count, arguments->values, NULL, NULL);
  if (arguments->count == expected) return true;
  fail(env, "BAD_ARGUMENT", "expected %zu arguments, got %zu", expected, arguments->count);
  return false;
}

/* A whole number from 0 to 2^53. */
static bool whole(napi_env env, napi_value value, const char *name, uint64_t *result) {
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok || !(number >= 0) || number > 9007199254740992.0 ||
      number != (double)(uint64_t)number) {
    fail(env, "BAD_ARGUMENT", "%s is not a whole number from 0", name);
    return false;
  }
  *result = (uint64_t)number;
  return true;
}

typedef struct {
  uint8_t *data;
  uint64_t size_bytes;
} Bytes;

static bool bytes_of(napi_env env, napi_value value, Bytes *bytes) {
  bool is_typed_array = false;
  napi_typedarray_type type;
  size_t length = 0, offset = 0;
  void *data = NULL;
  napi_value buffer;
  napi_is_typedarray(env, value, &is_typed_array);
  if (!is_typed_array || napi_get_typedarray_info(env, value, &type, &length, &data, &buffer, &offset) != napi_ok ||
      type != napi_uint8_array || data == NULL) {
    fail(env, "BAD_ARGUMENT", "the memory must be given as a Uint8Array over its buffer");
    return false;
  }
  bytes->data = data;
  bytes->size_bytes = length;
  return true;
}

/* `length` may be 0; the sum cannot wrap because both are below 2^53. */
static bool range_of(napi_env env, Arguments *arguments, Bytes *bytes, uint64_t *offset, uint64_t *length) {
  if (!bytes_of(env, arguments->values[0], bytes) || !whole(env, arguments->values[1], "offset", offset) ||
      !whole(env, arguments->values[2], "length", length))
    return false;
  if (*offset + *length > bytes->size_bytes) {
    fail(env, "OUT_OF_RANGE", "bytes %llu to %llu are not inside the memory of %llu", (unsigned long long)*offset,
         (unsigned long long)(*offset + *length), (unsigned long long)bytes->size_bytes);
    return false;
  }
  return true;
}

static napi_value undefined(napi_env env) {
  napi_value value;
  napi_get_undefined(env, &value);
  return value;
}

static napi_value number(napi_env env, double value) {
  napi_value result;
  napi_create_double(env, value, &result);
  return result;
}

/* ---------------------------------------------------------------- mapping */

/* misalignment(memory): distance of the memory's first byte from the 2 MiB boundary below it. */
static napi_value misalignment(napi_env env, napi_callback_info info) {
  Arguments arguments;
  Bytes bytes;
  if (!take(env, info, 1, &arguments) || !bytes_of(env, arguments.values[0], &bytes)) return NULL;
  return number(env, (double)((uintptr_t)bytes.data % HUGE_PAGE_BYTES));
}

/* The size of a device-dax, from sysfs; 0 when it cannot be told. */
static uint64_t dax_size(const char *path) {
  char resolved[PATH_MAX], attribute[PATH_MAX + 64];
  if (realpath(path, resolved) == NULL) return 0;
  snprintf(attribute, sizeof attribute, "/sys/bus/dax/devices/%s/size", basename(resolved));
  FILE *file = fopen(attribute, "re");
  if (file == NULL) return 0;
  unsigned long long size = 0;
  if (fscanf(file, "%llu", &size) != 1) size = 0;
  fclose(file);
  return size;
}

static void keep_out_of_children(void *address, size_t length) {
  /* A forked child must not be able to write after its parent's end was seen. Best effort: the fencer ends children too. */
  (void)madvise(address, length, MADV_DONTFORK);
}

/* map(memory, offset, length, path, fileOffset) */
static napi_value map(napi_env env, napi_callback_info info) {
  Arguments arguments;
  Bytes bytes;
  uint64_t offset, length, file_offset;
  char path[PATH_MAX];
  size_t path_length;
  if (!take(env, info, 5, &arguments) || !range_of(env, &arguments, &bytes, &offset, &length) ||
      !whole(env, arguments.values[4], "fileOffset", &file_offset))
    return NULL;
  if (napi_get_value_string_utf8(env, arguments.values[3], path, sizeof path, &path_length) != napi_ok || path_length == 0 ||
      path_length >= sizeof path - 1 || strlen(path) != path_length)
    return fail(env, "BAD_ARGUMENT", "the path is not a usable string");

  const uintptr_t address = (uintptr_t)bytes.data + offset;
  const long page_bytes = sysconf(_SC_PAGESIZE);
  if (length == 0 || address % page_bytes != 0 || length % page_bytes != 0 || file_offset % page_bytes != 0)
    return fail(env, "UNALIGNED", "%s: address, length and file offset must be multiples of %ld", path, page_bytes);

  const int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0)
    return fail(env, errno == ENOENT ? "NOT_FOUND" : "OPEN_FAILED", "%s cannot be opened: %s", path, strerror(errno));
  struct stat status;
  if (fstat(file, &status) != 0) {
    const int reason = errno;
    close(file);
    return fail(env, "OPEN_FAILED", "%s cannot be examined: %s", path, strerror(reason));
  }
  uint64_t size_bytes = 0;
  if (S_ISREG(status.st_mode)) {
    size_bytes = (uint64_t)status.st_size;
  } else if (S_ISCHR(status.st_mode)) {
    size_bytes = dax_size(path);
    if (address % HUGE_PAGE_BYTES != 0 || length % HUGE_PAGE_BYTES != 0 || file_offset % HUGE_PAGE_BYTES != 0) {
      close(file);
      return fail(env, "UNALIGNED", "%s: address, length and offset on a device must be multiples of 2 MiB", path);
    }
  } else {
    close(file);
    return fail(env, "NOT_MAPPABLE", "%s is neither a file nor a device-dax", path);
  }
  if (file_offset + length > size_bytes) {
    close(file);
    return fail(env, "TRUNCATED", "%s has %llu bytes, %llu are asked for", path, (unsigned long long)size_bytes,
                (unsigned long long)(file_offset + length));
  }

  /* A MAP_FIXED that fails may leave a hole in the WebAssembly memory; so the same mapping is tried elsewhere first. */
  void *trial = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file, (off_t)file_offset);
  if (trial == MAP_FAILED && S_ISREG(status.st_mode)) {
    const int reason = errno;
    close(file);
    return fail(env, "MAP_FAILED", "%s cannot be mapped: %s", path, strerror(reason));
  }
  if (trial != MAP_FAILED) munmap(trial, length);
  void *mapped = mmap((void *)address, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, (off_t)file_offset);
  const int reason = errno;
  close(file);
  if (mapped == MAP_FAILED) {
    mmap((void *)address, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    return fail(env, "MAP_FAILED", "%s cannot be mapped: %s", path, strerror(reason));
  }
  keep_out_of_children(mapped, length);
  return undefined(env);
}

/* unmap(memory, offset, length): private zeros again. */
static napi_value unmap(napi_env env, napi_callback_info info) {
  Arguments arguments;
  Bytes bytes;
  uint64_t offset, length;
  if (!take(env, info, 3, &arguments) || !range_of(env, &arguments, &bytes, &offset, &length)) return NULL;
  const uintptr_t address = (uintptr_t)bytes.data + offset;
  const long page_bytes = sysconf(_SC_PAGESIZE);
  if (length == 0 || address % page_bytes != 0 || length % page_bytes != 0)
    return fail(env, "UNALIGNED", "address and length must be multiples of %ld", page_bytes);
  if (mmap((void *)address, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
    return fail(env, "MAP_FAILED", "the range cannot be unmapped: %s", strerror(errno));
  return undefined(env);
}

/* ---------------------------------------------------------------- cache lines */

__attribute__((target("clflushopt"))) static void flush_optimized(uint8_t *from, uint8_t *to) {
  for (uint8_t *line = from; line < to; line += LINE_BYTES) _mm_clflushopt(line);
}

static void flush_plain(uint8_t *from, uint8_t *to) {
  for (uint8_t *line = from; line < to; line += LINE_BYTES) _mm_clflush(line);
}

__attribute__((target("clwb"))) static void write_back_lines(uint8_t *from, uint8_t *to) {
  for (uint8_t *line = from; line < to; line += LINE_BYTES) _mm_clwb(line);
}

static uint8_t *line_below(uint8_t *address) {
  return (uint8_t *)((uintptr_t)address & ~(uintptr_t)(LINE_BYTES - 1));
}

/* flush(memory, offset, length) */
static napi_value flush(napi_env env, napi_callback_info info) {
  Arguments arguments;
  Bytes bytes;
  uint64_t offset, length;
  if (!take(env, info, 3, &arguments) || !range_of(env, &arguments, &bytes, &offset, &length)) return NULL;
  uint8_t *from = line_below(bytes.data + offset), *to = bytes.data + offset + length;
  if (has_clflushopt) flush_optimized(from, to);
  else flush_plain(from, to);
  _mm_mfence();
  return undefined(env);
}

/* writeBack(memory, offset, length) */
static napi_value write_back(napi_env env, napi_callback_info info) {
  Arguments arguments;
  Bytes bytes;
  uint64_t offset, length;
  if (!take(env, info, 3, &arguments) || !range_of(env, &arguments, &bytes, &offset, &length)) return NULL;
  uint8_t *from = line_below(bytes.data + offset), *to = bytes.data + offset + length;
  if (has_clwb) write_back_lines(from, to);
  else if (has_clflushopt) flush_optimized(from, to);
  else flush_plain(from, to);
  _mm_sfence();
  return undefined(env);
}

/* prefetch(memory, offset): the line of a byte. */
static napi_value prefetch(napi_env env, napi_callback_info info) {
  Arguments arguments;
  Bytes bytes;
  uint64_t offset;
  if (!take(env, info, 2, &arguments) || !bytes_of(env, arguments.values[0], &bytes) ||
      !whole(env, arguments.values[1], "offset", &offset))
    return NULL;
  if (offset >= bytes.size_bytes) return fail(env, "OUT_OF_RANGE", "the byte is not inside the memory");
  _mm_prefetch((const char *)(bytes.data + offset), _MM_HINT_T0);
  return undefined(env);
}

/* storeNonTemporal(memory, offset, source, from, length): whole aligned 8-byte words. */
static napi_value store_non_temporal(napi_env env, napi_callback_info info) {
  Arguments arguments;
  Bytes memory, source;
  uint64_t offset, from, length;
  if (!take(env, info, 5, &arguments) || !bytes_of(env, arguments.values[0], &memory) ||
      !whole(env, arguments.values[1], "offset", &offset) || !bytes_of(env, arguments.values[2], &source) ||
      !whole(env, arguments.values[3], "from", &from) || !whole(env, arguments.values[4], "length", &length))
    return NULL;
  if (offset + length > memory.size_bytes) return fail(env, "OUT_OF_RANGE", "the words do not fit behind the offset");
  if (from + length > source.size_bytes) return fail(env, "OUT_OF_RANGE", "the source has fewer words");
  if (((uintptr_t)memory.data + offset) % 8 != 0 || length % 8 != 0)
    return fail(env, "UNALIGNED", "non-temporal stores are of whole aligned 8-byte words");
  for (uint64_t at = 0; at < length; at += 8) {
    long long word;
    memcpy(&word, source.data + from + at, sizeof word);
    _mm_stream_si64((long long *)(memory.data + offset + at), word);
  }
  _mm_sfence();
  return undefined(env);
}

/* ---------------------------------------------------------------- clocks and waiting */

static uint64_t monotonic(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static napi_value monotonic_ns(napi_env env, napi_callback_info info) {
  (void)info;
  return number(env, (double)monotonic());
}

/* clockReadNs(reads): mean price of one clock_gettime. */
static napi_value clock_read_ns(napi_env env, napi_callback_info info) {
  Arguments arguments;
  uint64_t reads;
  if (!take(env, info, 1, &arguments) || !whole(env, arguments.values[0], "reads", &reads)) return NULL;
  if (reads < 1 || reads > 10000000) return fail(env, "BAD_ARGUMENT", "reads must be from 1 to 10000000");
  const uint64_t start = monotonic();
  uint64_t end = start;
  for (uint64_t read = 0; read < reads; read++) end = monotonic();
  return number(env, (double)(end - start) / (double)reads);
}

static napi_value tsc(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value result;
  napi_create_bigint_uint64(env, __rdtsc(), &result);
  return result;
}

/* tscFrequencyHz(milliseconds): counted against CLOCK_MONOTONIC, busy. */
static napi_value tsc_frequency(napi_env env, napi_callback_info info) {
  Arguments arguments;
  uint64_t milliseconds;
  if (!take(env, info, 1, &arguments) || !whole(env, arguments.values[0], "milliseconds", &milliseconds)) return NULL;
  if (milliseconds < 1 || milliseconds > 1000) return fail(env, "BAD_ARGUMENT", "milliseconds must be from 1 to 1000");
  const uint64_t start_ns = monotonic(), start = __rdtsc();
  uint64_t end_ns;
  do end_ns = monotonic();
  while (end_ns - start_ns < milliseconds * 1000000u);
  const uint64_t end = __rdtsc();
  return number(env, (double)(end - start) * 1e9 / (double)(end_ns - start_ns));
}

/* Until somebody stores to the word's line, or DOZE_CYCLES have passed. */
__attribute__((target("waitpkg"))) static void doze(uint64_t *word, uint64_t expected) {
  _umonitor(word);
  if (__atomic_load_n(word, __ATOMIC_ACQUIRE) == expected) _umwait(1, __rdtsc() + DOZE_CYCLES);
}

/* As long as a few PAUSEs, in the lighter of the two states, because it is woken by nothing but the time. */
__attribute__((target("waitpkg"))) static void nap(void) {
  _tpause(1, __rdtsc() + 2000);
}

static void rest(bool timed) {
  if (timed && has_waitpkg) nap();
  else for (int count = 0; count < 16; count++) _mm_pause();
}

typedef struct {
  uint32_t *abort;
  uint64_t timeout_ns;
  bool timed;
} Wait;

/* The last three arguments of every wait that can be aborted: abortOffset, timeoutNs, timed. */
static bool wait_of(napi_env env, const napi_value *values, const Bytes *bytes, Wait *wait) {
  uint64_t offset;
  if (!whole(env, values[0], "abortOffset", &offset) || !whole(env, values[1], "timeoutNs", &wait->timeout_ns)) return false;
  if (napi_get_value_bool(env, values[2], &wait->timed) != napi_ok) {
    fail(env, "BAD_ARGUMENT", "timed is not a boolean");
    return false;
  }
  if (offset + 4 > bytes->size_bytes) {
    fail(env, "OUT_OF_RANGE", "the abort word is not inside the memory");
    return false;
  }
  wait->abort = (uint32_t *)(bytes->data + offset);
  if ((uintptr_t)wait->abort % 4 != 0) {
    fail(env, "UNALIGNED", "the abort word is not aligned");
    return false;
  }
  if (wait->timeout_ns > WAIT_LIMIT_NS) {
    fail(env, "BAD_ARGUMENT", "timeoutNs must be at most %u", WAIT_LIMIT_NS);
    return false;
  }
  return true;
}

static bool is_aborted(const Wait *wait) {
  return __atomic_load_n(wait->abort, __ATOMIC_ACQUIRE) != 0;
}

/* waitForFlag(memory, offset, flag, abortOffset, timeoutNs, timed): true once the top bit of the word is `flag`; false at the
   deadline, or when the abort word is not 0. */
static napi_value wait_for_flag(napi_env env, napi_callback_info info) {
  Arguments arguments;
  Bytes bytes;
  uint64_t offset, flag;
  Wait wait;
  if (!take(env, info, 6, &arguments) || !bytes_of(env, arguments.values[0], &bytes) ||
      !whole(env, arguments.values[1], "offset", &offset) || !whole(env, arguments.values[2], "flag", &flag) ||
      !wait_of(env, arguments.values + 3, &bytes, &wait))
    return NULL;
  if (flag > 1) return fail(env, "BAD_ARGUMENT", "the flag is 0 or 1");
  if (offset + 8 > bytes.size_bytes) return fail(env, "OUT_OF_RANGE", "the word is not inside the memory");
  uint64_t *word = (uint64_t *)(bytes.data + offset);
  if ((uintptr_t)word % 8 != 0) return fail(env, "UNALIGNED", "the word is not aligned");
  const bool dozes = wait.timed && has_waitpkg;
  const uint64_t deadline = monotonic() + wait.timeout_ns;
  bool is_there = false;
  for (uint64_t looks = 1;; looks++) {
    const uint64_t seen = __atomic_load_n(word, __ATOMIC_ACQUIRE);
    is_there = seen >> 63 == flag;
    if (is_there || is_aborted(&wait)) break;
    if ((dozes || looks % 32 == 0) && monotonic() >= deadline) break;
    if (dozes) doze(word, seen);
    else _mm_pause();
  }
  napi_value result;
  napi_get_boolean(env, is_there, &result);
  return result;
}

/* pauseFor(memory, abortOffset, timeoutNs, timed): until the time is over, or the abort word is not 0. */
static napi_value pause_for(napi_env env, napi_callback_info info) {
  Arguments arguments;
  Bytes bytes;
  Wait wait;
  if (!take(env, info, 4, &arguments) || !bytes_of(env, arguments.values[0], &bytes) ||
      !wait_of(env, arguments.values + 1, &bytes, &wait))
    return NULL;
  const uint64_t deadline = monotonic() + wait.timeout_ns;
  while (!is_aborted(&wait) && monotonic() < deadline) rest(wait.timed);
  return undefined(env);
}

/* yieldCpu(): lets another thread of this core run, if one wants to. */
static napi_value yield_cpu(napi_env env, napi_callback_info info) {
  (void)info;
  sched_yield();
  return undefined(env);
}

/* waitWhile(memory, offset, expected, timeoutNs): true as soon as the word differs, false at the deadline. */
static napi_value wait_while(napi_env env, napi_callback_info info) {
  Arguments arguments;
  Bytes bytes;
  uint64_t offset, expected, timeout_ns;
  bool lossless;
  if (!take(env, info, 4, &arguments) || !bytes_of(env, arguments.values[0], &bytes) ||
      !whole(env, arguments.values[1], "offset", &offset) || !whole(env, arguments.values[3], "timeoutNs", &timeout_ns))
    return NULL;
  if (napi_get_value_bigint_uint64(env, arguments.values[2], &expected, &lossless) != napi_ok || !lossless)
    return fail(env, "BAD_ARGUMENT", "expected is not a bigint of 64 bits");
  if (offset + 8 > bytes.size_bytes) return fail(env, "OUT_OF_RANGE", "the word is not inside the memory");
  uint64_t *word = (uint64_t *)(bytes.data + offset);
  if ((uintptr_t)word % 8 != 0) return fail(env, "UNALIGNED", "the word is not aligned");
  const uint64_t deadline = monotonic() + timeout_ns;
  uint64_t sleep_ns = 1000;
  for (uint64_t looks = 1;; looks++) {
    if (__atomic_load_n(word, __ATOMIC_ACQUIRE) != expected) break;
    if (looks % 64 != 0) {
      if (has_waitpkg) doze(word, expected);
      else _mm_pause();
      continue;
    }
    const uint64_t now = monotonic();
    if (now >= deadline) break;
    if (looks < 4096) continue;
    const struct timespec nap = {0, (long)(sleep_ns < deadline - now ? sleep_ns : deadline - now)};
    nanosleep(&nap, NULL);
    if (sleep_ns < 1000000) sleep_ns *= 2;
  }
  napi_value result;
  napi_get_boolean(env, __atomic_load_n(word, __ATOMIC_ACQUIRE) != expected, &result);
  return result;
}

/* ---------------------------------------------------------------- heartbeat */

typedef struct {
  bool used;
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t condition;
  bool stopping;
  uint64_t *word;
  uint64_t interval_ms;
  napi_env env;
  napi_ref memory;
} Heartbeat;

static Heartbeat heartbeats[HEARTBEAT_LIMIT];
static pthread_mutex_t heartbeats_mutex = PTHREAD_MUTEX_INITIALIZER;

static void *beat(void *argument) {
  Heartbeat *heartbeat = argument;
  prctl(PR_SET_NAME, "heartbeat");
  pthread_mutex_lock(&heartbeat->mutex);
  while (!heartbeat->stopping) {
    __atomic_fetch_add(heartbeat->word, 1, __ATOMIC_RELEASE);
    struct timespec next;
    clock_gettime(CLOCK_MONOTONIC, &next);
    const uint64_t ns = (uint64_t)next.tv_nsec + heartbeat->interval_ms * 1000000u;
    next.tv_sec += (time_t)(ns / 1000000000u);
    next.tv_nsec = (long)(ns % 1000000000u);
    pthread_cond_timedwait(&heartbeat->condition, &heartbeat->mutex, &next);
  }
  pthread_mutex_unlock(&heartbeat->mutex);
  return NULL;
}

static void end_heartbeat(Heartbeat *heartbeat) {
  pthread_mutex_lock(&heartbeat->mutex);
  heartbeat->stopping = true;
  pthread_cond_signal(&heartbeat->condition);
  pthread_mutex_unlock(&heartbeat->mutex);
  pthread_join(heartbeat->thread, NULL);
  pthread_cond_destroy(&heartbeat->condition);
  pthread_mutex_destroy(&heartbeat->mutex);
  heartbeat->used = false;
}

/* The memory may go with its environment; its beats must stop before. */
static void end_heartbeat_of_environment(void *argument) {
  pthread_mutex_lock(&heartbeats_mutex);
  Heartbeat *heartbeat = argument;
  if (heartbeat->used) end_heartbeat(heartbeat);
  pthread_mutex_unlock(&heartbeats_mutex);
}

/* startHeartbeat(memory, offset, intervalMs): number of the heartbeat, for stopHeartbeat. */
static napi_value start_heartbeat(napi_env env, napi_callback_info info) {
  Arguments arguments;
  Bytes bytes;
  uint64_t offset, interval_ms;
  if (!take(env, info, 3, &arguments) || !bytes_of(env, arguments.values[0], &bytes) ||
      !whole(env, arguments.values[1], "offset", &offset) || !whole(env, arguments.values[2], "intervalMs", &interval_ms))
    return NULL;
  if (offset + 8 > bytes.size_bytes) return fail(env, "OUT_OF_RANGE", "the word is not inside the memory");
  if (((uintptr_t)bytes.data + offset) % 8 != 0) return fail(env, "UNALIGNED", "the word is not aligned");
  if (interval_ms < HEARTBEAT_LEAST_MS || interval_ms > 60000)
    return fail(env, "BAD_ARGUMENT", "intervalMs must be from %u to 60000", HEARTBEAT_LEAST_MS);

  pthread_mutex_lock(&heartbeats_mutex);
  int free_index = -1;
  for (int index = 0; index < HEARTBEAT_LIMIT && free_index < 0; index++)
    if (!heartbeats[index].used) free_index = index;
  if (free_index < 0) {
    pthread_mutex_unlock(&heartbeats_mutex);
    return fail(env, "FULL", "there are %d heartbeats in this process already", HEARTBEAT_LIMIT);
  }
  Heartbeat *heartbeat = &heartbeats[free_index];
  memset(heartbeat, 0, sizeof *heartbeat);
  heartbeat->word = (uint64_t *)(bytes.data + offset);
  heartbeat->interval_ms = interval_ms;
  heartbeat->env = env;
  pthread_mutex_init(&heartbeat->mutex, NULL);
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&heartbeat->condition, &attributes);
  pthread_condattr_destroy(&attributes);

  /* Signals belong to the threads of Node. */
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 65536);
  const int created = pthread_create(&heartbeat->thread, &small, beat, heartbeat);
  pthread_attr_destroy(&small);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  heartbeat->used = created == 0;
  pthread_mutex_unlock(&heartbeats_mutex);
  if (created != 0) return fail(env, "NO_THREAD", "the heartbeat's thread cannot be started: %s", strerror(created));
  napi_create_reference(env, arguments.values[0], 1, &heartbeat->memory);
  napi_add_env_cleanup_hook(env, end_heartbeat_of_environment, heartbeat);
  return number(env, free_index);
}

/* stopHeartbeat(number): returns once the last beat is over; a second time does nothing. */
static napi_value stop_heartbeat(napi_env env, napi_callback_info info) {
  Arguments arguments;
  uint64_t index;
  if (!take(env, info, 1, &arguments) || !whole(env, arguments.values[0], "number", &index)) return NULL;
  if (index >= HEARTBEAT_LIMIT) return fail(env, "BAD_ARGUMENT", "there is no heartbeat with this number");
  pthread_mutex_lock(&heartbeats_mutex);
  Heartbeat *heartbeat = &heartbeats[index];
  if (heartbeat->used && heartbeat->env == env) {
    end_heartbeat(heartbeat);
    napi_remove_env_cleanup_hook(env, end_heartbeat_of_environment, heartbeat);
    napi_delete_reference(env, heartbeat->memory);
  }
  pthread_mutex_unlock(&heartbeats_mutex);
  return undefined(env);
}

/* ---------------------------------------------------------------- life and death */

/* setParentDeathSignal(parent): this process dies with that parent; false when it is gone already. 0: with none, from here on. */
static napi_value set_parent_death_signal(napi_env env, napi_callback_info info) {
  Arguments arguments;
  uint64_t parent;
  if (!take(env, info, 1, &arguments) || !whole(env, arguments.values[0], "parent", &parent)) return NULL;
  if (prctl(PR_SET_PDEATHSIG, parent == 0 ? 0 : SIGKILL) != 0) return fail(env, "REFUSED", "PR_SET_PDEATHSIG: %s", strerror(errno));
  napi_value alive;
  napi_get_boolean(env, parent == 0 || (uint64_t)getppid() == parent, &alive);
  return alive;
}

/* die(): SIGKILL to this process; never returns. */
static napi_value die(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  kill(getpid(), SIGKILL);
  for (;;) pause();
  return NULL;
}

/*
 * stop(): SIGSTOP to this very thread, which takes all others with it; returns when somebody continues the process. To the process it might
 * be taken by another thread first, and this one would run on meanwhile.
 */
static napi_value stop(napi_env env, napi_callback_info info) {
  (void)info;
  if (syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGSTOP) != 0) return fail(env, "REFUSED", "SIGSTOP: %s", strerror(errno));
  return undefined(env);
}

/* cpuFeatures(): which of the newer instructions this CPU reports. */
static napi_value cpu_features(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value result, value;
  napi_create_object(env, &result);
  napi_get_boolean(env, has_clwb, &value);
  napi_set_named_property(env, result, "clwb", value);
  napi_get_boolean(env, has_clflushopt, &value);
  napi_set_named_property(env, result, "clflushopt", value);
  napi_get_boolean(env, has_waitpkg, &value);
  napi_set_named_property(env, result, "waitpkg", value);
  return result;
}

static void detect_features(void) {
  unsigned int eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return;
  has_clflushopt = (ebx >> 23) & 1;
  has_clwb = (ebx >> 24) & 1;
  has_waitpkg = (ecx >> 5) & 1;
}

NAPI_MODULE_INIT() {
  detect_features();
  const struct {
    const char *name;
    napi_callback function;
  } functions[] = {
      {"misalignment", misalignment},
      {"map", map},
      {"unmap", unmap},
      {"flush", flush},
      {"writeBack", write_back},
      {"prefetch", prefetch},
      {"storeNonTemporal", store_non_temporal},
      {"monotonicNs", monotonic_ns},
      {"clockReadNs", clock_read_ns},
      {"tsc", tsc},
      {"tscFrequencyHz", tsc_frequency},
      {"waitWhile", wait_while},
      {"waitForFlag", wait_for_flag},
      {"pauseFor", pause_for},
      {"yieldCpu", yield_cpu},
      {"startHeartbeat", start_heartbeat},
      {"stopHeartbeat", stop_heartbeat},
      {"setParentDeathSignal", set_parent_death_signal},
      {"die", die},
      {"stop", stop},
      {"cpuFeatures", cpu_features},
  };
  for (size_t index = 0; index < sizeof functions / sizeof functions[0]; index++) {
    napi_value function;
    napi_create_function(env, functions[index].name, NAPI_AUTO_LENGTH, functions[index].function, NULL, &function);
    napi_set_named_property(env, exports, functions[index].name, function);
  }
  return exports;
}
