/** References of the heap in the requests and answers of one connection: what a server adds to it for methods of kind `heap`. */
import { codes, constants } from '../layout/index.ts';
import type { HeapClient } from '../shm/heap-client.ts';
import type { Ref } from '../shm/ref.ts';
import { dropAll } from './heap-message.ts';
import { HeaderLine } from './message-header.ts';
import { copyOf, type Parts, type Payload, readMessage, type Written, writeMessage } from './message-parts.ts';
import { ReferenceQueues } from './reference-queues.ts';
import type { Server, ServeState } from './server.ts';

/** A request that waits for its reply. `bytes` are the pool's and may be changed by the caller meanwhile; `refs` are dropped after the reply. */
export interface ReferenceRequest {
  readonly slot: number;
  readonly method: number;
  readonly bytes: Uint8Array;
  /** Clone what is to be kept. */
  readonly refs: readonly Ref[];
}

/** `bytes` are copied, or written in place; the refs are given away: clone what is to be kept. */
export interface ReferenceReply {
  readonly bytes?: Payload;
  readonly refs?: readonly Ref[];
  /** A code of the core: OK, REFUSED, FAILED, UNKNOWN_METHOD, TOO_LARGE. Default OK. */
  readonly status?: number;
}

const nothing = new Uint8Array(0);

/**
 * A request is accepted and then answered, in any order; those without references may be answered beside it. Requests must be accepted in the order in
 * which they are taken.
 */
export class ReferenceServer {
  readonly server: Server;
  readonly #heap: HeapClient;
  #isClosed = false;
  readonly #queues: ReferenceQueues;
  /** Of responses, by slot. */
  readonly #headers: readonly HeaderLine[];
  /** By slot: what is to be dropped once the request is answered, not before: a reply may name it. */
  readonly #held: (Parts | undefined)[];
  /** Replies that wait until the caller has taken the references of earlier ones, in their order. */
  readonly #waiting: { readonly slot: number; readonly reply: ReferenceReply }[] = [];

  constructor(server: Server, heap: HeapClient) {
    this.server = server;
    this.#heap = heap;
    this.#queues = new ReferenceQueues(heap, server, true);
    this.#headers = Array.from({ length: server.window }, (_, slot) => new HeaderLine(server.responseHeader(slot)));
    this.#held = Array.from({ length: server.window }, () => undefined);
  }

  /**
   * What a request brought: `word` is what its header says of references. Undefined when they are not there, and then the caller lies. Throws
   * HeapError HEAP_FULL, QUOTA.
   */
  accept(bytes: Uint8Array, word: number): Parts | undefined {
    return readMessage(this.#queues, bytes, word);
  }

  /** To be dropped once the request in the slot is answered. */
  hold(slot: number, parts: Parts): void {
    this.#held[slot] = parts;
  }

  /** The next request, or how the connection stands; `refused`: one came whose references are a lie, or for which there is no memory. */
  take(maxLooks: number): ReferenceRequest | ServeState {
    this.flush();
    const request = this.server.take(maxLooks);
    if (typeof request === 'string') return request;
    const { slot, method, bytes, header } = request;
    let parts: Parts | undefined;
    try {
      parts = this.accept(bytes, header === undefined ? 0 : new HeaderLine(header).references);
    } catch (error) {
      this.reply(slot, this.#failure(error));
      return 'refused';
    }
    if (parts === undefined) {
      this.server.reply(slot, 0, codes.REFUSED);
      return 'refused';
    }
    this.hold(slot, parts);
    return { slot, method, bytes: parts.bytes, refs: parts.refs };
  }

  /**
   * Answers a request, and drops what came with it: the status that was sent. A reply whose references find no room waits for the caller, who drains the
   * queue whenever it polls; it is sent by a later `flush`, and counts as OK until then.
   */
  reply(slot: number, reply: ReferenceReply): number {
    if (this.#isClosed) {
      dropAll(reply.refs ?? []);
      return codes.FAILED;
    }
    this.flush();
    const hasNone = (reply.refs?.length ?? 0) === 0;
    if (hasNone || this.#waiting.length === 0) {
      const status = this.#tryAnswer(slot, reply);
      if (status !== undefined) return status;
    }
    const { bytes, ...rest } = reply;
    this.#waiting.push({ slot, reply: bytes === undefined ? rest : { ...rest, bytes: copyOf(bytes) } });
    return codes.OK;
  }

  /** Answers a request with what stands in its buffer, without references, and drops what came with it. */
  answer(slot: number, lengthBytes: number, status: number): void {
    this.server.reply(slot, lengthBytes, status);
    this.#dropHeld(slot);
  }

  /** Sends replies that wait, as far as there is room now. */
  flush(): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (this.#tryAnswer(next.slot, next.reply) !== undefined) continue;
      this.#waiting.unshift(next);
      return;
    }
  }

  /** Whether replies wait for room. */
  get isWaiting(): boolean {
    return this.#waiting.length !== 0;
  }

  /** Closes the connection and its queues: references that were sent and not taken are dropped. */
  close(): void {
    this.#isClosed = true;
    this.server.close();
    if (this.#heap.isOpen) {
      for (const parts of this.#held) if (parts !== undefined) dropParts(parts);
      for (const { reply } of this.#waiting) dropAll(reply.refs ?? []);
    }
    this.#held.fill(undefined);
    this.#waiting.length = 0;
    this.#queues.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** The status that was sent; undefined when the queue of references is full, and then nothing has happened. */
  #tryAnswer(slot: number, reply: ReferenceReply): number | undefined {
    const status = this.#send(slot, reply);
    if (status === undefined) return undefined;
    dropAll(reply.refs ?? []);
    this.#dropHeld(slot);
    return status;
  }

  #dropHeld(slot: number): void {
    const parts = this.#held[slot];
    this.#held[slot] = undefined;
    if (parts !== undefined) dropParts(parts);
  }

  #send(slot: number, { bytes = nothing, refs = [], status = codes.OK }: ReferenceReply): number | undefined {
    const buffer = this.server.response(slot);
    let written: Written;
    try {
      written = writeMessage({ heap: this.#heap, queues: this.#queues, buffer }, bytes, refs, true);
    } catch (error) {
      // Some of the references may have gone before: the caller drops them.
      const { written: lengthBytes } = new TextEncoder().encodeInto((error as Error).message, buffer);
      return this.#say(slot, lengthBytes, codes.FAILED, this.#queues.word);
    }
    if (written === 'full') return undefined;
    if (written === 'closed') return this.#say(slot, 0, codes.FAILED, 0);
    return this.#say(slot, written.lengthBytes, status, written.word);
  }

  #say(slot: number, lengthBytes: number, status: number, word: number): number {
    if (word !== 0) this.#headers[slot]!.write(0, 0, 0, word);
    this.server.reply(slot, lengthBytes, status + (word === 0 ? 0 : constants.KIND_HEADER));
    return status;
  }

  /** As much of the message as fits into a buffer. */
  #failure(error: unknown): ReferenceReply {
    const room = new Uint8Array(this.server.payloadBytes);
    const { written } = new TextEncoder().encodeInto((error as Error).message ?? String(error), room);
    return { bytes: room.subarray(0, written), status: codes.FAILED };
  }
}

/** With the object in which the request's bytes lie. */
export function dropParts({ refs, holder }: Parts): void {
  dropAll(refs);
  holder?.[Symbol.dispose]();
}
