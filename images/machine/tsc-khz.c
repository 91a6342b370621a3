// Prints the frequency of this host's time-stamp counter in kHz. The guest's counter is the host's, and a guest that has to
// find out by itself on over-committed cores was seen to be wrong by a factor of ten: its clock ran ten times too fast.
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

enum { attempts = 200, apartUs = 20000 };

struct moment {
  uint64_t ticks;
  int64_t ns;
};

// Both clocks at one moment: of many attempts the one that took least, since any other may have been interrupted.
static struct moment now(void) {
  struct moment best = {0};
  uint64_t bestTicks = UINT64_MAX;
  for (int attempt = 0; attempt < attempts; attempt++) {
    struct timespec t;
    uint64_t before = __rdtsc();
    clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    uint64_t ticks = __rdtsc() - before;
    if (ticks >= bestTicks) continue;
    bestTicks = ticks;
    best = (struct moment){before + ticks / 2, t.tv_sec * 1000000000ll + t.tv_nsec};
  }
  return best;
}

int main(void) {
  struct moment start = now();
  usleep(apartUs);
  struct moment end = now();
  printf("%.0f\n", (double)(end.ticks - start.ticks) * 1e6 / (double)(end.ns - start.ns));
}
