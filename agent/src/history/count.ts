/** Counts the operations that have ended, while the history is being written: each look reads only what is new. */
import { closeSync, openSync, readSync } from 'node:fs';
import { constants, layout } from '../layout/index.ts';

const { HistoryTicket: ticketLine, HistoryRecord: record } = layout;
const chunkRecords = 4096;

export interface HistoryCount {
  /** Ends of operations since the ticket that it was opened with. */
  ends(): number;
  close(): void;
}

export function openHistoryCount(path: string, firstTicket: number): HistoryCount {
  const file = openSync(path, 'r');
  const chunk = Buffer.alloc(chunkRecords * constants.HISTORY_RECORD_BYTES);
  /** Drawn, and not published when last looked at: looked at again. */
  let open: number[] = [];
  let cursor = firstTicket;
  let ends = 0;
  const look = (at: number): 'open' | 'end' | 'other' => {
    if (chunk.readBigUInt64LE(at + record.sequence.offset) === 0n) return 'open';
    return chunk.readUInt32LE(at + record.kind.offset) === constants.RECORD_END ? 'end' : 'other';
  };
  const read = (ticket: number, count: number): number => {
    const bytes = count * constants.HISTORY_RECORD_BYTES;
    const at = constants.HISTORY_RECORDS_OFFSET + ticket * constants.HISTORY_RECORD_BYTES;
    return Math.floor(readSync(file, chunk, 0, bytes, at) / constants.HISTORY_RECORD_BYTES);
  };
  return {
    ends: () => {
      const late = open;
      open = [];
      for (const ticket of late) {
        if (read(ticket, 1) < 1 || look(0) === 'open') open.push(ticket);
        else if (look(0) === 'end') ends++;
      }
      readSync(file, chunk, 0, 8, constants.HISTORY_TICKET_OFFSET + ticketLine.next.offset);
      const next = Number(chunk.readBigUInt64LE(0));
      while (cursor < next) {
        const count = read(cursor, Math.min(chunkRecords, next - cursor));
        // Past the end of the file: the history is full.
        if (count === 0) break;
        for (let index = 0; index < count; index++) {
          const found = look(index * constants.HISTORY_RECORD_BYTES);
          if (found === 'open') open.push(cursor + index);
          else if (found === 'end') ends++;
        }
        cursor += count;
      }
      return ends;
    },
    close: () => closeSync(file),
  };
}
