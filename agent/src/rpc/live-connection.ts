/** A connection that a link uses, or used: it stays open as long as anybody holds a view of a response. */
import type { HeapClient } from '../shm/heap-client.ts';
import type { Ref } from '../shm/ref.ts';
import type { Connection, Response } from './caller.ts';
import { HeaderLine } from './message-header.ts';
import { type PolledAnswer, ReferenceCaller } from './reference-caller.ts';

export class LiveConnection {
  readonly connection: Connection;
  /** For methods of kind `heap`; undefined when the caller has none open. */
  readonly references: ReferenceCaller | undefined;
  readonly #headers: HeaderLine[];
  #views = 0;
  #isRetired = false;
  #isClosed = false;

  constructor(connection: Connection, heap: HeapClient | undefined) {
    this.connection = connection;
    this.references = heap === undefined ? undefined : new ReferenceCaller(connection, heap);
    this.#headers = Array.from({ length: connection.window }, (_, slot) => new HeaderLine(connection.requestHeader(slot)));
  }

  header(slot: number): HeaderLine {
    return this.#headers[slot]!;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The response to the call in a slot, with what references it brings; undefined while there is none. Throws RpcError, HeapError. */
  poll(slot: number): Response | PolledAnswer | undefined {
    return this.references === undefined ? this.connection.poll(slot) : this.references.poll(slot);
  }

  finish(slot: number): void {
    if (this.references === undefined) this.connection.finish(slot);
    else this.references.finish(slot);
  }

  /** Nobody waits for the call any more. Its slot is free once the response has come. */
  abandon(slot: number): void {
    if (this.references === undefined) this.connection.abandon(slot);
    else this.references.abandon(slot);
  }

  /** Tells the server of all abandoned calls that nobody waits for them. */
  cancelLate(): void {
    this.connection.cancelLate();
    this.references?.cancelLate();
  }

  /** Slots of abandoned calls that were not answered yet. */
  get lateCount(): number {
    return this.connection.lateCount + (this.references?.lateCount ?? 0);
  }

  /** Gives back the slots of abandoned calls that have been answered. Throws RpcError, HeapError. */
  finishLate(): void {
    this.connection.finishLate();
    this.references?.finishLate();
  }

  /** What the last synchronous call was answered may change from here on. */
  releaseLast(): void {
    this.connection.release();
    this.references?.release();
  }

  /** Responses that somebody still looks at. */
  get views(): number {
    return this.#views;
  }

  hold(): void {
    this.#views++;
  }

  release(slot: number): void {
    if (this.#isClosed) return;
    this.finish(slot);
    this.#views--;
    if (this.#isRetired && this.#views === 0) this.close();
  }

  /** No more calls; closed with the last view. */
  retire(): void {
    this.#isRetired = true;
    if (this.#views === 0) this.close();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.references === undefined) this.connection.close();
    else this.references.close();
  }

  /** A fenced client must not write: its recovery gives the connection back. */
  leaveToRecovery(): void {
    this.#isClosed = true;
  }
}

/** A response in place, until it is released. The slot of its call is not used again before. */
export class Reply {
  readonly #live: LiveConnection;
  readonly #slot: number;
  #bytes: Uint8Array | undefined;

  constructor(live: LiveConnection, slot: number, bytes: Uint8Array) {
    this.#live = live;
    this.#slot = slot;
    this.#bytes = bytes;
    live.hold();
  }

  /** A view of the pool. What is kept of it after `release` changes under its reader. Throws Error once it is released, or the caller is closed. */
  get bytes(): Uint8Array {
    if (this.#bytes === undefined || this.#live.isClosed) throw new Error('this reply was released, or its caller is closed');
    return this.#bytes;
  }

  release(): void {
    if (this.#bytes === undefined) return;
    this.#bytes = undefined;
    this.#live.release(this.#slot);
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/** A response with references: `refs` are the caller's own, released or not. */
export class HeapReply<Refs extends readonly Ref[]> extends Reply {
  readonly refs: Refs;

  constructor(live: LiveConnection, slot: number, bytes: Uint8Array, refs: Refs) {
    super(live, slot, bytes);
    this.refs = refs;
  }
}
