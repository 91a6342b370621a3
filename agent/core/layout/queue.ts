/** Line 0 of a queue. */
@unmanaged
export class QueueState {
  /** `QueueWord`. CAS by sender, receiver, and who finishes in their names. */
  word: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
  reserved5: u64;
  reserved6: u64;
}

/** Line 1 of a queue. Written by the sender before the queue is open. */
@unmanaged
export class QueueDescriptor {
  senderIncarnation: u32;
  receiverIncarnation: u32;
  /** Whatever sender and receiver agree on, to tell queues apart. */
  tag: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
  reserved5: u64;
}

/** Line 2 of a queue. Written by the sender. */
@unmanaged
export class QueueSender {
  /** How many references the receiver may take, ever. */
  tail: u64;
  /** How many slots the sender has filled, ever: those from `tail` on are not sent yet. */
  filled: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
  reserved5: u64;
}

/** Line 3 of a queue. Written by the receiver. */
@unmanaged
export class QueueReceiver {
  /** How many references the receiver has taken, ever. */
  head: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
  reserved5: u64;
  reserved6: u64;
}

export const QUEUE_STATE_LINE: u32 = 0;
export const QUEUE_DESCRIPTOR_LINE: u32 = 64;
export const QUEUE_SENDER_LINE: u32 = 128;
export const QUEUE_RECEIVER_LINE: u32 = 192;
export const QUEUE_SLOTS_OFFSET: u32 = 256;
export const QUEUE_CAPACITY_LOG2_LEAST: u32 = 3;
export const QUEUE_CAPACITY_LOG2_LIMIT: u32 = 10;

export const QUEUE_FREE: u32 = 0;
/** Claimed by the sender, not described yet. */
export const QUEUE_OPENING: u32 = 1;
export const QUEUE_OPEN: u32 = 2;
/** Both sides are closed; the drainer empties it. */
export const QUEUE_DRAINING: u32 = 3;

export const QUEUE_SENDER_CLOSED: u64 = 4;
export const QUEUE_RECEIVER_CLOSED: u64 = 8;
export const QUEUE_DRAINED_BY_RECEIVER: u64 = 16;

/**
 * A queue's life in one word. Whoever closes last drains and frees it. Flags: 2 sender closed, 3 receiver closed, 4 the receiver drains.
 *
 *     63     32 31       22 21     12 11        5 4     2 1     0
 *     | epoch  | receiver  | sender  | reserved  | flags | state |
 */
export class QueueWord {
  static pack(epoch: u32, state: u32, sender: u32, receiver: u32): u64 {
    return (<u64>epoch << 32) | <u64>((receiver << 22) | (sender << 12) | state);
  }
  static epoch(word: u64): u32 {
    return <u32>(word >> 32);
  }
  static state(word: u64): u32 {
    return <u32>word & 3;
  }
  static sender(word: u64): u32 {
    return (<u32>word >> 12) & 0x3ff;
  }
  static receiver(word: u64): u32 {
    return <u32>word >> 22;
  }
}
