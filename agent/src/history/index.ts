export { clearHistory, drawnTickets } from './clear.ts';
export { type HistoryCount, type HistoryCounts, openHistoryCount } from './count.ts';
export { type FollowedHistory, followHistory } from './follow.ts';
export { queueItem, queueOf } from './queue-item.ts';
export { type History, type HistoryRecord, readHistory, readHistoryFile } from './read.ts';
export { type Operation, type Outcome, operations, outcomes, recordEnd, recordInvoke } from './record.ts';
