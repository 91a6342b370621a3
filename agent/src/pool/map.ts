/// <reference path="./web-assembly.d.ts" />
/** Maps pool and history over one shared WebAssembly memory: from then on the linear memory *is* the device (design D2). */
import { constants } from '../generated/layout.ts';
import { native } from './native.ts';
import { PoolError, type PoolErrorCode } from './pool-error.ts';

export interface MapOptions {
  /** A regular file, a `/dev/dax*` device, or (history in guests) a PCI `resource2` file of sysfs. */
  readonly poolPath: string;
  readonly poolSizeBytes: number;
  readonly historyPath: string;
  readonly historySizeBytes: number;
}

/** Can be sent to worker threads as it is (`workerData`, `postMessage`): they see the same bytes. */
export interface MappedPool extends MapOptions {
  readonly memory: WebAssembly.Memory;
  /** Address of the pool's first byte in the linear memory. */
  readonly poolBase: number;
  readonly historyBase: number;
  /** Private to this process: the abort word, then one scratch block per thread. */
  readonly scratchBase: number;
}

const wasmPageBytes = 65536;
const hugePageBytes = 2 * 1024 * 1024;
/** wasm32, less room for the scratch and for the alignment of pool and history. */
const mappedLimitBytes = 4 * 1024 * 1024 * 1024 - 3 * hugePageBytes;
/** The first page stays unused, so that address 0 is never a word of ours. */
const scratchBase = wasmPageBytes;

/**
 * Once per process. Throws PoolError: POOL_NOT_FOUND, POOL_TRUNCATED, POOL_TOO_LARGE, POOL_UNALIGNED, MAP_FAILED, ADDON_MISSING.
 */
export function mapPool(options: MapOptions): MappedPool {
  checkSizes(options);
  const least = scratchBase + constants.SCRATCH_BYTES;
  const pages = Math.ceil((least + 2 * hugePageBytes + options.poolSizeBytes + options.historySizeBytes) / wasmPageBytes);
  const memory = reserve(pages, options);
  const bytes = new Uint8Array(memory.buffer);
  const misalignment = native().misalignment(bytes);
  const poolBase = Math.ceil((least + misalignment) / hugePageBytes) * hugePageBytes - misalignment;
  const historyBase = poolBase + roundUp(options.poolSizeBytes, wasmPageBytes);
  mapOne(bytes, poolBase, options.poolSizeBytes, options.poolPath, 'pool');
  mapOne(bytes, historyBase, options.historySizeBytes, options.historyPath, 'history');
  return { ...options, memory, poolBase, historyBase, scratchBase };
}

function checkSizes({ poolPath, poolSizeBytes, historyPath, historySizeBytes }: MapOptions): void {
  if (poolSizeBytes + historySizeBytes > mappedLimitBytes) {
    throw new PoolError(
      'POOL_TOO_LARGE',
      `pool and history of ${poolSizeBytes + historySizeBytes} bytes do not fit into one process`,
      {
        hint: `a process maps at most ${mappedLimitBytes} bytes; make the pool smaller`,
      },
    );
  }
  if (poolSizeBytes < constants.POOL_LEAST_BYTES || poolSizeBytes % hugePageBytes !== 0) {
    throw new PoolError('POOL_UNALIGNED', `${poolPath}: a pool of ${poolSizeBytes} bytes is not a positive multiple of 2 MiB`, {
      hint: 'give the pool a multiple of 256 MiB',
    });
  }
  const historyLeastBytes = constants.HISTORY_RECORDS_OFFSET + constants.HISTORY_RECORD_BYTES;
  if (historySizeBytes < historyLeastBytes || historySizeBytes % 4096 !== 0) {
    throw new PoolError(
      'POOL_UNALIGNED',
      `${historyPath}: a history of ${historySizeBytes} bytes is not a multiple of 4096 from 8192 on`,
    );
  }
}

function reserve(pages: number, options: MapOptions): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  } catch (cause) {
    throw new PoolError('MAP_FAILED', `no address space for a pool of ${options.poolSizeBytes} bytes`, {
      cause,
      hint: 'on a machine with less memory than the pool, set vm.overcommit_memory to 1; check `ulimit -v`',
    });
  }
}

const codeOf: Readonly<Record<string, PoolErrorCode>> = {
  NOT_FOUND: 'POOL_NOT_FOUND',
  TRUNCATED: 'POOL_TRUNCATED',
  UNALIGNED: 'POOL_UNALIGNED',
};

const hintOf: Readonly<Record<string, string>> = {
  NOT_FOUND: 'is the pod up, and the path that of this machine?',
  TRUNCATED: 'the file is shorter than the pod says; `down` and `up` make it again',
  UNALIGNED: 'devices map in multiples of 2 MiB',
};

function mapOne(bytes: Uint8Array, base: number, sizeBytes: number, path: string, what: string): void {
  try {
    native().map(bytes, base, sizeBytes, path, 0);
  } catch (cause) {
    const code = (cause as { code?: string }).code ?? '';
    const hint = hintOf[code];
    throw new PoolError(codeOf[code] ?? 'MAP_FAILED', `the ${what} ${path} cannot be mapped`, {
      cause,
      ...(hint === undefined ? {} : { hint }),
    });
  }
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/** Makes every bounded loop of every thread of this process return ABORTED soon, and wakes those that sleep. */
export function abort(mapped: MappedPool): void {
  const word = abortWord(mapped);
  Atomics.store(word, 0, 1);
  Atomics.notify(word, 0);
}

/** Lets the loops run again; call before a new task. */
export function clearAbort(mapped: MappedPool): void {
  Atomics.store(abortWord(mapped), 0, 0);
}

/** Whether `abort` was called: for loops that run outside the core. */
export function isAborted(mapped: MappedPool): boolean {
  return Atomics.load(abortWord(mapped), 0) !== 0;
}

/** The word itself: a loop of TypeScript may sleep on it with Atomics.wait. */
export function abortWord(mapped: MappedPool): Int32Array<SharedArrayBuffer> {
  return new Int32Array(mapped.memory.buffer, mapped.scratchBase + constants.SCRATCH_ABORT_OFFSET, 1);
}
