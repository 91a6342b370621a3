/** This run's part of a pod's history: a history lives as long as its pod, and many runs write into it. */
import { readHistoryFile } from '@cxlpod/agent/history';
import type { RunHistory } from './evidence.ts';

/** The first ticket that a run that starts now will draw, or a later run's records begin with. */
export function nextTicket(historyFile: string): number {
  const { records, unpublished, overflow } = readHistoryFile(historyFile);
  return records.length + unpublished.length + overflow;
}

export function readRunHistory(historyFile: string, firstTicket: number): RunHistory {
  const { records, unpublished, overflow, capacity, problems } = readHistoryFile(historyFile);
  const before = Math.max(0, firstTicket - capacity);
  return {
    records: records.filter(({ ticket }) => ticket >= firstTicket),
    unpublished: unpublished.filter((ticket) => ticket >= firstTicket),
    overflow: Math.max(0, overflow - before),
    problems,
  };
}
