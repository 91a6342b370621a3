/** A pool with a small heap on a tmpfs, threads of this process that have it open, and the audit. */
import { inspectPool } from '../../src/inspect/index.ts';
import { type Core, formatPool, type HeapOptions, instantiateCore, joinPool, mapPool } from '../../src/pool/pool.ts';
import { type HeapClient, HeapError, type OpenOptions, openHeap } from '../../src/shm/index.ts';
import { type PoolFiles, poolFiles, poolSizeBytes } from '../pool/pool-files.ts';

/** 64 KiB segments of 4 KiB pages; the era matrix of 8 clients. */
export const smallHeap: HeapOptions = { clients: 8, names: 8, queues: 8, queueCapacity: 8, pageBytes: 4096, segmentBytes: 65536 };

export interface HeapPool extends Disposable {
  readonly files: PoolFiles;
  readonly cores: readonly Core[];
  readonly heaps: readonly HeapClient[];
  /** What is wrong with the pool, in sentences. */
  audit(): readonly string[];
  /** Objects that live. */
  objects(): number;
}

/** A formatted pool and `threads` cores; none has joined. */
export function heapPool(threads: number, heap: HeapOptions | false = smallHeap): HeapPool {
  const files = poolFiles();
  const mapped = mapPool(files);
  const cores = Array.from({ length: threads }, (_, thread) => instantiateCore(mapped, { thread }));
  formatPool(cores[0]!, { machineNumber: 1, heap });
  const inspect = () => inspectPool(cores[0]!.pool, poolSizeBytes);
  return {
    files,
    cores,
    heaps: [],
    audit: () => inspect().problems,
    objects: () => inspect().heap?.objects ?? Number.NaN,
    [Symbol.dispose]: () => files[Symbol.dispose](),
  };
}

/** The same, with all threads joined, each as a machine of its own, and the heap open. */
export function openHeaps(threads: number, options: OpenOptions & { readonly heap?: HeapOptions } = {}): HeapPool {
  const { heap, ...open } = options;
  const pool = heapPool(threads, heap ?? smallHeap);
  const heaps = pool.cores.map((core, thread) => {
    joinPool(core, { machineNumber: thread + 1 });
    return openHeap(core, open);
  });
  return { ...pool, heaps };
}

/** The code of the HeapError that this throws. */
export function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof HeapError) return error.code;
    throw error;
  }
  return 'nothing was refused';
}

/** Writes a 64-bit number over the pool, as no client should. Returns how to take it back. */
export function overwrite(core: Core, offset: number, value: bigint): () => void {
  const word = new DataView(core.pool.buffer, core.pool.byteOffset + offset, 8);
  const before = word.getBigUint64(0, true);
  word.setBigUint64(0, value, true);
  return () => word.setBigUint64(0, before, true);
}
