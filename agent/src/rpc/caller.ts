/** The calling side of one HydraRPC connection. The thread must have joined the pool. */
import { codes, constants } from '../layout/index.ts';
import type { Core } from '../pool/core.ts';
import { abortWord } from '../pool/map.ts';
import { looksPerPoll } from '../pool/poll.ts';
import { RpcError, type RpcFailureCode, rpcError } from './rpc-error.ts';
import { handOverName } from './service-name.ts';

export interface Connection {
  readonly service: string;
  /** Slot in the connection table. */
  readonly connection: number;
  /** The longest request and response, in bytes. */
  readonly payloadBytes: number;
  /**
   * One call: `request` is copied in, or fills the request buffer in place and returns its length. The response is a view of
   * the pool, valid until the next call on this connection. Throws RpcError: OUTCOME_UNKNOWN, PEER_LOST, TIMEOUT, REFUSED,
   * CLOSED, ABORTED, BAD_ARGUMENT. After OUTCOME_UNKNOWN, PEER_LOST, CLOSED and TIMEOUT: close it and connect again.
   */
  callSync(request: Uint8Array | ((buffer: Uint8Array) => number), options: { readonly deadlineMs: number }): Uint8Array;
  /** `calls` echo calls inside the core, each response verified; time this call. Throws RpcError as `callSync`. */
  callBatch(calls: number, payloadBytes: number, options: { readonly deadlineMs: number }): void;
  /**
   * Publishes a request whose reference or length is a lie, waits for the answer and returns its code: 'REFUSED' from a
   * server that checks. `offset` counts from the start of the pool; undefined for the honest buffer.
   */
  forge(
    lie: { readonly offset?: bigint; readonly length?: number },
    options: { readonly deadlineMs: number },
  ): RpcFailureCode | 'ACCEPTED';
  close(): void;
}

/** Between two looks at the directory while nobody listens. */
const restMs = 1;

/** Looks the service up until it listens or the deadline passes. Throws RpcError: NOT_FOUND, ABORTED, FULL. Blocks the thread. */
export function connect(core: Core, service: string, options: { readonly deadlineMs: number }): Connection {
  const deadline = performance.now() + options.deadlineMs;
  const nameBytes = handOverName(core, service);
  for (;;) {
    const answer = core.exports.rpcConnect(nameBytes);
    if (answer >= constants.HANDLE_BASE) return new PoolConnection(core, service, answer - constants.HANDLE_BASE);
    if (answer !== codes.NOT_FOUND || performance.now() >= deadline) throw rpcError(`connecting to ${service}`, answer);
    if (Atomics.wait(abortWord(core.mapped), 0, 0, restMs) === 'not-equal')
      throw rpcError(`connecting to ${service}`, codes.ABORTED);
  }
}

class PoolConnection implements Connection {
  readonly service: string;
  readonly connection: number;
  readonly payloadBytes: number;
  readonly #core: Core;
  readonly #handle: number;
  /** The response that the last call handed out is given back when the next one begins. */
  #holdsResponse = false;
  #over: RpcError | undefined;
  #closed = false;

  constructor(core: Core, service: string, handle: number) {
    this.service = service;
    this.#core = core;
    this.#handle = handle;
    this.connection = core.exports.rpcConnectionSlot(handle);
    this.payloadBytes = core.exports.rpcPayloadBytes(handle);
  }

  callSync(request: Uint8Array | ((buffer: Uint8Array) => number), options: { readonly deadlineMs: number }): Uint8Array {
    const { exports, pool } = this.#core;
    const buffer = this.#begin();
    let length: number;
    if (typeof request === 'function') {
      length = request(pool.subarray(buffer, buffer + this.payloadBytes));
    } else {
      length = request.length;
      if (length <= this.payloadBytes) pool.set(request, buffer);
    }
    if (!Number.isInteger(length) || length < 0 || length > this.payloadBytes) {
      throw new RpcError('BAD_ARGUMENT', `a request of ${length} bytes; ${this.service} takes at most ${this.payloadBytes}`);
    }
    this.#expect(exports.rpcPublish(this.#handle, length));
    this.#expect(this.#await(options.deadlineMs));
    const from = exports.rpcResponseOffset(this.#handle) >>> 0;
    return pool.subarray(from, from + (exports.rpcResponseLength(this.#handle) >>> 0));
  }

  callBatch(calls: number, payloadBytes: number, options: { readonly deadlineMs: number }): void {
    const { exports } = this.#core;
    if (this.#over !== undefined) throw this.#over;
    this.#giveBack();
    let left = calls;
    let deadline = 0;
    for (;;) {
      const finishedBefore = exports.rpcFinished(this.#handle);
      const code = exports.rpcCallBatch(this.#handle, left, payloadBytes, looksPerPoll);
      if (code === codes.OK) return;
      this.#holdsResponse = code === codes.CORRUPT || code === codes.REFUSED;
      if (code === codes.CORRUPT) throw new RpcError('BAD_ARGUMENT', `${this.service} did not send back what was sent`);
      if (code !== codes.PENDING) this.#expect(code);
      left -= (exports.rpcFinished(this.#handle) - finishedBefore) >>> 0;
      // The clock is read only once an answer is late, so that a batch that is timed pays for no clock.
      const now = performance.now();
      if (deadline === 0) deadline = now + options.deadlineMs;
      else if (now >= deadline) throw this.#end(late(this.service, options.deadlineMs));
    }
  }

  forge(
    lie: { readonly offset?: bigint; readonly length?: number },
    options: { readonly deadlineMs: number },
  ): RpcFailureCode | 'ACCEPTED' {
    const honest = BigInt(this.#begin()) - BigInt(constants.HEADER_BYTES);
    const offset = BigInt.asUintN(48, lie.offset ?? honest);
    const { exports } = this.#core;
    exports.rpcForge(this.#handle, Number(offset & 0xffffffffn), Number(offset >> 32n), lie.length ?? 8);
    try {
      this.#expect(this.#await(options.deadlineMs));
      return 'ACCEPTED';
    } catch (error) {
      if (error instanceof RpcError) return error.code;
      throw error;
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#over = new RpcError('BAD_ARGUMENT', `the connection to ${this.service} is closed`);
    this.#core.exports.rpcClose(this.#handle);
  }

  /** Where the next request's payload goes. */
  #begin(): number {
    if (this.#over !== undefined) throw this.#over;
    this.#giveBack();
    const buffer = this.#core.exports.rpcBeginCall(this.#handle) >>> 0;
    if (buffer < constants.HANDLE_BASE) this.#expect(buffer);
    return buffer;
  }

  #giveBack(): void {
    if (this.#holdsResponse) this.#core.exports.rpcFinishCall(this.#handle);
    this.#holdsResponse = false;
  }

  /** The status of the call in flight. */
  #await(deadlineMs: number): number {
    const { exports } = this.#core;
    let deadline = 0;
    for (;;) {
      const code = exports.rpcPollResponse(this.#handle, looksPerPoll);
      this.#holdsResponse = code === codes.OK || code === codes.REFUSED;
      if (code !== codes.PENDING) return code;
      const now = performance.now();
      if (deadline === 0) deadline = now + deadlineMs;
      else if (now >= deadline) throw this.#end(late(this.service, deadlineMs));
    }
  }

  /** A code that leaves a call in flight, or no peer, ends the connection: buffers that the server may still use are not reused. */
  #expect(code: number): void {
    if (code === codes.OK) return;
    const error = rpcError(`a call of ${this.service}`, code);
    throw code === codes.REFUSED || code === codes.BUSY || code === codes.BAD_ARGUMENT ? error : this.#end(error);
  }

  #end(error: RpcError): RpcError {
    this.#over = error;
    return error;
  }
}

function late(service: string, deadlineMs: number): RpcError {
  return new RpcError('TIMEOUT', `a call of ${service} was not answered within ${deadlineMs} ms`, {
    hint: 'the server may be slow, stopped or dead: only its fence tells; close this connection and connect again',
  });
}
