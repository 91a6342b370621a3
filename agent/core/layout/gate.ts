/** First line of the gate region. */
@unmanaged
export class GateSession {
  /** Number of the newest session. Published by machine 1, which opens it. */
  number: u64;
  /** `number << 16 | machines that joined`, one bit a machine. CAS by who joins; reset by machine 1. */
  joined: u64;
  /** Number of the session that runs. Published by machine 1 once everybody joined. */
  started: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
}

/** One line per machine in a bank. Written by that machine. */
@unmanaged
export class GateMachine {
  /** How many barriers this machine has reached in this session. */
  round: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
  reserved5: u64;
  reserved6: u64;
}

export const GATE_MACHINE_LIMIT: u32 = 16;
/** Sessions take turns in the banks, so that a straggler of an aborted session cannot spoil the next. */
export const GATE_BANK_COUNT: u32 = 8;
export const GATE_BANKS_OFFSET: u32 = 4096;
/** 16 machine lines, then 16 counter lines. */
export const GATE_BANK_BYTES: u32 = 2048;
export const GATE_COUNTERS_OFFSET: u32 = 1024;

/** Counter lines of a bank. */
export const GATE_FETCH_ADD: u32 = 0;
export const GATE_CAS_WON: u32 = 1;
export const GATE_CAS_COUNTER: u32 = 2;
export const GATE_PLAIN: u32 = 3;
export const GATE_CAS_LOST: u32 = 4;
/** Forbidden outcomes seen, one line a litmus test. */
export const GATE_FORBIDDEN: u32 = 8;

export const GATE_CELLS_OFFSET: u32 = 32768;
export const GATE_CELL_BYTES: u32 = 128;
export const GATE_CELL_COUNT: u32 = 512;

export const LITMUS_MESSAGE_PASSING: u32 = 0;
export const LITMUS_STORE_BUFFERING: u32 = 1;
export const LITMUS_SWAP_ONE_WINNER: u32 = 2;
export const LITMUS_WORDS_OF_ONE_LINE: u32 = 3;
export const LITMUS_READ_COHERENCE: u32 = 4;
export const LITMUS_COUNT: u32 = 5;
