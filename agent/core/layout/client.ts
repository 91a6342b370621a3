/** Line 0 of a client's slot. */
@unmanaged
export class ClientState {
  /** `ClientWord`. CAS by who joins, leaves, or recovers. */
  word: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
  reserved5: u64;
  reserved6: u64;
}

/** Line 1 of a client's slot. Free for the client's own use. */
@unmanaged
export class ClientOwner {
  /** The thread of the process that joined. By the client, before it is JOINED. */
  thread: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
  reserved5: u64;
  reserved6: u64;
}

/** Line 2 of a client's slot. */
@unmanaged
export class ClientHeartbeat {
  /** Counts up while the process lives. By the addon's thread; cleared by who joins. */
  beats: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
  reserved5: u64;
  reserved6: u64;
}

/** Line 3 of a client's slot. */
@unmanaged
export class ClientFence {
  /** The newest incarnation whose end was seen; it and all older ones never write again. CAS upwards by the fencer. */
  incarnation: u64;
  /** `RecoveryClaim` of who finishes in this client's name. CAS. */
  recoverer: u64;
  /** The newest incarnation that somebody suspects to be dead. Published by observers; decides nothing. */
  suspected: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
}

export const CLIENT_STATE_LINE: u32 = 0;
export const CLIENT_OWNER_LINE: u32 = 64;
export const CLIENT_HEARTBEAT_LINE: u32 = 128;
export const CLIENT_FENCE_LINE: u32 = 192;

export const CLIENT_FREE: u32 = 0;
export const CLIENT_JOINING: u32 = 1;
export const CLIENT_JOINED: u32 = 2;
/** Gives back what it holds; nobody opens anything towards it. */
export const CLIENT_LEAVING: u32 = 3;

/** The last incarnation a slot may have; it stays free for ever after. */
export const INCARNATION_LIMIT: u32 = 0xfffffffe;
export const MACHINE_LIMIT: u32 = 127;
/** Linux gives out process ids below 2^22. */
export const PROCESS_LIMIT: u32 = 0x3fffff;

/**
 * A client's slot in one word, so that a client that dies right after its claim can still be found by machine and process.
 *
 *     63                32 31          10 9       3 2      0
 *     |   incarnation     |   process    | machine | state |
 */
export class ClientWord {
  static pack(state: u32, machine: u32, process: u32, incarnation: u32): u64 {
    return (<u64>incarnation << 32) | <u64>((process << 10) | (machine << 3) | state);
  }
  static state(word: u64): u32 {
    return <u32>word & 7;
  }
  static machine(word: u64): u32 {
    return (<u32>word >> 3) & 0x7f;
  }
  static process(word: u64): u32 {
    return <u32>word >> 10;
  }
  static incarnation(word: u64): u32 {
    return <u32>(word >> 32);
  }
}

/**
 * Who recovers a dead client. A claim for an older incarnation, or of a recoverer that is fenced itself, is void.
 *
 *     63              42 41                     10 9            0
 *     | dead incarnation | recoverer's incarnation | recoverer+1 |
 */
export class RecoveryClaim {
  static pack(deadIncarnation: u32, recoverer: u32, recovererIncarnation: u32): u64 {
    return (<u64>(deadIncarnation & 0x3fffff) << 42) | (<u64>recovererIncarnation << 10) | <u64>(recoverer + 1);
  }
  static deadIncarnation(word: u64): u32 {
    return <u32>(word >> 42);
  }
  static recovererPlusOne(word: u64): u32 {
    return <u32>word & 0x3ff;
  }
  static recovererIncarnation(word: u64): u32 {
    return <u32>(word >> 10);
  }
}
