import { closeSync, existsSync, mkdtempSync, openSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Requests } from '../../src/protocol/index.ts';

const poolBytes = 8 * 1024 * 1024;
const historyBytes = 4 * 1024 * 1024;

/** A folder on the host's tmpfs, with the two files that machines share. */
export interface PodFiles {
  readonly folder: string;
  configuration(machineNumber: number): Requests['configure']['parameters'];
  remove(): void;
}

export function makePodFiles(): PodFiles {
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), `${basename(tmpdir())}-`));
  const pool = { path: join(folder, 'pool.raw'), sizeBytes: poolBytes };
  const history = { path: join(folder, 'history.raw'), sizeBytes: historyBytes };
  for (const { path, sizeBytes } of [pool, history]) {
    closeSync(openSync(path, 'w'));
    truncateSync(path, sizeBytes);
  }
  return {
    folder,
    configuration: (machineNumber) => ({ machine: `m${machineNumber}`, machineNumber, pool, history }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
