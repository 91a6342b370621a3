/** A connection that a link uses, or used: it stays open as long as anybody holds a view of a response. */
import type { Connection } from './caller.ts';
import { HeaderLine } from './message-header.ts';

export class LiveConnection {
  readonly connection: Connection;
  readonly #headers: HeaderLine[];
  #views = 0;
  #isRetired = false;
  #isClosed = false;

  constructor(connection: Connection) {
    this.connection = connection;
    this.#headers = Array.from({ length: connection.window }, (_, slot) => new HeaderLine(connection.requestHeader(slot)));
  }

  header(slot: number): HeaderLine {
    return this.#headers[slot]!;
  }

  get isClosed(): boolean {
    return this.#isClosed;
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
    this.connection.finish(slot);
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
    this.connection.close();
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
