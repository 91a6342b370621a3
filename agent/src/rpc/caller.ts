/** The calling side of one HydraRPC connection. The thread must have joined the pool. */
import { codes, constants } from '../layout/index.ts';
import type { Core } from '../pool/core.ts';
import type { ClientIdentity } from '../protocol/messages.ts';
import { Buffers, LastMessage } from './buffers.ts';
import { RpcError, type RpcFailureCode, rpcError } from './rpc-error.ts';
import { handOverName } from './service-name.ts';
import { CallerStatistics } from './statistics.ts';
import { Waiter, type WaitingStrategy } from './wait.ts';

export interface Deadline {
  readonly deadlineMs: number;
}

export interface ConnectOptions {
  /** Of the service, as the server says it. Default 0. */
  readonly version?: number;
  /** What `callSync` and `callBatch` do between looks that find nothing (docs/waiting.md). Default `adaptive`. */
  readonly waiting?: WaitingStrategy;
}

/** What came back for a call: bytes of the pool, valid until `finish`. */
export interface Response {
  /** OK, REFUSED, FAILED, UNKNOWN_METHOD or TOO_LARGE, as a code of the core. */
  readonly status: number;
  readonly bytes: Uint8Array;
  /** The line before the payload, for those that have one. */
  readonly header: Uint8Array | undefined;
}

const noSlot = 64;

/**
 * Looks the service up until it listens or the deadline passes. Throws RpcError: NOT_FOUND, WRONG_VERSION, ABORTED, FULL. Blocks the
 * thread.
 */
export function connect(core: Core, service: string, options: Deadline & ConnectOptions): Connection {
  const deadline = performance.now() + options.deadlineMs;
  const nameBytes = handOverName(core, service);
  const waiter = new Waiter(core, { strategy: options.waiting ?? 'adaptive' });
  try {
    for (;;) {
      const answer = core.exports.rpcConnect(nameBytes, options.version ?? 0);
      if (answer >= constants.HANDLE_BASE) return new Connection(core, service, answer - constants.HANDLE_BASE, waiter);
      const leftMs = deadline - performance.now();
      if (answer !== codes.NOT_FOUND || leftMs <= 0) throw rpcError(`connecting to ${service}`, answer);
      waiter.idle(leftMs);
      if (waiter.isAborted) throw rpcError(`connecting to ${service}`, codes.ABORTED);
    }
  } finally {
    waiter.stop();
  }
}

/**
 * Calls go into slots, as many as the window has. `callSync` makes one call and waits for it; `begin`, `send`, `poll` and `finish` are its steps,
 * for who has several in flight. Nothing but `callSync` and `callBatch` waits.
 */
export class Connection {
  readonly service: string;
  /** Its place in the connection table. */
  readonly connection: number;
  /** The longest request and response, in bytes. */
  readonly payloadBytes: number;
  /** Calls in flight, at most. */
  readonly window: number;
  readonly #core: Core;
  readonly #handle: number;
  readonly #requests: Buffers;
  readonly #responses: Buffers;
  readonly #message: LastMessage;
  readonly #statistics: CallerStatistics;
  /** For the loop that polls this connection, and no other. */
  readonly waiter: Waiter;
  /** Of the ring of responses, in the linear memory; -1 where caches are not coherent, so that watching an entry would show nothing. */
  readonly #ringOffset: number;
  /**
   * Slots of calls that are not finished. `late`: nobody waits for them any more, but the server may still use their buffers. `held`: the
   * response was handed out by `callSync`.
   */
  readonly #state: ('free' | 'open' | 'late' | 'held')[];
  #next = 0;
  /** The slot of the last `callSync`, whose response was handed out. */
  #held = noSlot;
  #over: RpcError | undefined;
  #closed = false;

  constructor(core: Core, service: string, handle: number, waiter: Waiter) {
    this.service = service;
    this.#core = core;
    this.#handle = handle;
    this.connection = core.exports.rpcConnectionSlot(handle);
    this.payloadBytes = core.exports.rpcPayloadBytes(handle);
    this.#message = new LastMessage(core, handle);
    this.window = this.#message.window;
    const at = constants.CONNECTIONS_OFFSET + this.connection * constants.CONNECTION_BYTES;
    this.#requests = new Buffers(core, at + constants.REQUEST_ARENA_OFFSET, this.window, this.payloadBytes);
    this.#responses = new Buffers(core, at + constants.RESPONSE_ARENA_OFFSET, this.window, this.payloadBytes);
    this.#state = Array.from({ length: this.window }, () => 'free');
    this.#statistics = new CallerStatistics(core, this.connection);
    this.waiter = waiter;
    this.#ringOffset = this.#message.isCoherent ? core.mapped.poolBase + at + constants.RESPONSE_RING_OFFSET : -1;
  }

  /**
   * One call: `request` is copied in, or fills the request buffer in place and returns its length. The response is a view of the pool, valid
   * until the next `callSync`. Waits while the window is full, or the server wants no more calls. Throws RpcError: OUTCOME_UNKNOWN, PEER_LOST, TIMEOUT, REFUSED, FAILED,
   * UNKNOWN_METHOD, TOO_LARGE, CLOSED, ABORTED, BAD_ARGUMENT. After OUTCOME_UNKNOWN, PEER_LOST and CLOSED: close it and connect again.
   */
  callSync(request: Uint8Array | ((buffer: Uint8Array) => number), options: Deadline & { readonly method?: number }): Uint8Array {
    const slot = this.#nextFree(options.deadlineMs);
    let length: number;
    if (typeof request === 'function') {
      length = request(this.#requests.view(slot, this.payloadBytes));
    } else {
      length = request.length;
      if (length <= this.payloadBytes) this.#requests.write(slot, request);
    }
    this.#checkLength(length);
    const { exports } = this.#core;
    const method = options.method ?? 0;
    let { deadlineMs } = options;
    const sent = exports.rpcSend(this.#handle, length, method);
    // The last response is given back, and this call counted, while the server is at work.
    this.#giveBack();
    if (sent < constants.HANDLE_BASE) deadlineMs = this.#sendWhenWanted(sent, length, method, deadlineMs);
    this.#next++;
    this.#state[slot] = 'open';
    this.#statistics.sent();
    const code = this.#await(slot, deadlineMs);
    this.#held = slot;
    this.#state[slot] = 'held';
    this.#statistics.finished();
    if (code !== codes.OK) throw this.#statusError(code, slot);
    return this.#responses.view(slot, this.#message.lengthBytes);
  }

  /** Where the next request is to be written: a slot, or undefined while the window is full. Throws RpcError as `send`. */
  begin(): number | undefined {
    if (this.#over !== undefined) throw this.#over;
    const slot = this.#next & (this.window - 1);
    if (!this.#isFree(slot, 1) || slot === this.#held) return undefined;
    let answer = this.#core.exports.rpcBegin(this.#handle) >>> 0;
    if (answer === codes.BUSY && this.#freeLate()) answer = this.#core.exports.rpcBegin(this.#handle) >>> 0;
    if (answer >= constants.HANDLE_BASE) return slot;
    if (answer === codes.BUSY) return undefined;
    throw this.#refusal(answer);
  }

  /** The request buffer of the slot that `begin` returned. */
  request(slot: number): Uint8Array {
    return this.#requests.view(slot, this.payloadBytes);
  }

  /** The line before the slot's request, which is sent with it when its kind has `KIND_HEADER`. */
  requestHeader(slot: number): Uint8Array {
    return this.#requests.header(slot);
  }

  /** Sends the request in the slot that `begin` returned last. Throws RpcError: PEER_LOST, CLOSED, ABORTED, BAD_ARGUMENT. */
  send(slot: number, lengthBytes: number, kind: number): void {
    this.#checkLength(lengthBytes);
    const answer = this.#core.exports.rpcSend(this.#handle, lengthBytes, kind);
    if (answer !== constants.HANDLE_BASE + slot) throw this.#refusal(answer);
    this.#next++;
    this.#state[slot] = 'open';
    this.#statistics.sent();
  }

  /**
   * The response to the call in a slot, undefined while there is none. Throws RpcError: OUTCOME_UNKNOWN, CLOSED, ABORTED, and then the
   * connection is over.
   */
  poll(slot: number, maxLooks = 1): Response | undefined {
    const status = this.#core.exports.rpcPoll(this.#handle, slot, maxLooks);
    if (status === codes.PENDING) return undefined;
    if (!this.#isAnswer(status)) throw this.#end(status);
    const hasHeader = (this.#message.kind & constants.KIND_HEADER) !== 0;
    return {
      status,
      bytes: this.#responses.view(slot, this.#message.lengthBytes),
      header: hasHeader ? this.#responses.header(slot) : undefined,
    };
  }

  /** The slot of a call that has ended, and was not polled since; undefined while there is none. */
  pollAny(): number | undefined {
    let answer = this.#core.exports.rpcPollAny(this.#handle);
    while (answer >= constants.HANDLE_BASE) {
      const slot = answer - constants.HANDLE_BASE;
      if (this.#state[slot] !== 'late') return slot;
      this.#isFree(slot, 1);
      answer = this.#core.exports.rpcPollAny(this.#handle);
    }
    if (answer === codes.PENDING) return undefined;
    const open = this.#state.indexOf('open');
    return open < 0 ? undefined : open;
  }

  /** Gives the slot's buffers back; the bytes of its response may change from here on. Of a call that has not ended: as `abandon`. */
  finish(slot: number): void {
    const state = this.#state[slot];
    if (state === 'free') return;
    if (this.#core.exports.rpcFinish(this.#handle, slot) === codes.PENDING) {
      this.abandon(slot);
      return;
    }
    if (state !== 'held') this.#statistics.finished();
    this.#state[slot] = 'free';
  }

  /** Nobody waits for the call any more. Its slot is free once the response has come. */
  abandon(slot: number): void {
    if (this.#state[slot] !== 'open') return;
    this.giveUp(slot);
    this.#state[slot] = 'late';
  }

  /** As `abandon`, for who looks at the response when it comes, and finishes it. */
  giveUp(slot: number): void {
    if (this.#state[slot] === 'open') this.#statistics.late();
  }

  /**
   * Tells the server that nobody waits for the call in a slot: one that it has not begun it does not begin. The slot stays as it is. For servers of
   * services: others take it for a call of method 31.
   */
  cancel(slot: number): void {
    this.#core.exports.rpcCancel(this.#handle, slot);
  }

  /** The same for all that were abandoned. */
  cancelLate(): void {
    for (const [slot, state] of this.#state.entries()) if (state === 'late') this.cancel(slot);
  }

  /** Calls that are abandoned and not answered yet. */
  get lateCount(): number {
    return this.#state.reduce((count, state) => count + (state === 'late' ? 1 : 0), 0);
  }

  /** Gives back the slots of abandoned calls that have been answered. Throws RpcError as `poll`. */
  finishLate(): void {
    this.#freeLate();
  }

  /** Publishes the call in a slot again: harmless for a server that has seen it. */
  resend(slot: number): void {
    this.#core.exports.rpcResend(this.#handle, slot);
    this.#statistics.resent();
  }

  /** Gives back the slot of the last `callSync`, whose response may change from here on. */
  release(): void {
    this.#giveBack();
  }

  /** Which use of its place in the connection table this is. */
  get epoch(): number {
    return this.#message.epoch;
  }

  /** The client that serves. */
  get other(): ClientIdentity | undefined {
    return this.#message.other;
  }

  /** Number of the next call, its low 32 bits: tells after an error whether the call was sent. */
  get next(): number {
    return this.#message.next;
  }

  /** How many calls are not finished. */
  get inFlight(): number {
    return this.#state.reduce((count, state) => count + (state === 'free' ? 0 : 1), 0);
  }

  /** Whether the other side is still there: 'OK', or why not. */
  get peer(): 'OK' | 'CLOSED' | 'PEER_LOST' | 'ABORTED' {
    const code = this.#core.exports.rpcPeerState(this.#handle);
    if (code === codes.OK) return 'OK';
    return code === codes.PEER_LOST ? 'PEER_LOST' : code === codes.ABORTED ? 'ABORTED' : 'CLOSED';
  }

  /**
   * `calls` echo calls inside the core, `depth` in flight, or fewer if the server wants fewer; each response is verified; time this call.
   * Throws RpcError as `callSync`, and BAD_ARGUMENT while other calls are not finished.
   */
  callBatch(calls: number, payloadBytes: number, options: Deadline & { readonly depth?: number }): void {
    const { exports } = this.#core;
    if (this.#over !== undefined) throw this.#over;
    this.#giveBack();
    this.#freeLate();
    const others = this.inFlight;
    if (others !== 0) {
      throw new RpcError('BAD_ARGUMENT', `a batch of ${this.service} was begun while ${others} other calls are not finished`, {
        hint: 'finish them first, or connect once more',
      });
    }
    const startedAt = exports.rpcFinished(this.#handle);
    let left = calls;
    let deadline = 0;
    for (;;) {
      const before = exports.rpcFinished(this.#handle);
      const code = exports.rpcCallBatch(this.#handle, left, payloadBytes, options.depth ?? 1, this.waiter.looks);
      const finished = exports.rpcFinished(this.#handle);
      const ended = (finished - before) >>> 0;
      this.#statistics.echoed(ended);
      if (code !== codes.PENDING || ended !== 0) this.waiter.worked();
      if (code === codes.OK) break;
      if (code === codes.CORRUPT)
        throw this.#endWith(new RpcError('BAD_ARGUMENT', `${this.service} did not send back what was sent`));
      if (code !== codes.PENDING) throw this.#end(code);
      left -= ended;
      // The clock is read only once an answer is late, so that a batch that is timed pays for no clock.
      const now = performance.now();
      if (deadline === 0) deadline = now + options.deadlineMs;
      else if (now >= deadline) {
        this.waiter.stop();
        throw this.#endWith(late(this.service, options.deadlineMs));
      }
      if (ended === 0) this.idle(deadline - now, finished);
    }
    this.#next += (exports.rpcFinished(this.#handle) - startedAt) >>> 0;
  }

  /**
   * Publishes a request whose reference, length or kind is a lie, waits for the answer and returns its code: 'REFUSED' from a
   * server that checks. `offset` counts from the start of the pool; undefined for the honest buffer.
   */
  forge(
    lie: { readonly offset?: number; readonly length?: number; readonly kind?: number },
    options: Deadline,
  ): RpcFailureCode | 'ACCEPTED' {
    const slot = this.#nextFree(options.deadlineMs);
    const { exports } = this.#core;
    const honest = this.#requests.payloadOffset(slot);
    const answer = exports.rpcForge(this.#handle, lie.offset ?? honest, lie.length ?? 8, lie.kind ?? 0);
    if (answer !== constants.HANDLE_BASE + slot) throw this.#refusal(answer);
    this.#next++;
    this.#state[slot] = 'open';
    this.#statistics.sent();
    const code = this.#await(slot, options.deadlineMs);
    this.finish(slot);
    return code === codes.OK ? 'ACCEPTED' : this.#statusError(code, slot).code;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#over = new RpcError('BAD_ARGUMENT', `the connection to ${this.service} is closed`);
    this.#core.exports.rpcClose(this.#handle);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** The next slot, once it is free. */
  #nextFree(deadlineMs: number): number {
    if (this.#over !== undefined) throw this.#over;
    const slot = this.#next & (this.window - 1);
    if (slot === this.#held) this.#giveBack();
    if (this.#isFree(slot, 1)) return slot;
    const deadline = performance.now() + deadlineMs;
    for (;;) {
      if (this.#isFree(slot, this.waiter.looks)) {
        this.waiter.worked();
        return slot;
      }
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) {
        this.waiter.stop();
        throw new RpcError('TIMEOUT', `all ${this.window} calls of ${this.service} are in flight for ${deadlineMs} ms`, {
          hint: 'finish calls, or connect once more',
        });
      }
      this.idle(leftMs, this.#next - this.window);
    }
  }

  /** Waits a little for the response to the call with this number, after a poll that found none: see `Waiter.idle`. */
  idle(limitMs: number, call = this.#next - 1): void {
    const flag = Math.floor(call / this.window) % 2 === 0 ? 1 : 0;
    const entry = this.#ringOffset < 0 ? -1 : this.#ringOffset + (call % this.window) * 8;
    this.waiter.idle(limitMs, entry, flag);
  }

  /** A slot that nobody waits for becomes free with its response. */
  #isFree(slot: number, maxLooks: number): boolean {
    if (this.#state[slot] !== 'late') return this.#state[slot] === 'free';
    const code = this.#core.exports.rpcPoll(this.#handle, slot, maxLooks);
    if (code === codes.PENDING) return false;
    // BAD_ARGUMENT: the core has seen its response already.
    if (!this.#isAnswer(code) && code !== codes.BAD_ARGUMENT) throw this.#end(code);
    this.finish(slot);
    return true;
  }

  /** Whether a slot became free. */
  #freeLate(): boolean {
    let isAnyFree = false;
    for (let slot = 0; slot < this.window; slot++) {
      if (this.#state[slot] === 'late' && this.#isFree(slot, 1)) isAnyFree = true;
    }
    return isAnyFree;
  }

  /**
   * Sends the call that was answered with `refused`, once the server wants it: BUSY is all that passes. Returns what is left of the deadline. Throws
   * RpcError as `callSync`.
   */
  #sendWhenWanted(refused: number, length: number, method: number, deadlineMs: number): number {
    if (refused !== codes.BUSY) throw this.#refusal(refused);
    const { exports } = this.#core;
    const deadline = performance.now() + deadlineMs;
    for (;;) {
      this.#freeLate();
      const sent = exports.rpcSend(this.#handle, length, method);
      const leftMs = deadline - performance.now();
      if (sent >= constants.HANDLE_BASE) {
        this.waiter.worked();
        return Math.max(1, leftMs);
      }
      if (sent !== codes.BUSY) throw this.#refusal(sent);
      const peer = exports.rpcPeerState(this.#handle);
      if (peer !== codes.OK) throw this.#refusal(peer);
      if (leftMs <= 0) {
        this.waiter.stop();
        throw new RpcError(
          'TIMEOUT',
          `${this.service} wanted no more than ${this.inFlight} calls in flight for ${deadlineMs} ms`,
          {
            hint: 'finish calls, or connect once more',
          },
        );
      }
      this.waiter.idle(leftMs, -1, 0);
    }
  }

  /** The response that `callSync` handed out last may change from here on. */
  #giveBack(): void {
    const held = this.#held;
    if (held === noSlot) return;
    this.#held = noSlot;
    this.#core.exports.rpcFinish(this.#handle, held);
    this.#state[held] = 'free';
  }

  /** The status of the call in a slot; TIMEOUT leaves the slot to a response that may still come. */
  #await(slot: number, deadlineMs: number): number {
    const { exports } = this.#core;
    let deadline = 0;
    for (;;) {
      const code = exports.rpcPoll(this.#handle, slot, this.waiter.looks);
      if (code !== codes.PENDING) {
        this.waiter.worked();
        if (this.#isAnswer(code)) return code;
        throw this.#end(code);
      }
      const now = performance.now();
      if (deadline === 0) deadline = now + deadlineMs;
      else if (now >= deadline) {
        this.waiter.stop();
        this.abandon(slot);
        throw late(this.service, deadlineMs);
      }
      this.idle(deadline - now);
    }
  }

  #isAnswer(code: number): boolean {
    return (
      code === codes.OK ||
      code === codes.REFUSED ||
      code === codes.FAILED ||
      code === codes.UNKNOWN_METHOD ||
      code === codes.TOO_LARGE
    );
  }

  /** For a status that is no good end; what the server says of it stands in the response. */
  #statusError(code: number, slot: number): RpcError {
    const said = new TextDecoder().decode(this.#responses.view(slot, this.#message.lengthBytes).slice());
    const error = rpcError(`a call of ${this.service}`, code);
    return said === '' ? error : new RpcError(error.code, `${error.message}: ${said}`);
  }

  #checkLength(length: number): void {
    if (Number.isInteger(length) && length >= 0 && length <= this.payloadBytes) return;
    throw new RpcError('BAD_ARGUMENT', `a request of ${length} bytes; ${this.service} takes at most ${this.payloadBytes}`);
  }

  /** A code that leaves no peer ends the connection. */
  #refusal(code: number): RpcError {
    const isOver = code !== codes.BUSY && code !== codes.BAD_ARGUMENT;
    return isOver ? this.#end(code) : rpcError(`a call of ${this.service}`, code);
  }

  /** Only a call that was sent is of unknown outcome; those after it are told why they are not. */
  #end(code: number): RpcError {
    const what = `a call of ${this.service}`;
    const error = rpcError(what, code);
    if (code !== codes.OUTCOME_UNKNOWN) return this.#endWith(error);
    const peer = this.#core.exports.rpcPeerState(this.#handle);
    this.#over = rpcError(what, peer === codes.OK ? codes.CLOSED : peer);
    return error;
  }

  #endWith(error: RpcError): RpcError {
    this.#over = error;
    return error;
  }
}

function late(service: string, deadlineMs: number): RpcError {
  return new RpcError('TIMEOUT', `a call of ${service} was not answered within ${deadlineMs} ms`, {
    hint: 'the server may be slow, stopped or dead: only its fence tells; the call may still be executed',
  });
}
