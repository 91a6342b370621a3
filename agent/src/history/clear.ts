/** Makes a history as if nobody had written into it yet, while everybody has it mapped. */
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { constants, layout } from '../layout/index.ts';

const ticketOffset = constants.HISTORY_TICKET_OFFSET + layout.HistoryTicket.next.offset;
const chunkBytes = 1 << 20;

/** How many tickets were drawn, also those that found no room. */
export function drawnTickets(path: string): number {
  return during(path, 'r', ticketsOf);
}

/** Only while nobody writes: what is written meanwhile may be lost. */
export function clearHistory(path: string): void {
  during(path, 'r+', (file) => {
    const writtenBytes = constants.HISTORY_RECORDS_OFFSET + ticketsOf(file) * constants.HISTORY_RECORD_BYTES;
    const endBytes = Math.min(writtenBytes, fstatSync(file).size);
    const zeros = Buffer.alloc(chunkBytes);
    // Records first: who draws a ticket anew must find its record blank.
    for (let at: number = constants.HISTORY_RECORDS_OFFSET; at < endBytes; at += chunkBytes) {
      writeSync(file, zeros, 0, Math.min(chunkBytes, endBytes - at), at);
    }
    writeSync(file, zeros, 0, 8, ticketOffset);
  });
}

function ticketsOf(file: number): number {
  const word = Buffer.alloc(8);
  readSync(file, word, 0, 8, ticketOffset);
  return Number(word.readBigUInt64LE());
}

function during<T>(path: string, flags: 'r' | 'r+', act: (file: number) => T): T {
  const file = openSync(path, flags);
  try {
    return act(file);
  } finally {
    closeSync(file);
  }
}
