/** Every workload that a scenario can name. */
import { calls } from './calls.ts';
import { handOver } from './hand-over.ts';
import { heapFullFailure, heapPartialFailure } from './heap-failure.ts';
import { kMeans } from './k-means.ts';
import { kv } from './kv.ts';
import { naiveCounting } from './naive-counting.ts';
import { ping } from './ping.ts';
import { shbench } from './shbench.ts';
import { threadtest } from './threadtest.ts';
import { wordCount } from './word-count.ts';

export const workloads = {
  ping,
  calls,
  threadtest,
  shbench,
  'hand-over': handOver,
  'word-count': wordCount,
  'k-means': kMeans,
  kv,
  'heap-partial-failure': heapPartialFailure,
  'heap-full-failure': heapFullFailure,
  'naive-counting': naiveCounting,
} as const;
export type WorkloadName = keyof typeof workloads;
