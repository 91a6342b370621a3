/** How far a workload is: what faults that strike at so many operations wait for. */
import { setTimeout as after } from 'node:timers/promises';
import { openHistoryCount } from '@cxlpod/agent/history';
import { openTransactionCount } from '@cxlpod/agent/inspect';
import type { PodPaths } from '../provider/provider.ts';

const lookEveryMs = 10;

export interface Progress {
  /** Operations of this run that have ended: those in the history; while it has none, transactions of the heap. */
  operations(): number;
  /** Resolves with the number reached, or with null when `signal` gives up first. */
  reach(operations: number, signal: AbortSignal): Promise<number | null>;
  close(): void;
}

export function openProgress(
  { historyFile, poolFile }: Pick<PodPaths, 'historyFile' | 'poolFile'>,
  firstTicket: number,
): Progress {
  const history = openHistoryCount(historyFile, firstTicket);
  const heap = openTransactionCount(poolFile);
  const operations = (): number => history.ends() || (heap?.since() ?? 0);
  return {
    operations,
    reach: async (wanted, signal) => {
      while (!signal.aborted) {
        const reached = operations();
        if (reached >= wanted) return reached;
        await after(lookEveryMs, undefined, { signal }).catch(() => {});
      }
      return null;
    },
    close: () => {
      history.close();
      heap?.close();
    },
  };
}
