/** This run's part of a pod's history: a history lives as long as its pod, many runs write into it, and one that finds it rather full begins it anew. */
import { clearHistory, drawnTickets, readHistoryFile } from '@cxlpod/agent/history';
import type { RunHistory } from './evidence.ts';

const recordBytes = 64;
/** What is left must do for one run. */
const fullShare = 0.25;

/** Earlier runs have their parts in their folders. Only while no worker is on the pod. */
export function makeRoom(historyFile: string, sizeBytes: number): void {
  if (drawnTickets(historyFile) * recordBytes > sizeBytes * fullShare) clearHistory(historyFile);
}

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
