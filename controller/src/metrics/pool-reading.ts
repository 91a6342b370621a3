/** What can be read from the files of a pod without stopping anybody: the control part of its pool, the tables of its heap, its history. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { type HistoryCounts, openHistoryCount } from '@cxlpod/agent/history';
import { type HeapUse, type InspectedClient, inspectPool, readHeapUse } from '@cxlpod/agent/inspect';
import { controlBytes } from '@cxlpod/agent/layout';
import { type ConnectionFigures, readStatistics } from '@cxlpod/agent/statistics';

export interface PoolReading {
  /** Of this process's clock. */
  readonly atMs: number;
  readonly connections: readonly ConnectionFigures[];
  /** Every slot that is or was in use. */
  readonly clients: readonly InspectedClient[];
  /** Null for a pool without one. */
  readonly heap: HeapUse | null;
  /** Null where there is no history. */
  readonly history: HistoryCounts | null;
}

export interface PoolReader {
  /** Throws the system's error, or an Error for what is no pool of this build. */
  read(): PoolReading;
  close(): void;
}

/** Keeps its place in the history, so that each reading looks only at what is new. */
export function openPoolReader(poolFile: string, historyFile: string | null): PoolReader {
  const history = historyFile === null ? null : openHistoryCount(historyFile, 0);
  return {
    read: () => {
      const { control, sizeBytes } = readControl(poolFile);
      return {
        atMs: performance.now(),
        connections: readStatistics(control),
        clients: inspectPool(control, sizeBytes).clients,
        heap: readHeapUse(poolFile),
        history: history?.counts() ?? null,
      };
    },
    close: () => history?.close(),
  };
}

function readControl(poolFile: string): { readonly control: Uint8Array; readonly sizeBytes: number } {
  const file = openSync(poolFile, 'r');
  try {
    const sizeBytes = fstatSync(file).size;
    const control = new Uint8Array(Math.min(sizeBytes, controlBytes));
    for (let at = 0; at < control.length; ) {
      const read = readSync(file, control, at, control.length - at, at);
      if (read === 0) break;
      at += read;
    }
    return { control, sizeBytes };
  } finally {
    closeSync(file);
  }
}
