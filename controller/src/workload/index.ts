/** Every workload that a scenario can name. */
import { calls } from './calls.ts';
import { connections } from './connections.ts';
import { cpuRate } from './cpu-rate.ts';
import { exchange } from './exchange.ts';
import { handOver } from './hand-over.ts';
import { heapFullFailure, heapPartialFailure } from './heap-failure.ts';
import { heapMix } from './heap-mix.ts';
import { idleGaps } from './idle-gaps.ts';
import { kMeans } from './k-means.ts';
import { kv } from './kv.ts';
import { latencyTable } from './latency-table.ts';
import { layouts } from './layouts.ts';
import { migration } from './migration.ts';
import { naiveCounting } from './naive-counting.ts';
import { ping } from './ping.ts';
import { pooling } from './pooling.ts';
import { program } from './program.ts';
import { sharingModes } from './sharing-modes.ts';
import { shbench } from './shbench.ts';
import { sizeSweep } from './size-sweep.ts';
import { threadtest } from './threadtest.ts';
import { windowSweep } from './window-sweep.ts';
import { wordCount } from './word-count.ts';

export const workloads = {
  ping,
  'latency-table': latencyTable,
  'window-sweep': windowSweep,
  'size-sweep': sizeSweep,
  connections,
  layouts,
  'sharing-modes': sharingModes,
  'cpu-rate': cpuRate,
  'idle-gaps': idleGaps,
  calls,
  threadtest,
  shbench,
  'hand-over': handOver,
  'word-count': wordCount,
  'k-means': kMeans,
  kv,
  'heap-partial-failure': heapPartialFailure,
  'heap-full-failure': heapFullFailure,
  'heap-mix': heapMix,
  'naive-counting': naiveCounting,
  exchange,
  pooling,
  migration,
  program,
} as const;
export type WorkloadName = keyof typeof workloads;
