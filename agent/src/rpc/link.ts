/** What the callers of one service on one thread share: a connection, its window, and whoever waits for a place in it. */
import { codes, constants } from '../layout/index.ts';
import type { Core } from '../pool/core.ts';
import type { Call, Channel, SyncOptions } from './call.ts';
import { CallQueue } from './call-queue.ts';
import { type Connection, connect, type Response } from './caller.ts';
import { CallsInFlight } from './calls-in-flight.ts';
import { fenced, fullQueue, isLoss, notAnswered, notFound, notSent, outcomeUnknown, peerError, tooLarge } from './link-errors.ts';
import { LiveConnection } from './live-connection.ts';
import { RpcError, rpcError } from './rpc-error.ts';
import { callBesideOthers } from './sync-call.ts';
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
}

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
  #syncMayBeLate = false;
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

  /** Ends the channel's calls with CLOSED, and the link with its last channel. */
  detach(channel: Channel): void {
    if (!this.#queue.close(channel)) return;
    const error = new RpcError('CLOSED', `the caller of ${this.serviceName} was closed`);
    for (const call of [...channel.waiting, ...this.#flight.all()]) if (call.channel === channel) this.cancel(call, error);
    if (!this.#queue.hasChannels) this.#close(error);
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
      late: this.#flight.lateCount,
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
  cancel(call: Call, error: RpcError): void {
    if (!this.#queue.remove(call)) {
      if (!this.#flight.has(call)) return;
      this.#live?.connection.abandon(call.slot!);
      this.#flight.giveUp(call.slot!);
    }
    call.onError(error);
  }

  /**
   * One call whose response is handed out in place; the thread waits. Allocates nothing as long as nobody else uses the link, and then
   * the view is valid until the next call of the link.
   */
  callSync(channel: Channel, request: Uint8Array | ((buffer: Uint8Array) => number), options: SyncOptions): Uint8Array {
    const live = this.#live;
    if (live === undefined || channel.number !== 0 || this.#isActive || live.views !== 0 || this.#hasLate(live)) {
      return callBesideOthers(this, channel, request, options);
    }
    const { connection } = live;
    if (typeof request !== 'function' && request.length > connection.payloadBytes) throw tooLarge(this.serviceName, connection);
    const before = connection.next;
    try {
      return connection.callSync(request, options);
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      if (!isLoss(error)) {
        if (error.code === 'TIMEOUT') this.#syncMayBeLate = true;
        throw error.code === 'TIMEOUT' && this.#isFenced() ? fenced() : error;
      }
      const wasSent = connection.next !== before;
      this.#lose(error);
      if (this.#over?.code === 'FENCED' || this.#over?.code === 'ABORTED') throw this.#over;
      if (wasSent && !options.isRepeatable) throw outcomeUnknown(this.serviceName);
      if (this.#over !== undefined) throw this.#over;
      return callBesideOthers(this, channel, request, options);
    }
  }

  /** Whether a slot is reserved for a response that nobody waits for. */
  #hasLate(live: LiveConnection): boolean {
    if (this.#syncMayBeLate && live.connection.inFlight === 0) this.#syncMayBeLate = false;
    return this.#syncMayBeLate || this.#flight.lateCount !== 0;
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
    for (let slot = 0; slot < this.#flight.window; slot++) {
      if (!this.#flight.isAwaited(slot)) continue;
      const live = this.#live;
      if (live === undefined) return worked;
      let response: Response | undefined;
      try {
        response = live.connection.poll(slot);
      } catch (error) {
        this.#lose(error as RpcError);
        return true;
      }
      if (response === undefined) continue;
      worked = true;
      this.#handOut(live, slot, response);
    }
    return worked;
  }

  #handOut(live: LiveConnection, slot: number, response: Response): void {
    const call = this.#flight.take(slot);
    if (call?.onResponse(response, live, slot) !== true) live.connection.finish(slot);
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
    let slot: number | undefined;
    try {
      connection.release();
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
    call.sentAt = performance.now();
    this.#flight.put(call, slot);
    return true;
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
    this.#live = new LiveConnection(connection);
    if (this.#epoch++ !== 0) this.#reconnects++;
    this.#loss = undefined;
    this.#flight = new CallsInFlight(connection.window);
    this.#syncMayBeLate = false;
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

  #lastResponse(live: LiveConnection, { slot }: Call): Response | undefined {
    try {
      return live.connection.poll(slot!);
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

  #close(error: RpcError): void {
    this.#over = error;
    const live = this.#live;
    this.#live = undefined;
    if (live !== undefined && this.#isFenced()) live.leaveToRecovery();
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
