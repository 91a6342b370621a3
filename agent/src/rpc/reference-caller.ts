/** References of the heap in the calls of one connection: what a link adds to it for methods of kind `heap`. */
import { codes, constants } from '../layout/index.ts';
import type { HeapClient } from '../shm/heap-client.ts';
import type { Ref } from '../shm/ref.ts';
import type { Connection, Deadline, Response } from './caller.ts';
import { dropAll } from './heap-message.ts';
import { statusError } from './link-errors.ts';
import { HeaderLine } from './message-header.ts';
import { type Parts, type Payload, readMessage, writeMessage } from './message-parts.ts';
import { ReferenceQueues } from './reference-queues.ts';
import { RpcError, rpcError } from './rpc-error.ts';

export interface References {
  /** Objects that the server gets a reference on each; the refs stay as they are. */
  readonly refs?: readonly Ref[];
  /** The server gets the refs themselves, without counting: they are spent once the call was sent, and lost when it fails. Default false. */
  readonly move?: boolean;
  /** Default 0. */
  readonly method?: number;
  /** Which caller of the connection it is for. Default 0. */
  readonly channel?: number;
}

/** What came back. `bytes` are the pool's and end with `finish`; `refs` are the caller's own, to drop when it likes. */
export interface Answer {
  readonly bytes: Uint8Array;
  readonly refs: Ref[];
}

/** `status`: OK, REFUSED, FAILED, UNKNOWN_METHOD, TOO_LARGE as a code of the core; references come with OK only. */
export interface PolledAnswer extends Response {
  readonly refs: Ref[];
}

/**
 * `callSync` makes one call; `send`, `poll` and `finish` are its steps. Calls without references may go over the same connection beside it, but every
 * response is to be polled here, and calls are to be abandoned here: it may bring references. After OUTCOME_UNKNOWN, PEER_LOST and CLOSED: close
 * it and connect again.
 */
export class ReferenceCaller {
  readonly connection: Connection;
  readonly #heap: HeapClient;
  readonly #queues: ReferenceQueues;
  /** Of requests, by slot. */
  readonly #headers: readonly HeaderLine[];
  /** Objects in which responses lie, by slot. */
  readonly #holders: (Ref | undefined)[];
  /** Slots of calls that nobody waits for any more; their responses may bring references. */
  readonly #late = new Set<number>();
  /** The slot of the last `callSync`, whose response was handed out. */
  #held: number | undefined;
  #over: RpcError | undefined;

  constructor(connection: Connection, heap: HeapClient) {
    this.connection = connection;
    this.#heap = heap;
    this.#queues = new ReferenceQueues(heap, connection, false);
    this.#headers = Array.from({ length: connection.window }, (_, slot) => new HeaderLine(connection.requestHeader(slot)));
    this.#holders = Array.from({ length: connection.window }, () => undefined);
  }

  /**
   * One call. A request that is longer than the connection's buffers goes as an object, and so does a response: neither is copied twice. Waits while the window or
   * the queue of references is full, and what was not sent by the deadline has changed nothing. The answer's bytes are valid until the next `callSync`.
   * Throws RpcError as Connection.callSync, HeapError SPENT_REF, FOREIGN_REF, COUNT_FULL, HEAP_FULL, QUOTA, QUEUES_FULL.
   */
  callSync(request: Payload, options: References & Deadline): Answer {
    this.release();
    const slot = this.#sendInTime(request, options);
    const answer = this.#await(slot, options.deadlineMs);
    if (answer.status !== codes.OK) {
      const error = statusError(this.connection.service, answer);
      this.finish(slot);
      throw error;
    }
    this.#held = slot;
    return answer;
  }

  /** Sends a call: its slot, or undefined while the window or the queue of references is full, and then nothing has happened. Throws as `callSync`. */
  send(request: Payload, { refs = [], move = false, method = 0, channel = 0 }: References = {}): number | undefined {
    if (this.#over !== undefined) throw this.#over;
    if (!Number.isInteger(method) || method < 0 || method >= constants.KIND_LIMIT)
      throw new RpcError('BAD_ARGUMENT', `there is no method ${method}`);
    this.finishLate();
    const slot = this.connection.begin();
    if (slot === undefined) return undefined;
    const buffer = this.connection.request(slot);
    const written = writeMessage({ heap: this.#heap, queues: this.#queues, buffer }, request, refs, move);
    if (written === 'full') return undefined;
    if (written === 'closed') throw this.#end(takesNone(this.connection.service));
    const hasHeader = written.word !== 0 || channel !== 0;
    if (hasHeader) this.#headers[slot]!.write(method, channel, 0, written.word);
    this.connection.send(slot, written.lengthBytes, method + (hasHeader ? constants.KIND_HEADER : 0));
    return slot;
  }

  /** The answer to the call in a slot; undefined while there is none. Each is to be polled once, then finished. Throws OUTCOME_UNKNOWN, CLOSED, ABORTED. */
  poll(slot: number, maxLooks = 1): PolledAnswer | undefined {
    const response = this.connection.poll(slot, maxLooks);
    if (response === undefined) {
      this.#queues.drain();
      return undefined;
    }
    return this.#read(slot, response);
  }

  /** Gives the slot back: the bytes of its answer may change from here on. */
  finish(slot: number): void {
    this.#holders[slot]?.drop();
    this.#holders[slot] = undefined;
    this.connection.finish(slot);
  }

  /** Nobody waits for the call any more; what its response brings is dropped when it comes. */
  abandon(slot: number): void {
    this.connection.giveUp(slot);
    this.#late.add(slot);
  }

  /** As `Connection.cancelLate`. */
  cancelLate(): void {
    for (const slot of this.#late) this.connection.cancel(slot);
  }

  /** Calls that are abandoned and not answered yet. */
  get lateCount(): number {
    return this.#late.size;
  }

  /** Gives back the slots of abandoned calls that have been answered. */
  finishLate(): void {
    for (const slot of this.#late) {
      const answer = this.poll(slot);
      if (answer === undefined) continue;
      dropAll(answer.refs);
      this.#late.delete(slot);
      this.finish(slot);
    }
  }

  /** Gives back the slot of the last `callSync`, whose answer's bytes may change from here on. */
  release(): void {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) this.finish(held);
  }

  /** Closes the connection and its queues: references that were sent and not taken are dropped. */
  close(): void {
    this.connection.close();
    this.#over ??= new RpcError('BAD_ARGUMENT', `the connection to ${this.connection.service} is closed`);
    if (this.#heap.isOpen) for (const holder of this.#holders) holder?.[Symbol.dispose]();
    this.#holders.fill(undefined);
    this.#queues.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #sendInTime(request: Payload, options: References & Deadline): number {
    const { waiter } = this.connection;
    let deadline = 0;
    for (;;) {
      const slot = this.send(request, options);
      if (slot !== undefined) {
        waiter.worked();
        return slot;
      }
      this.#queues.drain();
      const now = performance.now();
      if (deadline === 0) deadline = now + options.deadlineMs;
      else if (now >= deadline) {
        waiter.stop();
        throw new RpcError('TIMEOUT', `a call of ${this.connection.service} was not sent within ${options.deadlineMs} ms`, {
          hint: 'the server is behind: all calls of the window are in flight, or it has not taken the references of earlier ones',
        });
      }
      waiter.idle(deadline - now);
    }
  }

  #await(slot: number, deadlineMs: number): PolledAnswer {
    const { waiter } = this.connection;
    let deadline = 0;
    for (;;) {
      const answer = this.poll(slot, waiter.looks);
      if (answer !== undefined) {
        waiter.worked();
        return answer;
      }
      const now = performance.now();
      if (deadline === 0) deadline = now + deadlineMs;
      else if (now >= deadline) {
        waiter.stop();
        this.abandon(slot);
        throw new RpcError('TIMEOUT', `a call of ${this.connection.service} was not answered within ${deadlineMs} ms`, {
          hint: 'the server may be slow, stopped or dead: only its fence tells; the call may still be executed',
        });
      }
      this.connection.idle(deadline - now);
    }
  }

  #read(slot: number, { status, bytes, header }: Response): PolledAnswer {
    let parts: Parts | undefined;
    try {
      parts = readMessage(this.#queues, bytes, header === undefined ? 0 : new HeaderLine(header).references);
    } catch (error) {
      // There is no memory for what came: it is dropped, and the call is over.
      this.connection.finish(slot);
      throw error;
    }
    if (parts === undefined) {
      throw this.#end(
        new RpcError('OUTCOME_UNKNOWN', `${this.connection.service} answered with references that it did not send`, {
          hint: 'it lies, or somebody wrote over the pool: close the connection',
        }),
      );
    }
    this.#holders[slot] = parts.holder;
    if (status === codes.OK) return { status, bytes: parts.bytes, header, refs: parts.refs };
    dropAll(parts.refs);
    return { status, bytes: parts.bytes, header, refs: [] };
  }

  #end(error: RpcError): RpcError {
    this.#over = rpcError(`a call of ${this.connection.service}`, codes.CLOSED);
    return error;
  }
}

function takesNone(service: string): RpcError {
  return new RpcError('CLOSED', `${service} takes no references any more: its heap is closed, or it is gone`, {
    hint: 'connect again',
  });
}
