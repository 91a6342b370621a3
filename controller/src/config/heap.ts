/** The heap of a pool (CXL-SHM) in a topology: how its tables are cut, and what is done and promised against which deaths. */
import { type Coherence, coherences, type FlushPolicy, flushPolicies, type HeapParameters } from '@cxlpod/agent/protocol';
import { z } from 'zod';
import { printSize, size } from './quantities.ts';

/** As the core bounds them (agent/core/shm/shape.ts). */
const clientLimit = 256;
const tableLimit = 65_536;
const segmentPageLimit = 64;
const pageLimits = { least: 512, most: 64 * 1024 } as const;
const segmentLimitBytes = 4 * 1024 * 1024;
const queueCapacityLimits = { least: 8, most: 1024 } as const;
/** Bytes that an entry of each table takes. */
const nameBytes = 128;
const queueHeaderBytes = 256;

export const heapSchema = z.strictObject({
  /** Who may open it at once; the era matrix takes 8 bytes times its square. */
  clients: z.number().int().min(1).max(clientLimit).default(clientLimit),
  /** What is cut into blocks of one size at a time; null: as the pool's size asks for. */
  pageSize: size.nullable().default(null),
  /** What a client holds at least, and the grain of quotas: 1 to 64 pages; null: as the pool's size asks for. */
  segmentSize: size.nullable().default(null),
  /** Named roots. */
  names: z.number().int().min(1).max(tableLimit).default(64),
  /** Queues that are open at once in the whole pool. */
  queues: z.number().int().min(1).max(tableLimit).default(256),
  /** References that a queue holds. */
  queueCapacity: z.number().int().min(queueCapacityLimits.least).max(queueCapacityLimits.most).default(64),
  /** Against what the pool is written back: nothing, the death of processes, the loss of machines with their caches. */
  flushPolicy: z.enum(flushPolicies).default('none'),
  /** What the device promises between machines. On one that promises nothing, the heap is refused. */
  coherence: z.enum(coherences).default('hardware'),
});

type HeapSource = z.output<typeof heapSchema>;

/** With every default but the sizes that follow the pool's. */
export interface HeapTopology {
  readonly clients: number;
  readonly pageBytes: number | null;
  readonly segmentBytes: number | null;
  readonly names: number;
  readonly queues: number;
  readonly queueCapacity: number;
  readonly flushPolicy: FlushPolicy;
  readonly coherence: Coherence;
}

/** Tells what cannot be, by key. */
export function checkHeap(heap: HeapSource, poolBytes: number, refuse: (key: keyof HeapSource, message: string) => void): void {
  const { pageSize, segmentSize } = heap;
  for (const key of ['names', 'queueCapacity'] as const) {
    if (!isPowerOfTwo(heap[key])) refuse(key, 'must be a power of two');
  }
  if (pageSize !== null && (!isPowerOfTwo(pageSize) || pageSize < pageLimits.least || pageSize > pageLimits.most)) {
    refuse('pageSize', 'must be a power of two from 0.5KiB to 64KiB');
  }
  if (segmentSize !== null && (!isPowerOfTwo(segmentSize) || segmentSize > segmentLimitBytes)) {
    refuse('segmentSize', 'must be a power of two of at most 4MiB');
  }
  if (pageSize !== null && segmentSize !== null && (segmentSize < pageSize || segmentSize > pageSize * segmentPageLimit)) {
    refuse('segmentSize', `must be 1 to ${segmentPageLimit} pages of ${printSize(pageSize)}`);
  }
  const tables = heap.names * nameBytes + heap.queues * (queueHeaderBytes + 8 * heap.queueCapacity);
  if (tables > poolBytes / 2) {
    refuse('queues', `must leave half of the pool to objects; names and queues take ${Math.ceil(tables / 1024 ** 2)} MiB`);
  }
}

export function resolveHeap({ pageSize, segmentSize, ...heap }: HeapSource): HeapTopology {
  return { ...heap, pageBytes: pageSize, segmentBytes: segmentSize };
}

/** Back to a file's words. */
export function printHeap({ pageBytes, segmentBytes, ...heap }: HeapTopology): Record<string, unknown> {
  return {
    ...heap,
    pageSize: pageBytes === null ? null : printSize(pageBytes),
    segmentSize: segmentBytes === null ? null : printSize(segmentBytes),
  };
}

/** For the agent that formats. */
export function heapParameters({ pageBytes, segmentBytes, ...heap }: HeapTopology): HeapParameters {
  return { ...heap, ...(pageBytes === null ? {} : { pageBytes }), ...(segmentBytes === null ? {} : { segmentBytes }) };
}

function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(Math.log2(value));
}
