/** Line 0 of the clock region. Written by the machine that asks. */
@unmanaged
export class ClockAsk {
  /** Counts up; a new value is a question. CLOCK_STOP ends the exchange. */
  number: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
  reserved5: u64;
  reserved6: u64;
}

/** Line 1 of the clock region. Written by the machine that answers. */
@unmanaged
export class ClockAnswer {
  /** The question answered. Published after the time. */
  number: u64;
  /** The answering machine's monotonic clock, ns. */
  timeNs: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
  reserved5: u64;
}

export const CLOCK_ASK_LINE: u32 = 0;
export const CLOCK_ANSWER_LINE: u32 = 64;
export const CLOCK_STOP: u64 = 0x8000000000000000;

/** The word region: one word, bounced between two machines. Odd: a question. */
@unmanaged
export class BouncedWord {
  value: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
  reserved5: u64;
  reserved6: u64;
}

export const WORD_STOP: u64 = 0x8000000000000000;
