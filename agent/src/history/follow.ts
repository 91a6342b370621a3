/** Reads a history while it is being written: each look gives what was published since the last one. */
import { closeSync, openSync, readSync } from 'node:fs';
import { constants, layout } from '../layout/index.ts';
import { type HistoryRecord, readRecord } from './read.ts';

const { HistoryTicket: ticketLine, HistoryRecord: record } = layout;
const chunkRecords = 4096;
/** Records whose writers died before they published them are looked for again and again, so only so many. */
const openLimit = 1024;

export interface FollowedHistory {
  /** In the order of their tickets, but for those that were published late. A record that cannot be read is passed over. */
  news(): readonly HistoryRecord[];
  /** Where the next look begins; what was drawn before it and published after it is found from `firstTicket` only. */
  readonly nextTicket: number;
  close(): void;
}

export function followHistory(path: string, firstTicket: number): FollowedHistory {
  const file = openSync(path, 'r');
  const chunk = Buffer.alloc(chunkRecords * constants.HISTORY_RECORD_BYTES);
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  /** Drawn, and not published when last looked at. */
  let open: number[] = [];
  let cursor = firstTicket;
  const read = (ticket: number, count: number): number => {
    const bytes = count * constants.HISTORY_RECORD_BYTES;
    const at = constants.HISTORY_RECORDS_OFFSET + ticket * constants.HISTORY_RECORD_BYTES;
    return Math.floor(readSync(file, chunk, 0, bytes, at) / constants.HISTORY_RECORD_BYTES);
  };
  const take = (index: number, ticket: number, news: HistoryRecord[]): void => {
    const at = index * constants.HISTORY_RECORD_BYTES;
    if (view.getBigUint64(at + record.sequence.offset, true) === 0n) {
      open.push(ticket);
      return;
    }
    const found = readRecord(view, at, ticket);
    if (typeof found !== 'string') news.push(found);
  };
  return {
    get nextTicket() {
      return cursor;
    },
    news: () => {
      const news: HistoryRecord[] = [];
      const late = open.slice(-openLimit);
      open = [];
      for (const ticket of late) if (read(ticket, 1) === 1) take(0, ticket, news);
      readSync(file, chunk, 0, 8, constants.HISTORY_TICKET_OFFSET + ticketLine.next.offset);
      const next = Number(chunk.readBigUInt64LE(0));
      while (cursor < next) {
        const count = read(cursor, Math.min(chunkRecords, next - cursor));
        // Past the end of the file: the history is full.
        if (count === 0) break;
        for (let index = 0; index < count; index++) take(index, cursor + index, news);
        cursor += count;
      }
      return news;
    },
    close: () => closeSync(file),
  };
}
