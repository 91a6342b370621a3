/** First line of the history. Written once, by the formatter of the pool. */
@unmanaged
export class HistoryHeader {
  /** HISTORY_MAGIC. */
  magic: u64;
  layoutVersion: u64;
  /** How many records fit. */
  capacity: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
}

/** Second line of the history. */
@unmanaged
export class HistoryTicket {
  /** The next ticket; fetch-add by every writer. Tickets from `capacity` on found no room. */
  next: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
  reserved5: u64;
  reserved6: u64;
}

/** One record, one line. Written by the client that drew its ticket. */
@unmanaged
export class HistoryRecord {
  /** Ticket + 1. Published last; anything else means that the record is not there (yet). */
  sequence: u64;
  /** RECORD_*. */
  kind: u32;
  /** Of invoke and end: which operation. Of last words: the crash point. Of the end of a recovery: 0. */
  operation: u32;
  machine: u32;
  process: u32;
  client: u32;
  incarnation: u32;
  /** Pairs an invoke with its end. Of the end of a recovery: the client that was recovered. */
  call: u64;
  /** Of an invoke: its argument. Of an end: its result. Of last words: the passage at which it died. Of the end of a recovery: the incarnation. */
  value: u64;
  /** Of an end. */
  outcome: u32;
  reserved0: u32;
  reserved1: u64;
}

/** "cxlhist\1" read as a little-endian number. */
export const HISTORY_MAGIC: u64 = 0x01747369686c7863;
export const HISTORY_RECORDS_OFFSET: u32 = 4096;
export const HISTORY_TICKET_OFFSET: u32 = 64;
export const HISTORY_RECORD_BYTES: u32 = 64;

export const RECORD_INVOKE: u32 = 1;
export const RECORD_END: u32 = 2;
export const RECORD_LAST_WORDS: u32 = 3;
export const RECORD_RECOVERED: u32 = 4;
