/** A byte stream through the rings of a connection: what a message costs that is copied in chunks, as many in flight as the window has. */
import { looksPerPoll } from '../pool/poll.ts';
import type { Connection, Server } from '../rpc/index.ts';

/** Methods of the chunks: more of them follow, or this is the last. Its first word says what to do with the whole. */
const more = 0;
const last = 1;
const headBytes = 8;
/** In place of the leaf to edit: the message is records that are serialised. */
export const serialisedMessage = 0xffffffff;

export class StreamCaller {
  readonly #connection: Connection;
  /** Slots in flight, the oldest first. */
  readonly #open: number[] = [];

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Copies the message into the buffers, chunk by chunk, and waits until the server has the whole. `edit`: 0, 1 + the leaf to edit, or `serialisedMessage`. */
  send(message: Uint8Array, edit: number): void {
    const room = this.#connection.payloadBytes;
    let at = 0;
    while (message.length - at > room - headBytes) {
      const lengthBytes = Math.min(room, message.length - at);
      const slot = this.#slot();
      this.#connection.request(slot).set(message.subarray(at, at + lengthBytes));
      this.#connection.send(slot, lengthBytes, more);
      this.#open.push(slot);
      at += lengthBytes;
    }
    this.#finish(message.subarray(at), edit);
  }

  close(): void {
    this.#connection.close();
  }

  #finish(rest: Uint8Array, edit: number): void {
    const slot = this.#slot();
    const buffer = this.#connection.request(slot);
    new DataView(buffer.buffer, buffer.byteOffset).setUint32(0, edit, true);
    buffer.set(rest, headBytes);
    this.#connection.send(slot, headBytes + rest.length, last);
    this.#open.push(slot);
    while (this.#open.length > 0) this.#finishOldest();
  }

  #slot(): number {
    for (;;) {
      const slot = this.#connection.begin();
      if (slot !== undefined) return slot;
      this.#finishOldest();
    }
  }

  #finishOldest(): void {
    const slot = this.#open.shift()!;
    while (this.#connection.poll(slot, looksPerPoll) === undefined);
    this.#connection.finish(slot);
  }
}

/** What the server does with a whole message. */
export interface StreamReader {
  touch(bytes: Uint8Array, lengthBytes: number): void;
  readRecords(bytes: Uint8Array): void;
  edit(bytes: Uint8Array, leaf: number): void;
}

export interface StreamServer {
  poll(maxLooks: number, maxRequests: number): void;
  close(): void;
}

/** Copies every chunk out of its buffer into a message of its own; the last one is answered when the whole has been read. */
export function serveStream(server: Server, reader: StreamReader): StreamServer {
  const message = new Uint8Array(8 * 1024 * 1024);
  let lengthBytes = 0;
  const handler = (request: Uint8Array, _response: Uint8Array, method: number): number => {
    if (method === more) {
      message.set(request, lengthBytes);
      lengthBytes += request.length;
      return 0;
    }
    const edit = new DataView(request.buffer, request.byteOffset).getUint32(0, true);
    message.set(request.subarray(headBytes), lengthBytes);
    lengthBytes += request.length - headBytes;
    if (edit === 0) reader.touch(message, lengthBytes);
    else if (edit === serialisedMessage) reader.readRecords(message.subarray(0, lengthBytes));
    else reader.edit(message, edit - 1);
    lengthBytes = 0;
    return 0;
  };
  return {
    poll: (maxLooks, maxRequests) => server.poll(handler, maxLooks, maxRequests),
    close: () => server.close(),
  };
}
