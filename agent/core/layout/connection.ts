/** Line 0 of a connection. */
@unmanaged
export class ConnectionState {
  /** `ConnectionWord`. CAS by server, caller, and recoverer. */
  word: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
  reserved5: u64;
  reserved6: u64;
}

/** Line 1 of a connection. Written by the server before it listens, then read-only. */
@unmanaged
export class Descriptor {
  serverClient: u32;
  serverIncarnation: u32;
  capacityLog2: u32;
  payloadBytes: u32;
  nameHash: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
}

/** Line 2 of a connection. Written by the server. */
@unmanaged
export class ServerLine {
  /** How many requests the server has executed. Written when it goes idle, for observers; nobody decides by it. */
  served: u64;
  /** How many requests it did not accept. */
  refused: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
  reserved5: u64;
}

/** Line 3 of a connection. Written by the caller once it is open; cleared by the server before. */
@unmanaged
export class CallerLine {
  /** How many responses the caller is done with; the server's credit. */
  acknowledged: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
  reserved5: u64;
  reserved6: u64;
}

export const CONNECTION_STATE_LINE: u32 = 0;
export const CONNECTION_DESCRIPTOR_LINE: u32 = 64;
export const CONNECTION_SERVER_LINE: u32 = 128;
export const CONNECTION_CALLER_LINE: u32 = 192;
export const REQUEST_RING_OFFSET: u32 = 512;
export const RESPONSE_RING_OFFSET: u32 = 1024;
/** Entries per ring, at most. */
export const RING_LIMIT: u32 = 64;
export const REQUEST_ARENA_OFFSET: u32 = 2048;
export const RESPONSE_ARENA_OFFSET: u32 = 21504;
export const ARENA_BYTES: u32 = 19456;

// A response is the caller's credit for its request's entry, so the request ring needs no counter of its own. The response
// ring does: the caller acknowledges once every half ring, and has at most half a ring of calls in flight.

export const DEFAULT_CAPACITY_LOG2: u32 = 4;
export const CAPACITY_LOG2_LIMIT: u32 = 6;
export const DEFAULT_PAYLOAD_BYTES: u32 = 1024;

export const CONNECTION_FREE: u32 = 0;
/** A server has the slot and is preparing it. */
export const CONNECTION_CLAIMED: u32 = 1;
export const CONNECTION_LISTENING: u32 = 2;
export const CONNECTION_OPEN: u32 = 3;

/**
 * A connection's life in one word. Whoever closes last frees the slot.
 *
 *     63      32 31      26 25            24            23     14 13     4 3      0
 *     |  epoch  | reserved | callerClosed | serverClosed | caller | server | state |
 */
export class ConnectionWord {
  static pack(epoch: u32, state: u32, server: u32, caller: u32): u64 {
    return (<u64>epoch << 32) | <u64>((caller << 14) | (server << 4) | state);
  }
  static state(word: u64): u32 {
    return <u32>word & 15;
  }
  static server(word: u64): u32 {
    return (<u32>word >> 4) & 0x3ff;
  }
  static caller(word: u64): u32 {
    return (<u32>word >> 14) & 0x3ff;
  }
  static serverClosed(word: u64): bool {
    return (word & SERVER_CLOSED) != 0;
  }
  static callerClosed(word: u64): bool {
    return (word & CALLER_CLOSED) != 0;
  }
  static epoch(word: u64): u32 {
    return <u32>(word >> 32);
  }
}

export const SERVER_CLOSED: u64 = 0x1000000;
export const CALLER_CLOSED: u64 = 0x2000000;

/**
 * An entry of a ring: the reference and the arrival flag. The phase flips each lap, so nobody ever clears an entry.
 *
 *     63      62          48 47                      0
 *     | phase |   sequence  |   offset of the message |
 */
export class RingEntry {
  /** `phase << 15 | sequence` of the entry with this index, the upper 16 bits. */
  static mark(index: u64, capacityLog2: u32): u64 {
    return ((((index >> <u64>capacityLog2) & 1) ^ 1) << 15) | (index & 0x7fff);
  }
  static pack(mark: u64, offset: u64): u64 {
    return (mark << 48) | offset;
  }
  static markOf(entry: u64): u64 {
    return entry >> 48;
  }
  static offset(entry: u64): u64 {
    return entry & 0xffffffffffff;
  }
}

/** First line of every request and response; the payload follows, line aligned. By the sender, before the ring entry. */
@unmanaged
export class MessageHeader {
  /** Epoch of the connection (upper half) and number of the call (lower half). */
  rpcId: u64;
  /** Of the payload. */
  lengthBytes: u32;
  /** Of a response: a code. 0 in requests. */
  status: u32;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
  reserved5: u64;
}

export const HEADER_BYTES: u32 = 64;

/** Answers that are an offset or a handle start here; below are codes. */
export const HANDLE_BASE: u32 = 64;
