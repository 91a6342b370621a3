/** Waits until a process of this run has passed the crash point that it was armed with, by what it wrote into the history there. */
import { setTimeout as delay } from 'node:timers/promises';
import { followHistory, type HistoryRecord } from '@cxlpod/agent/history';
import type { LastWords } from '../checks/read-calls.ts';

const lookEveryMs = 20;

/** Those of a process that began after `firstTicket` was drawn; null when `signal` gives up first. */
export async function untilLastWords(
  process: { readonly machineNumber: number; readonly pid: number },
  { historyFile, firstTicket }: { readonly historyFile: string; readonly firstTicket: number },
  signal: AbortSignal,
): Promise<LastWords | null> {
  const history = followHistory(historyFile, firstTicket);
  try {
    while (!signal.aborted) {
      const found = history.news().find((record): record is LastWords => isLastWordsOf(record, process));
      if (found !== undefined) return found;
      await delay(lookEveryMs, undefined, { signal }).catch(() => {});
    }
    return null;
  } finally {
    history.close();
  }
}

function isLastWordsOf(
  { kind, machine, pid }: HistoryRecord,
  process: { readonly machineNumber: number; readonly pid: number },
): boolean {
  return kind === 'last-words' && machine === process.machineNumber && pid === process.pid;
}
