// Private to one process and never in the pool: where a thread keeps what must survive from one exported call to the next.

/** First line of the scratch, shared by the threads of the process. */
@unmanaged
export class ProcessScratch {
  /** Not 0: every bounded loop of this process ends soon with ABORTED. */
  abort: u32;
  /** Threads of this process that wait without sleeping, right now. By TypeScript, with atomics. */
  spinners: u32;
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
  connection: u32;
  epoch: u32;
  /** The other side's client id plus one; 0 while unknown. */
  peerPlusOne: u32;
  peerIncarnation: u32;
  windowLog2: u32;
  payloadBytes: u32;
  strideBytes: u32;
  /** LAYOUT_*, SHARING_* of the connection. */
  layout: u32;
  sharing: u32;
  /** The connection has been given up in a bad way; only `close` is left. */
  broken: u32;
  /** How many calls a caller may have in flight: what the server offered last. */
  offered: u32;
  /** The message that was received last: where its payload lies, its length, its kind. */
  messageOffset: u32;
  messageBytes: u32;
  messageKind: u32;
  /** Low 32 bits of the call for which a caller learnt the offer last. */
  offerAt: u32;
  /** Number of the next call: to send, or to receive. */
  next: u64;
  /** A bit for each slot: a caller's call that it is not done with; a server's request that it has not answered. */
  open: u64;
  served: u64;
  refused: u64;
  /** A bit for each slot of a caller: its call has ended, and the caller has been told. */
  ended: u64;
  /** A bit for each slot of a caller: it is done with the call, which has not ended. */
  late: u64;
  /** A bit for each slot that the last batch left open; 0 once another call was sent. */
  batched: u64;
}

export const SCRATCH_BYTES: u32 = 262144;
export const SCRATCH_ABORT_OFFSET: u32 = 0;
export const SCRATCH_THREADS_OFFSET: u32 = 4096;
export const SCRATCH_THREAD_BYTES: u32 = 16128;
export const THREAD_LIMIT: u32 = 16;
/** Where a service's name is handed over. */
export const SCRATCH_NAME_OFFSET: u32 = 128;
export const SCRATCH_HANDLES_OFFSET: u32 = 4096;
export const HANDLE_BYTES: u32 = 128;
export const HANDLE_COUNT: u32 = 64;

export const HANDLE_FREE: u32 = 0;
export const HANDLE_SERVER: u32 = 1;
export const HANDLE_CALLER: u32 = 2;

/** What a thread remembers of the heap: whom it acts as, the shape, and its allocator's caches. */
@unmanaged
export class HeapScratch {
  /** Whom the thread acts as, plus one: itself, or the dead client that it recovers. 0 before the heap is open. */
  clientPlusOne: u32;
  incarnation: u32;
  /** Addresses: this client's part of the heap, its row of the era matrix, its own era. */
  clientAt: u32;
  eraRowAt: u32;
  eraAt: u32;
  /** Not 0: somebody else is recovered, so the caches below are not to be touched. */
  acting: u32;
  era: u64;
  clientCount: u32;
  pageShift: u32;
  segmentShift: u32;
  segmentCount: u32;
  segmentTableAt: u32;
  segmentEntryBytes: u32;
  segmentsOffset: u32;
  /** Largest block that shares a page with others. */
  smallBytes: u32;
  flushPolicy: u32;
  /** First free root; next root of a fresh page that was never used, and the end of that page. */
  rootFree: u32;
  rootNext: u32;
  rootEnd: u32;
  /** The client's own segments: the first, plus one; the one in which pages are looked for first, plus one. */
  segments: u32;
  segmentCursor: u32;
  /** Pages without a used block that are on a list. */
  emptyPages: u32;
  /** Corpses that somebody looks at: the first. How many says `HeapClient`. */
  limbo: u32;
  reserved0: u32;
  /** Not 0: this thread is known as a user of hazards. */
  usesHazards: u32;
  /** Where the search for a free segment begins. */
  claimHint: u32;
  quotaSegments: u32;
  /** Whom the thread acts as when it does not act as a dead one. */
  savedClientPlusOne: u32;
  savedIncarnation: u32;
  savedEra: u64;
  /** The word of a segment that this client owns. */
  ownedWord: u64;
  /** The page of roots that was looked up last: most roots lie where the last one lay. In pages from the start of the pool. */
  rootPage: u32;
  /** Address of the incarnation up to which this client is fenced. */
  fenceAt: u32;
  /** Bytes of all segments. */
  heapBytes: u32;
}

/** What `format` makes of the heap, as handed over by `shapeHeap`. */
@unmanaged
export class FormatScratch {
  clientCount: u32;
  pageShift: u32;
  segmentShift: u32;
  /** At most so many segments; 0: as many as fit. */
  segmentLimit: u32;
  nameCount: u32;
  queueCount: u32;
  queueCapacityLog2: u32;
  flushPolicy: u32;
  coherence: u32;
  reserved0: u32;
}

export const SCRATCH_HEAP_OFFSET: u32 = 2304;
/** One word per size class: its current page, then the first of its pages with free blocks. Offsets of page entries. */
export const SCRATCH_CLASSES_OFFSET: u32 = 2560;
export const SIZE_CLASS_COUNT: u32 = 40;
export const SCRATCH_FORMAT_OFFSET: u32 = 2944;
/** Where batches of roots are handed over, and queues found. */
export const SCRATCH_BATCH_OFFSET: u32 = 3072;
export const BATCH_LIMIT: u32 = 64;
/** A line of words that go to the device past the caches. */
export const SCRATCH_LINE_OFFSET: u32 = 3840;
