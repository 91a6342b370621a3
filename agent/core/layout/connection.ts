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
  /** Calls in flight at once, which is also the number of entries of each ring and of buffers for each direction. */
  windowLog2: u32;
  payloadBytes: u32;
  nameHash: u64;
  /** Of the service; a caller that wants another one is refused. */
  version: u32;
  /** LAYOUT_*. */
  layout: u32;
  /** SHARING_*. */
  sharing: u32;
  reserved0: u32;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
}

/** Line 2 of a connection. Written by the server. */
@unmanaged
export class ServerLine {
  /** How many requests the server has executed. Written when it goes idle, for observers; nobody decides by it. */
  served: u64;
  /** How many requests it did not accept. */
  refused: u64;
  /** How many calls in flight it wants at most, from 1 to the window; the caller looks at it once a lap. */
  offered: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
}

export const CONNECTION_STATE_LINE: u32 = 0;
export const CONNECTION_DESCRIPTOR_LINE: u32 = 64;
export const CONNECTION_SERVER_LINE: u32 = 128;
export const REQUEST_RING_OFFSET: u32 = 512;
export const RESPONSE_RING_OFFSET: u32 = 1024;
/** Entries per ring, at most. */
export const RING_LIMIT: u32 = 64;
export const REQUEST_ARENA_OFFSET: u32 = 2048;
export const RESPONSE_ARENA_OFFSET: u32 = 21504;
export const ARENA_BYTES: u32 = 19456;

// Call number i has slot i modulo the window: entry and buffer of both directions. A caller sends call i + window only when it is done with
// call i, so a request is the server's credit for its response, and neither ring needs a counter.

export const DEFAULT_WINDOW_LOG2: u32 = 4;
export const WINDOW_LOG2_LIMIT: u32 = 6;
export const DEFAULT_PAYLOAD_BYTES: u32 = 1024;
/** Of the smallest window: two buffers with their headers fill an arena. */
export const PAYLOAD_LIMIT_BYTES: u32 = 9664;

/** The paper's: an entry is a reference of 63 bits and the arrival flag; length and kind stand in front of the payload. Nothing is checked. */
export const LAYOUT_FAITHFUL: u32 = 1;
/** `RingEntry`; everything that the other side says is checked. */
export const LAYOUT_HARDENED: u32 = 2;

/** The device keeps the caches of the machines coherent. */
export const SHARING_COHERENT: u32 = 1;
/** It does not: what is written is written back, what is read is invalidated first, line by line. */
export const SHARING_LINES: u32 = 2;
/** As before, but a line of entries is invalidated once for all entries that it brings. */
export const SHARING_FAST: u32 = 3;
/** As line by line, but entries, and payloads that the core writes, are stored past the caches. */
export const SHARING_NON_TEMPORAL: u32 = 4;

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
 * An entry of a ring: the reference, the arrival flag, and all that is said of a message without a header, so that a small message is two
 * lines. The phase flips each lap, so nobody ever clears an entry.
 *
 *     63      62          48 47          32 31                            6 5        5 4        0
 *     | phase |   sequence  | length in B  | offset of the payload, lines  | header  |  kind    |
 *
 * Kind: of a request its method, of a response its status. Header: `MessageHeader` stands in the line before the payload.
 */
export class RingEntry {
  /** `phase << 15 | sequence` of the entry with this index, the upper 16 bits. */
  static mark(index: u64, windowLog2: u32): u64 {
    return ((((index >> <u64>windowLog2) & 1) ^ 1) << 15) | (index & 0x7fff);
  }
  static pack(mark: u64, lengthBytes: u32, payloadOffset: u32, kind: u32): u64 {
    return (mark << 48) | (<u64>(lengthBytes & 0xffff) << 32) | <u64>(payloadOffset | kind);
  }
  static markOf(entry: u64): u64 {
    return entry >> 48;
  }
  static lengthBytes(entry: u64): u32 {
    return <u32>(entry >> 32) & 0xffff;
  }
  static payloadOffset(entry: u64): u32 {
    return <u32>entry & 0xffffffc0;
  }
  static kind(entry: u64): u32 {
    return <u32>entry & 63;
  }
}

/** Bit of a kind. */
export const KIND_HEADER: u32 = 32;
/** Methods and statuses are below. */
export const KIND_LIMIT: u32 = 32;
/** Instead of its method, in the entry of a call that nobody waits for any more. For servers that mind it: `rpcCancel`. */
export const KIND_CANCELLED: u32 = 31;

/**
 * The paper's entry.
 *
 *     63     62                              0
 *     | flag |    offset of the message       |
 */
export class FaithfulEntry {
  static pack(mark: u64, messageOffset: u32): u64 {
    return ((mark >> 15) << 63) | <u64>messageOffset;
  }
  static messageOffset(entry: u64): u32 {
    return <u32>entry;
  }
}

/**
 * The line before a payload, where an entry's kind, or the faithful layout, says that it is there. By the sender, before the entry. The
 * first two words are the faithful layout's own; the others are for who builds on the rings.
 */
@unmanaged
export class MessageHeader {
  lengthBytes: u32;
  kind: u32;
  /** The references of the heap that travel with the message, packed: agent/src/rpc/references-word.ts. */
  references: u32;
  method: u32;
  channel: u32;
  flags: u32;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
}

export const HEADER_BYTES: u32 = 64;

/** Answers that are an offset, a slot or a handle start here; below are codes. */
export const HANDLE_BASE: u32 = 64;
