// Private to one process and never in the pool: where a thread keeps what must survive from one exported call to the next.

/** First line of the scratch, shared by the threads of the process. */
@unmanaged
export class ProcessScratch {
  /** Not 0: every bounded loop of this process ends soon with ABORTED. */
  abort: u32;
  reserved0: u32;
}

/** First part of a thread's block. */
@unmanaged
export class ThreadScratch {
  /** This thread's place in the client table, plus one; 0 before it joined. */
  selfPlusOne: u32;
  incarnation: u32;
  machine: u32;
  process: u32;
  thread: u32;
  /** How often the armed crash point was passed, and the passage at which to die. */
  hits: u32;
  armedHit: u32;
  reserved0: u32;
  /** Session of the gate, and barriers reached in it. */
  gateSession: u64;
  gateRound: u64;
  /** Of the clock exchange: the last question seen or asked. */
  clockNumber: u64;
  /** Bits of f64: when the question left, what the other clock said, when the answer was seen. */
  clockSent: u64;
  clockServer: u64;
  clockReceived: u64;
  /** Of the bounced word: rounds still to start, and rounds answered. */
  wordLeft: u64;
  wordRounds: u64;
}

/** One side of one connection, as its thread remembers it. */
@unmanaged
export class Handle {
  /** HANDLE_*. */
  role: u32;
  slot: u32;
  epoch: u32;
  /** The other side's client id plus one; 0 while unknown. */
  peerPlusOne: u32;
  peerIncarnation: u32;
  capacityLog2: u32;
  payloadBytes: u32;
  strideBytes: u32;
  /** Of a server: a valid request waits for its reply. Of a caller: a request buffer is handed out. */
  taken: u32;
  /** Where the message being worked on lies, and its payload's length. */
  messageOffset: u32;
  messageBytes: u32;
  /** The slot has been given up in a bad way; only `close` is left. */
  broken: u32;
  /** Index of the next entry to publish, and of the next to read. */
  produced: u64;
  consumed: u64;
  /** The other side's counter as last read. */
  credit: u64;
  served: u64;
  refused: u64;
}

export const SCRATCH_BYTES: u32 = 65536;
export const SCRATCH_ABORT_OFFSET: u32 = 0;
export const SCRATCH_THREADS_OFFSET: u32 = 4096;
export const SCRATCH_THREAD_BYTES: u32 = 3840;
export const THREAD_LIMIT: u32 = 16;
/** Where a service's name is handed over. */
export const SCRATCH_NAME_OFFSET: u32 = 128;
export const SCRATCH_HANDLES_OFFSET: u32 = 256;
export const HANDLE_BYTES: u32 = 128;
export const HANDLE_COUNT: u32 = 16;

export const HANDLE_FREE: u32 = 0;
export const HANDLE_SERVER: u32 = 1;
export const HANDLE_CALLER: u32 = 2;
