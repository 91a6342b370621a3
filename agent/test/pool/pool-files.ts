/** Pool and history as files on a tmpfs, removed with the test. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type Core, formatPool, instantiateCore, joinPool, type MapOptions, mapPool } from '../../src/pool/pool.ts';

export const poolSizeBytes = 4 * 1024 * 1024;
export const historySizeBytes = 64 * 1024;

export interface PoolFiles extends MapOptions, Disposable {}

export function poolFiles(sizes: { readonly poolSizeBytes?: number; readonly historySizeBytes?: number } = {}): PoolFiles {
  const { poolSizeBytes: poolBytes = poolSizeBytes, historySizeBytes: historyBytes = historySizeBytes } = sizes;
  const folder = mkdtempSync(`/dev/shm/${basename(tmpdir())}-`);
  const poolPath = join(folder, 'pool.raw');
  const historyPath = join(folder, 'history.raw');
  for (const [path, sizeBytes] of [
    [poolPath, poolBytes],
    [historyPath, historyBytes],
  ] as const) {
    writeFileSync(path, '');
    truncateSync(path, sizeBytes);
  }
  return {
    poolPath,
    poolSizeBytes: poolBytes,
    historyPath,
    historySizeBytes: historyBytes,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** `count` threads of one process in a formatted pool, each joined as a machine of its own. */
export function joinedCores(files: MapOptions, count: number): Core[] {
  const mapped = mapPool(files);
  return Array.from({ length: count }, (_, thread) => {
    const core = instantiateCore(mapped, { thread });
    formatPool(core, { machineNumber: 1 });
    joinPool(core, { machineNumber: thread + 1 });
    return core;
  });
}
