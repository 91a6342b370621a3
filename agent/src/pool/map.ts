/// <reference path="./web-assembly.d.ts" />
/** Maps pool and history over one shared WebAssembly memory: from then on the linear memory *is* the device (design D2). */

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

/** Throws PoolError: POOL_NOT_FOUND, POOL_TRUNCATED, POOL_TOO_LARGE, POOL_UNALIGNED, MAP_FAILED, ADDON_MISSING. Once per process. */
export function mapPool(_options: MapOptions): MappedPool {
  throw new Error('not built yet');
}

/** Makes every bounded loop of every thread of this process return ABORTED soon. */
export function abort(_mapped: MappedPool): void {
  throw new Error('not built yet');
}

/** Lets the loops run again; call before a new task. */
export function clearAbort(_mapped: MappedPool): void {
  throw new Error('not built yet');
}
