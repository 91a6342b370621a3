/** A pool of this process's own, on the host's tmpfs, gone with the process. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatPool } from '../pool/format.ts';
import { instantiateCore, type MappedPool, mapPool } from '../pool/pool.ts';

export const machineNumber = 1;
const mib = 1024 * 1024;
const historySizeBytes = mib;

export interface BenchPool {
  readonly mapped: MappedPool;
  [Symbol.dispose](): void;
}

/** Formatted with the default heap. */
export function benchPool(sizeBytes = 512 * mib): BenchPool {
  const folder = mkdtempSync('/dev/shm/cxlpod-heap-bench-');
  try {
    const file = (name: string, bytes: number): string => {
      const path = join(folder, name);
      writeFileSync(path, '');
      truncateSync(path, bytes);
      return path;
    };
    const mapped = mapPool({
      poolPath: file('pool.raw', sizeBytes),
      poolSizeBytes: sizeBytes,
      historyPath: file('history.raw', historySizeBytes),
      historySizeBytes,
    });
    formatPool(instantiateCore(mapped, { thread: 15 }), { machineNumber });
    return { mapped, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
  } catch (error) {
    rmSync(folder, { recursive: true });
    throw error;
  }
}
