/** Counts what has happened, while the history is being written: each look reads only what is new. */
import { closeSync, openSync, readSync } from 'node:fs';
import { constants, layout } from '../layout/index.ts';

const { HistoryTicket: ticketLine, HistoryRecord: record } = layout;
const chunkRecords = 4096;

export interface HistoryCounts {
  /** Operations that have ended. */
  readonly ends: number;
  /** Clients that died at a crash point, or before a counted access, and said so. */
  readonly lastWords: number;
  /** Dead clients whose recovery has ended. */
  readonly recovered: number;
}

export interface HistoryCount {
  /** Ends of operations since the ticket that it was opened with. */
  ends(): number;
  /** The same with what else has happened since. */
  counts(): HistoryCounts;
  close(): void;
}

export function openHistoryCount(path: string, firstTicket: number): HistoryCount {
  const file = openSync(path, 'r');
  const chunk = Buffer.alloc(chunkRecords * constants.HISTORY_RECORD_BYTES);
  /** Drawn, and not published when last looked at: looked at again. */
  let open: number[] = [];
  let cursor = firstTicket;
  const counts = { ends: 0, lastWords: 0, recovered: 0 };
  /** False when nothing stands there yet. */
  const count = (at: number): boolean => {
    if (chunk.readBigUInt64LE(at + record.sequence.offset) === 0n) return false;
    const kind = chunk.readUInt32LE(at + record.kind.offset);
    if (kind === constants.RECORD_END) counts.ends++;
    else if (kind === constants.RECORD_LAST_WORDS) counts.lastWords++;
    else if (kind === constants.RECORD_RECOVERED) counts.recovered++;
    return true;
  };
  const read = (ticket: number, records: number): number => {
    const bytes = records * constants.HISTORY_RECORD_BYTES;
    const at = constants.HISTORY_RECORDS_OFFSET + ticket * constants.HISTORY_RECORD_BYTES;
    return Math.floor(readSync(file, chunk, 0, bytes, at) / constants.HISTORY_RECORD_BYTES);
  };
  const look = (): void => {
    const late = open;
    open = [];
    for (const ticket of late) {
      if (read(ticket, 1) < 1 || !count(0)) open.push(ticket);
    }
    readSync(file, chunk, 0, 8, constants.HISTORY_TICKET_OFFSET + ticketLine.next.offset);
    const next = Number(chunk.readBigUInt64LE(0));
    // The pool was formatted anew, and its history with it.
    if (next < cursor) {
      open = [];
      cursor = 0;
      Object.assign(counts, { ends: 0, lastWords: 0, recovered: 0 });
    }
    while (cursor < next) {
      const records = read(cursor, Math.min(chunkRecords, next - cursor));
      // Past the end of the file: the history is full.
      if (records === 0) break;
      for (let index = 0; index < records; index++) {
        if (!count(index * constants.HISTORY_RECORD_BYTES)) open.push(cursor + index);
      }
      cursor += records;
    }
  };
  return {
    ends: () => {
      look();
      return counts.ends;
    },
    counts: () => {
      look();
      return { ...counts };
    },
    close: () => closeSync(file),
  };
}
