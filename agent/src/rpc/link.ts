/** What the callers of one service on one thread share: a connection, its window, and whoever waits for a place in it. */
import { codes, constants } from '../layout/index.ts';
import type { Core } from '../pool/core.ts';
import type { HeapClient } from '../shm/heap-client.ts';
import type { Call, Channel, SyncOptions } from './call.ts';
import { CallQueue } from './call-queue.ts';
import { type Connection, connect, type Response } from './caller.ts';
import { CallsInFlight } from './calls-in-flight.ts';
import type { HeapAnswer, HeapRequest } from './heap-message.ts';
import { dropAll } from './heap-message.ts';
import {
  fenced,
  fullQueue,
  isLoss,
  noHeap,
  notAnswered,
  notFound,
  notSent,
  outcomeUnknown,
  peerError,
  tooLarge,
} from './link-errors.ts';
import { LiveConnection } from './live-connection.ts';
import { streamSteps, streamWord } from './message-header.ts';
import type { PolledAnswer } from './reference-caller.ts';
import { RpcError, rpcError } from './rpc-error.ts';
import { callBesideOthers, callHeapBesideOthers } from './sync-call.ts';
import { Turns } from './turns.ts';
import { Waiter, type WaitingStrategy } from './wait.ts';

export interface LinkOptions {
  /** What is done between looks that find nothing (docs/waiting.md). Default `adaptive`. */
  readonly waiting?: WaitingStrategy;
  /** A request that is not answered is published again so often. Default: never. */
  readonly resendMs?: number;
  /** Whether a lost connection is replaced by one to whoever serves by then. Default true. */
  readonly reconnect?: boolean;
  /** Calls that wait for a place in the window, of all callers of the link; further ones are refused with FULL. Default 65,536. */
  readonly waitingLimit?: number;
  /** This thread's heap: for services with methods of kind `heap`. */
  readonly heap?: HeapClient;
}

const nothing = new Uint8Array(0);
const retryConnectMs = 1;
const turnsPerFenceCheck = 64;

export class Link {
  readonly serviceName: string;
  readonly #core: Core;
  readonly #version: number;
  readonly #options: LinkOptions;
  readonly #waiter: Waiter;
  readonly #turns: Turns;
  readonly #queue = new CallQueue();
  #live: LiveConnection | undefined;
  /** Of the connection there is, or was. */
  #flight = new CallsInFlight(0);
  /** Counts connections. */
  #epoch = 0;
  /** Whether a slot may be reserved for a response that nobody waits for. */
  #mayBeLate = false;
  #over: RpcError | undefined;
  #loss: RpcError | undefined;
  #nextConnectAt = 0;
  #nextDeadlineAt = Number.POSITIVE_INFINITY;
  #turnCount = 0;
  #streams = 0;
  #resent = 0;
  #reconnects = 0;

  constructor(core: Core, serviceName: string, version: number, options: LinkOptions) {
    this.serviceName = serviceName;
    this.#core = core;
    this.#version = version;
    this.#options = options;
    this.#waiter = new Waiter(core, options.waiting === undefined ? {} : { strategy: options.waiting });
    this.#turns = new Turns(() => this.#turn(), this.#waiter);
  }

  attach(): Channel {
    return this.#queue.open();
  }

  /** Ends the channel's calls with CLOSED, and the link with its last channel. `keepsViews`: of replies, until they are released. */
  detach(channel: Channel, keepsViews = false): void {
    if (!this.#queue.close(channel)) return;
    const error = new RpcError('CLOSED', `the caller of ${this.serviceName} was closed`);
    for (const call of [...channel.waiting, ...this.#flight.all()]) if (call.channel === channel) this.cancel(call, error);
    if (!this.#queue.hasChannels) this.#close(error, keepsViews);
  }

  get isOver(): boolean {
    return this.#over !== undefined;
  }

  /** The place of the connection in the pool's table; undefined while there is none. */
  get connectionPlace(): number | undefined {
    return this.#live?.connection.connection;
  }

  get counters() {
    return {
      inFlight: this.#flight.count,
      waiting: this.#queue.count,
      late: this.#live?.lateCount ?? 0,
      views: this.#live?.views ?? 0,
      resent: this.#resent,
      reconnects: this.#reconnects,
    };
  }

  get epoch(): number {
    return this.#epoch;
  }

  nextStreamNumber(): number {
    return ++this.#streams;
  }

  /** Sends the call as soon as the window has a place for it; false if it has to wait. */
  submit(call: Call): boolean {
    if (this.#over !== undefined) {
      call.onError(this.#over);
      return true;
    }
    if (this.#queue.count >= (this.#options.waitingLimit ?? 65_536)) {
      call.onError(fullQueue(this.serviceName, this.#queue.count));
      return true;
    }
    this.#queue.add(call);
    this.#nextDeadlineAt = Math.min(this.#nextDeadlineAt, call.deadlineAt);
    this.#startWaiting();
    if (this.#isActive) this.#turns.start();
    return call.slot !== undefined;
  }

  /** Ends a call early. One that was sent leaves its slot to a response that may still come. */
  cancel(call: Call, error: Error): void {
    if (!this.#queue.remove(call)) {
      if (!this.#flight.has(call)) return;
      this.#flight.take(call.slot!);
      this.#live?.abandon(call.slot!);
      // What ends a stream is to be done whether anybody waits for it or not.
      if (streamWord.step(call.streamWord) !== streamSteps.drop) this.#live?.connection.cancel(call.slot!);
      this.#mayBeLate = true;
    }
    call.onError(error);
  }

  /**
   * One call whose response is handed out in place; the thread waits. Allocates nothing as long as nobody else uses the link, and then
   * the view is valid until the next call of the link.
   */
  callSync(channel: Channel, request: Uint8Array | ((buffer: Uint8Array) => number), options: SyncOptions): Uint8Array {
    const live = this.#live;
    if (live === undefined || !this.#isAlone(channel, live)) return callBesideOthers(this, channel, request, options);
    const { connection } = live;
    if (typeof request !== 'function' && request.length > connection.payloadBytes) throw tooLarge(this.serviceName, connection);
    if (live.references !== undefined) live.references.release();
    const before = connection.next;
    try {
      return connection.callSync(request, options);
    } catch (error) {
      this.#afterSync(error, connection.next !== before, options);
      return callBesideOthers(this, channel, request, options);
    }
  }

  /** The same for a method of kind `heap`. The answer's bytes are valid until the next call of the link. */
  callHeapSync(channel: Channel, request: HeapRequest, options: SyncOptions): HeapAnswer {
    const live = this.#live;
    if (live?.references === undefined || !this.#isAlone(channel, live)) {
      return callHeapBesideOthers(this, channel, request, options);
    }
    const { connection, references } = live;
    connection.release();
    const before = connection.next;
    try {
      const { refs = [], move = false } = request;
      const { method, deadlineMs } = options;
      return references.callSync(request.bytes ?? nothing, { refs, move, method, deadlineMs });
    } catch (error) {
      this.#afterSync(error, connection.next !== before, options);
      // What was moved and is lost cannot be sent again.
      if (request.refs?.some(({ isSpent }) => isSpent) === true) throw error;
      return callHeapBesideOthers(this, channel, request, options);
    }
  }

  /** Whether nobody else uses the connection now, and every slot is free. */
  #isAlone(channel: Channel, live: LiveConnection): boolean {
    if (channel.number !== 0 || this.#isActive || live.views !== 0) return false;
    if (!this.#mayBeLate) return true;
    this.#collectLate(live);
    return this.#live === live && !this.#mayBeLate;
  }

  /** Returns when the call was not sent and is to be tried again. */
  #afterSync(error: unknown, wasSent: boolean, { isRepeatable }: SyncOptions): void {
    if (!(error instanceof RpcError)) throw error;
    if (!isLoss(error)) {
      if (error.code === 'TIMEOUT') {
        this.#mayBeLate = true;
        this.#live?.cancelLate();
      }
      throw error.code === 'TIMEOUT' && this.#isFenced() ? fenced() : error;
    }
    this.#lose(error);
    if (this.#over?.code === 'FENCED' || this.#over?.code === 'ABORTED') throw this.#over;
    if (wasSent && !isRepeatable) throw outcomeUnknown(this.serviceName);
    if (this.#over !== undefined) throw this.#over;
  }

  /** Slots of abandoned calls are free once their responses have come. */
  #collectLate(live: LiveConnection): void {
    try {
      live.finishLate();
      this.#mayBeLate = live.lateCount !== 0;
    } catch (error) {
      this.#endWith(error);
    }
  }

  /** Takes turns, blocking the thread, until calls that were submitted are over: each has a deadline, so this has one. */
  drive(isDone: () => boolean): void {
    const waiter = this.#waiter;
    try {
      while (!isDone()) {
        if (this.#turn() === 'worked') waiter.worked();
        else if (!isDone()) waiter.idle(this.#nextDeadlineAt - performance.now());
      }
    } finally {
      waiter.stop();
    }
  }

  get #isActive(): boolean {
    return this.#flight.count !== 0 || this.#queue.count !== 0;
  }

  #turn(): 'worked' | 'idle' | 'over' {
    const collected = this.#collect();
    const started = this.#startWaiting();
    this.#lookAtClock();
    if (++this.#turnCount % turnsPerFenceCheck === 0 && this.#over === undefined && this.#isFenced()) this.#endFenced();
    if (!this.#isActive) return 'over';
    return collected || started ? 'worked' : 'idle';
  }

  /** Hands out the responses that have come. */
  #collect(): boolean {
    let worked = false;
    if (this.#mayBeLate && this.#live !== undefined) this.#collectLate(this.#live);
    for (let slot = 0; slot < this.#flight.window; slot++) {
      if (!this.#flight.isAwaited(slot)) continue;
      const live = this.#live;
      if (live === undefined) return worked;
      let response: Response | PolledAnswer | undefined;
      try {
        response = live.poll(slot);
      } catch (error) {
        this.#endWith(error, slot);
        return true;
      }
      if (response === undefined) continue;
      worked = true;
      this.#handOut(live, slot, response);
    }
    return worked;
  }

  /** A response that could not be received: there is no memory for what it brings, or the connection is lost. */
  #endWith(error: unknown, slot?: number): void {
    if (error instanceof RpcError) this.#lose(error);
    else if (slot !== undefined) this.#flight.take(slot)?.onError(error as Error);
  }

  #handOut(live: LiveConnection, slot: number, response: Response | PolledAnswer): void {
    const call = this.#flight.take(slot);
    // Nobody asked for references.
    if ('refs' in response && call?.heap === undefined) dropAll(response.refs);
    if (call?.onResponse(response, live, slot) !== true) live.finish(slot);
  }

  /** Sends what waits, one call of each channel in turn, while the window has room. */
  #startWaiting(): boolean {
    let started = false;
    while (this.#queue.count !== 0) {
      if (this.#live === undefined && !this.#tryConnect()) return started;
      const call = this.#queue.next();
      if (call === undefined || !this.#start(call)) return started;
      started = true;
    }
    return started;
  }

  /** False: not now, nothing changed. */
  #start(call: Call): boolean {
    const live = this.#live!;
    const { connection } = live;
    const refusal = this.#refusalOf(call);
    if (refusal !== undefined || call.methodNumber === undefined) {
      this.#queue.take(call);
      if (refusal === undefined) call.onConnected?.();
      else call.onError(refusal);
      return true;
    }
    if (call.heap !== undefined) return this.#startHeap(call, call.heap, live);
    let slot: number | undefined;
    try {
      live.releaseLast();
      slot = connection.begin();
    } catch (error) {
      this.#lose(error as RpcError);
      return false;
    }
    if (slot === undefined) return false;
    this.#queue.take(call);
    let length: number;
    try {
      length = call.write(connection.request(slot));
      if (length > connection.payloadBytes) throw tooLarge(this.serviceName, connection);
    } catch (error) {
      call.onError(error instanceof RpcError ? error : new RpcError('BAD_ARGUMENT', (error as Error).message));
      return true;
    }
    const hasHeader = call.channel.number !== 0 || call.streamWord !== 0;
    if (hasHeader) live.header(slot).write(call.methodNumber, call.channel.number, call.streamWord);
    try {
      connection.send(slot, length, call.methodNumber + (hasHeader ? constants.KIND_HEADER : 0));
    } catch (error) {
      if (!isLoss(error as RpcError)) {
        call.onError(error as RpcError);
        return true;
      }
      this.#putBack(call);
      this.#lose(error as RpcError);
      return false;
    }
    if (call.pin?.isOpening) call.pin.shared.epoch = this.#epoch;
    this.#wasSent(call, slot);
    return true;
  }

  #startHeap(call: Call, { bytes = nothing, refs = [], move = false }: HeapRequest, live: LiveConnection): boolean {
    let slot: number | undefined;
    try {
      if (live.references === undefined) throw noHeap(this.serviceName);
      live.releaseLast();
      slot = live.references.send(bytes, { refs, move, method: call.methodNumber!, channel: call.channel.number });
    } catch (error) {
      const loss = error instanceof RpcError && isLoss(error) ? error : undefined;
      // What was moved and is lost cannot be sent again.
      const isOver = loss === undefined || refs.some(({ isSpent }) => isSpent);
      if (isOver) {
        this.#queue.take(call);
        call.onError(error as Error);
      }
      if (loss !== undefined) this.#lose(loss);
      return loss === undefined;
    }
    if (slot === undefined) return false;
    this.#queue.take(call);
    this.#wasSent(call, slot);
    return true;
  }

  #wasSent(call: Call, slot: number): void {
    call.sentAt = performance.now();
    this.#flight.put(call, slot);
  }

  /** A stream goes on only where it was opened: another server knows nothing of it. */
  #refusalOf({ pin }: Call): RpcError | undefined {
    if (pin === undefined || pin.isOpening || pin.shared.epoch === this.#epoch) return undefined;
    return rpcError(`a stream of ${this.serviceName}`, codes.PEER_LOST);
  }

  #putBack(call: Call): void {
    this.#queue.putBack(call);
    this.#nextDeadlineAt = Math.min(this.#nextDeadlineAt, call.deadlineAt);
  }

  #tryConnect(): boolean {
    const now = performance.now();
    if (now < this.#nextConnectAt) return false;
    this.#nextConnectAt = now + retryConnectMs;
    if (this.#isFenced()) {
      this.#endFenced();
      return false;
    }
    let connection: Connection;
    try {
      const { waiting } = this.#options;
      const how = { deadlineMs: 0, version: this.#version, ...(waiting === undefined ? {} : { waiting }) };
      connection = connect(this.#core, this.serviceName, how);
    } catch (error) {
      const { code } = error as RpcError;
      if (code === 'ABORTED' || code === 'BAD_ARGUMENT') this.#endAll(error as RpcError);
      // Who answers so now may not do so later: calls wait until their deadlines, and are told the last answer.
      else if (code !== 'NOT_FOUND') this.#loss = error as RpcError;
      else this.#loss ??= notFound(this.serviceName);
      return false;
    }
    this.#live = new LiveConnection(connection, this.#options.heap);
    if (this.#epoch++ !== 0) this.#reconnects++;
    this.#loss = undefined;
    this.#flight = new CallsInFlight(connection.window);
    this.#mayBeLate = false;
    return true;
  }

  /** The connection is gone. Calls that were answered have their responses; of the others nobody knows. */
  #lose(error: RpcError): void {
    const live = this.#live;
    if (live === undefined) return;
    this.#live = undefined;
    const calls = this.#flight.all();
    const { peer } = live.connection;
    const isOver = error.code === 'ABORTED' || this.#options.reconnect === false;
    if (this.#isFenced()) this.#over = fenced();
    else if (isOver) this.#over = error.code === 'ABORTED' ? error : peerError(this.serviceName, peer);
    else this.#loss = peerError(this.serviceName, peer);
    for (const call of calls) {
      const response = this.#lastResponse(live, call);
      if (response !== undefined) this.#handOut(live, call.slot!, response);
      else {
        this.#flight.take(call.slot!);
        if (this.#over?.code === 'ABORTED' || this.#over?.code === 'FENCED') call.onError(this.#over);
        else if (call.isRepeatable && this.#over === undefined) this.#putBack(call);
        else call.onError(outcomeUnknown(this.serviceName));
      }
    }
    if (this.#over?.code === 'FENCED') live.leaveToRecovery();
    else live.retire();
    this.#nextConnectAt = 0;
    if (this.#over !== undefined) this.#endAll(this.#over);
  }

  #lastResponse(live: LiveConnection, { slot }: Call): Response | PolledAnswer | undefined {
    try {
      return live.poll(slot!);
    } catch {
      return undefined;
    }
  }

  #isFenced(): boolean {
    const { exports } = this.#core;
    const self = exports.selfClient();
    return self >= 0 && exports.isFenced(self, exports.selfIncarnation()) !== 0;
  }

  #endFenced(): void {
    const live = this.#live;
    this.#live = undefined;
    live?.leaveToRecovery();
    this.#endAll(fenced());
  }

  /** For good. */
  #endAll(error: RpcError): void {
    this.#over = error;
    for (const call of this.#all()) this.cancel(call, error);
  }

  #close(error: RpcError, keepsViews: boolean): void {
    this.#over = error;
    const live = this.#live;
    this.#live = undefined;
    if (live !== undefined && this.#isFenced()) live.leaveToRecovery();
    else if (keepsViews) live?.retire();
    else live?.close();
  }

  /** Deadlines, and requests that are to be sent again. */
  #lookAtClock(): void {
    const now = performance.now();
    const { resendMs } = this.#options;
    if (resendMs !== undefined) {
      for (const call of this.#flight.all()) {
        if (now - call.sentAt < resendMs) continue;
        this.#live?.connection.resend(call.slot!);
        call.sentAt = now;
        this.#resent++;
      }
    }
    if (now < this.#nextDeadlineAt) return;
    this.#nextDeadlineAt = Number.POSITIVE_INFINITY;
    for (const call of this.#all()) {
      if (now >= call.deadlineAt) this.cancel(call, this.#lateError(call));
      else this.#nextDeadlineAt = Math.min(this.#nextDeadlineAt, call.deadlineAt);
    }
  }

  #all(): readonly Call[] {
    return [...this.#flight.all(), ...this.#queue.all()];
  }

  #lateError({ slot, deadlineMs }: Call): RpcError {
    if (this.#isFenced()) return fenced();
    if (slot !== undefined) return notAnswered(this.serviceName, deadlineMs);
    if (this.#live === undefined && this.#loss !== undefined) return this.#loss;
    return notSent(this.serviceName, deadlineMs);
  }
}
