/** A call of a link, from `submit` to its end. */
import type { Response } from './caller.ts';
import type { HeapRequest } from './heap-message.ts';
import type { LiveConnection } from './live-connection.ts';
import type { PolledAnswer } from './reference-caller.ts';

/** Its end is told exactly once. */
export interface Call {
  readonly channel: Channel;
  /** The method's number; undefined: nothing is sent, it ends once there is a connection. */
  readonly methodNumber: number | undefined;
  readonly streamWord: number;
  /** Writes the request into the buffer; its length, which may be more than there is room for. */
  write: (buffer: Uint8Array) => number;
  /** Of a method of kind `heap`, instead of `write`. */
  heap?: HeapRequest | undefined;
  /** May be sent to another server when the first was lost. */
  readonly isRepeatable: boolean;
  /** Of a stream: the connection that it was opened on. */
  readonly pin: Pin | undefined;
  readonly deadlineMs: number;
  readonly deadlineAt: number;
  /** Whether it keeps the slot, and releases it later. */
  readonly onResponse: (response: Response | PolledAnswer, live: LiveConnection, slot: number) => boolean;
  readonly onConnected?: () => void;
  readonly onError: (error: Error) => void;
  slot: number | undefined;
  sentAt: number;
}

export interface Pin {
  readonly isOpening: boolean;
  readonly shared: { epoch: number | undefined };
}

/** What a synchronous call says of itself: kept for each method, so that a call makes no object. */
export interface SyncOptions {
  readonly method: number;
  deadlineMs: number;
  readonly isRepeatable: boolean;
}

/** One logical caller of a link. */
export class Channel {
  readonly number: number;
  readonly waiting = new Set<Call>();

  constructor(number: number) {
    this.number = number;
  }
}

/** A call that sends nothing and ends once there is a connection. */
export function connectingCall(
  channel: Channel,
  deadlineMs: number,
  onConnected: () => void,
  onError: (error: Error) => void,
): Call {
  return {
    channel,
    methodNumber: undefined,
    streamWord: 0,
    write: () => 0,
    isRepeatable: true,
    pin: undefined,
    deadlineMs,
    deadlineAt: performance.now() + deadlineMs,
    onResponse: () => false,
    onConnected,
    onError,
    slot: undefined,
    sentAt: 0,
  };
}

/** Returns the length of what is to be copied, also when it does not fit. */
export function copyInto(bytes: Uint8Array, buffer: Uint8Array): number {
  if (bytes.length <= buffer.length) buffer.set(bytes);
  return bytes.length;
}
