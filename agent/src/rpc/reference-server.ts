/** The serving side of a connection whose calls carry references of the heap. */
import { codes, constants } from '../layout/index.ts';
import type { HeapClient } from '../shm/heap-client.ts';
import type { Ref } from '../shm/ref.ts';
import type { Deadline } from './caller.ts';
import { copyOf, HeaderWords, type Parts, type Payload, readMessage, type Written, writeMessage } from './message-parts.ts';
import { ReferenceQueues } from './reference-queues.ts';
import { referencesPlace } from './references-word.ts';
import type { Request, Server, ServeState } from './server.ts';

/** A request that waits for its reply. `bytes` are the pool's and may be changed by the caller meanwhile; `refs` are dropped after the reply. */
export interface ReferenceRequest {
  readonly slot: number;
  readonly method: number;
  readonly bytes: Uint8Array;
  /** Clone what is to be kept. */
  readonly refs: readonly Ref[];
}

/** `bytes` are copied, or written in place; the refs are given away: clone what is to be kept. */
export interface Reply {
  readonly bytes?: Payload;
  readonly refs?: readonly Ref[];
  /** A code of the core: OK, REFUSED, FAILED, UNKNOWN_METHOD, TOO_LARGE. Default OK. */
  readonly status?: number;
}

export type ReferenceHandler = (request: Omit<ReferenceRequest, 'slot'>) => Reply;

const nothing = new Uint8Array(0);

/** Requests that are answered before TypeScript looks at the deadline. */
const requestsPerPoll = 256;

/** `serve` and `poll` answer with a handler, one after the other. `take` and `reply` are their steps, for who answers later, or in another order. */
export class ReferenceServer {
  readonly server: Server;
  readonly #heap: HeapClient;
  readonly #queues: ReferenceQueues;
  readonly #headers: HeaderWords;
  /** By slot: what is to be dropped once the request is answered, not before: a reply may name it. */
  readonly #requests: (Parts | undefined)[];
  /** Replies that wait until the caller has taken the references of earlier ones, in their order. */
  readonly #waiting: { readonly slot: number; readonly reply: Reply }[] = [];

  constructor(server: Server, heap: HeapClient) {
    this.server = server;
    this.#heap = heap;
    this.#queues = new ReferenceQueues(heap, server, true);
    this.#headers = new HeaderWords(server.window, (slot) => server.responseHeader(slot));
    this.#requests = Array.from({ length: server.window }, () => undefined);
  }

  /** Polls until the caller closes or dies, the deadline passes, or the process aborts; says which. Does not close. */
  serve(handler: ReferenceHandler, { deadlineMs }: Deadline): 'closed' | 'peer-lost' | 'aborted' | 'deadline' {
    const deadline = performance.now() + deadlineMs;
    const { waiter } = this.server;
    try {
      for (;;) {
        const state = this.poll(handler, waiter.looks, requestsPerPoll);
        if (state === 'closed' || state === 'peer-lost' || state === 'aborted') return state;
        const leftMs = deadline - performance.now();
        if (leftMs <= 0) return 'deadline';
        if (state !== 'idle') waiter.worked();
        else this.server.idle(leftMs);
      }
    } finally {
      waiter.stop();
    }
  }

  /** Answers up to `maxRequests`, each after at most `maxLooks` looks. A handler that throws answers FAILED with its message. */
  poll(handler: ReferenceHandler, maxLooks: number, maxRequests: number): ServeState {
    let state: ServeState = 'idle';
    for (let left = maxRequests; left > 0; left--) {
      const request = this.take(maxLooks);
      if (typeof request === 'string') return request === 'idle' ? state : request;
      let reply: Reply;
      try {
        reply = handler(request);
      } catch (error) {
        reply = this.#failure(error);
      }
      this.reply(request.slot, reply);
      state = 'served';
    }
    return state;
  }

  /** The next request, or how the connection stands; `refused`: one came whose references are a lie, or for which there is no memory. */
  take(maxLooks: number): ReferenceRequest | ServeState {
    this.#replyWaiting();
    const request = this.server.take(maxLooks);
    return typeof request === 'string' ? request : this.#accept(request);
  }

  /**
   * Answers a request that was taken, and drops what came with it. A reply whose references find no room waits for the caller, who drains the queue whenever
   * it polls; it is sent by a later `take`, `poll` or `reply`.
   */
  reply(slot: number, reply: Reply): void {
    this.#replyWaiting();
    const hasNone = (reply.refs?.length ?? 0) === 0;
    if ((hasNone || this.#waiting.length === 0) && this.#tryAnswer(slot, reply)) return;
    const { bytes, ...rest } = reply;
    this.#waiting.push({ slot, reply: bytes === undefined ? rest : { ...rest, bytes: copyOf(bytes) } });
  }

  /** Closes the connection and its queues: references that were sent and not taken are dropped. */
  close(): void {
    this.server.close();
    if (this.#heap.isOpen) {
      for (const parts of this.#requests) if (parts !== undefined) dropAll(parts);
      for (const { reply } of this.#waiting) for (const ref of reply.refs ?? []) ref[Symbol.dispose]();
    }
    this.#requests.fill(undefined);
    this.#waiting.length = 0;
    this.#queues.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #accept({ slot, method, bytes, header }: Request): ReferenceRequest | 'refused' {
    let parts: Parts | undefined;
    try {
      parts = readMessage(this.#queues, bytes, header);
    } catch (error) {
      this.reply(slot, this.#failure(error));
      return 'refused';
    }
    if (parts === undefined) {
      this.server.reply(slot, 0, codes.REFUSED);
      return 'refused';
    }
    this.#requests[slot] = parts;
    return { slot, method, bytes: parts.bytes, refs: parts.refs };
  }

  #replyWaiting(): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (this.#tryAnswer(next.slot, next.reply)) continue;
      this.#waiting.unshift(next);
      return;
    }
  }

  /** False when the queue of references is full: nothing has happened. */
  #tryAnswer(slot: number, reply: Reply): boolean {
    if (!this.#send(slot, reply)) return false;
    for (const ref of reply.refs ?? []) ref[Symbol.dispose]();
    const parts = this.#requests[slot];
    this.#requests[slot] = undefined;
    if (parts !== undefined) dropAll(parts);
    return true;
  }

  #send(slot: number, { bytes = nothing, refs = [], status = codes.OK }: Reply): boolean {
    const buffer = this.server.response(slot);
    const header = this.#headers.of(slot);
    let written: Written;
    try {
      written = writeMessage({ heap: this.#heap, queues: this.#queues, buffer, header }, bytes, refs, true);
    } catch (error) {
      // Some of the references may have gone before: the caller drops them.
      const { word } = this.#queues;
      header.fill(0);
      header[referencesPlace] = word;
      const length = new TextEncoder().encodeInto((error as Error).message, buffer).written;
      this.server.reply(slot, length, codes.FAILED + (word === 0 ? 0 : constants.KIND_HEADER));
      return true;
    }
    if (written === 'full') return false;
    if (written === 'closed') this.server.reply(slot, 0, codes.FAILED);
    else this.server.reply(slot, written.lengthBytes, status + (written.hasHeader ? constants.KIND_HEADER : 0));
    return true;
  }

  /** As much of the message as fits into a buffer. */
  #failure(error: unknown): Reply {
    const room = new Uint8Array(this.server.payloadBytes);
    const { written } = new TextEncoder().encodeInto((error as Error).message ?? String(error), room);
    return { bytes: room.subarray(0, written), status: codes.FAILED };
  }
}

function dropAll({ refs, holder }: Parts): void {
  for (const ref of refs) ref[Symbol.dispose]();
  holder?.[Symbol.dispose]();
}
