import { add64, load64, publish64, recall32, store32, store64 } from '../memory/memory';
import { historyBase, historySizeBytes, threadBase } from '../place/place';
import { ThreadScratch } from '../layout/scratch';
import {
  HISTORY_RECORD_BYTES,
  HISTORY_RECORDS_OFFSET,
  HISTORY_TICKET_OFFSET,
  HistoryRecord,
  HistoryTicket,
  RECORD_END,
  RECORD_INVOKE,
  RECORD_LAST_WORDS,
  RECORD_RECOVERED,
} from '../layout/history';
import { FULL, OK } from '../codes/codes';

/** How many records fit into the history as it is mapped here. */
export function historyCapacity(): u64 {
  return <u64>((historySizeBytes - HISTORY_RECORDS_OFFSET) / HISTORY_RECORD_BYTES);
}

/**
 * Appends one record.
 *
 *   1. draw     Take the next ticket; it is the order of all records of all machines.
 *   2. write    Fill the ticket's line.
 *   3. COMMIT   Publish the sequence, ticket + 1.
 *
 * Dead before 3: the line is never read, and counted as unpublished. Dead after 3: the record stands.
 */
function append(kind: u32, operation: u32, call: u64, value: u64, outcome: u32): i32 {
  const ticket: u64 = add64(historyBase + HISTORY_TICKET_OFFSET + offsetof<HistoryTicket>("next"), 1);
  if (ticket >= historyCapacity()) return FULL;
  const line: usize = historyBase + HISTORY_RECORDS_OFFSET + <usize>ticket * HISTORY_RECORD_BYTES;
  store32(line + offsetof<HistoryRecord>("kind"), kind);
  store32(line + offsetof<HistoryRecord>("operation"), operation);
  store32(line + offsetof<HistoryRecord>("machine"), recall32(threadBase + offsetof<ThreadScratch>("machine")));
  store32(line + offsetof<HistoryRecord>("process"), recall32(threadBase + offsetof<ThreadScratch>("process")));
  store32(line + offsetof<HistoryRecord>("client"), recall32(threadBase + offsetof<ThreadScratch>("selfPlusOne")));
  store32(line + offsetof<HistoryRecord>("incarnation"), recall32(threadBase + offsetof<ThreadScratch>("incarnation")));
  store64(line + offsetof<HistoryRecord>("call"), call);
  store64(line + offsetof<HistoryRecord>("value"), value);
  store32(line + offsetof<HistoryRecord>("outcome"), outcome);
  publish64(line + offsetof<HistoryRecord>("sequence"), ticket + 1); // publishes the record; seen by agent/src/history/read.ts
  return OK;
}

export function lastWords(point: i32, hit: u32): void {
  append(RECORD_LAST_WORDS, <u32>point, 0, <u64>hit, 0);
}

export function recordInvoke(operation: u32, callLow: u32, callHigh: u32, valueLow: u32, valueHigh: u32): i32 {
  return append(RECORD_INVOKE, operation, wide(callLow, callHigh), wide(valueLow, valueHigh), 0);
}

export function recordEnd(operation: u32, callLow: u32, callHigh: u32, outcome: u32, valueLow: u32, valueHigh: u32): i32 {
  return append(RECORD_END, operation, wide(callLow, callHigh), wide(valueLow, valueHigh), outcome);
}

/** By who recovered it, once nothing of it can take effect any more: until then, what it began may. */
export function recordRecovered(client: u32, incarnation: u32): i32 {
  return append(RECORD_RECOVERED, 0, <u64>client, <u64>incarnation, 0);
}

/** Forgets the records of an older history in the same bytes. Only for the formatter. */
export function forgetRecords(): void {
  const next: u64 = load64(historyBase + HISTORY_TICKET_OFFSET + offsetof<HistoryTicket>("next"));
  const capacity: u64 = historyCapacity();
  const written: u64 = next < capacity ? next : capacity;
  for (let ticket: u64 = 0; ticket < written; ticket++) {
    store64(historyBase + HISTORY_RECORDS_OFFSET + <usize>ticket * HISTORY_RECORD_BYTES, 0);
  }
  store64(historyBase + HISTORY_TICKET_OFFSET + offsetof<HistoryTicket>("next"), 0);
}

function wide(low: u32, high: u32): u64 {
  return (<u64>high << 32) | <u64>low;
}
