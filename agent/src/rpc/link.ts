/** What the callers of one service on one thread share: a connection, its window, and whoever waits for a place in it. */
import { codes, constants } from '../layout/index.ts';
import type { Core } from '../pool/core.ts';
import { abortWord } from '../pool/map.ts';
import { type Connection, connect, type Response } from './caller.ts';
import { LiveConnection } from './live-connection.ts';
import { readText } from './payload.ts';
import { RpcError, rpcError } from './rpc-error.ts';
import { type TurnOptions, Turns } from './turns.ts';
import type { WaitingStrategy } from './wait.ts';

export interface LinkOptions extends TurnOptions {
  /** What a synchronous call does between looks that find nothing (docs/waiting.md). Default `adaptive`. */
  readonly waiting?: WaitingStrategy;
  /** A request that is not answered is published again so often. Default: never. */
  readonly resendMs?: number;
  /** Whether a lost connection is replaced by one to whoever serves by then. Default true. */
  readonly reconnect?: boolean;
  /** Calls that wait for a place in the window, of all callers of the link; further ones are refused with FULL. Default 65,536. */
  readonly waitingLimit?: number;
}

/** One call, from `submit` to its end, which it is told exactly once. */
export interface Call {
  readonly channel: Channel;
  /** The method's number; undefined: nothing is sent, it ends once there is a connection. */
  readonly methodNumber: number | undefined;
  readonly streamWord: number;
  /** Writes the request into the buffer; its length, which may be more than there is room for. */
  write: (buffer: Uint8Array) => number;
  /** May be sent to another server when the first was lost. */
  readonly isRepeatable: boolean;
  /** Of a stream: the connection that it was opened on. */
  readonly pin: Pin | undefined;
  readonly deadlineMs: number;
  readonly deadlineAt: number;
  /** Whether it keeps the slot, and releases it later. */
  readonly onResponse: (response: Response, live: LiveConnection, slot: number) => boolean;
  readonly onConnected?: () => void;
  readonly onError: (error: RpcError) => void;
  slot: number | undefined;
  sentAt: number;
}

export interface Pin {
  readonly isOpening: boolean;
  readonly shared: { epoch: number | undefined };
}

/** One logical caller of a link. */
export class Channel {
  readonly number: number;
  readonly waiting = new Set<Call>();

  constructor(number: number) {
    this.number = number;
  }
}

const retryConnectMs = 1;
const turnsPerFenceCheck = 64;
/** A blocked thread spins so long before it sleeps between looks. */
const spinSyncMs = 20;

export class Link {
  readonly serviceName: string;
  readonly #core: Core;
  readonly #version: number;
  readonly #options: LinkOptions;
  readonly #turns: Turns;
  readonly #channels: Channel[] = [];
  #nextChannel = 0;
  #firstChannel = 0;
  #live: LiveConnection | undefined;
  /** Counts connections. */
  #epoch = 0;
  #inFlight: (Call | undefined)[] = [];
  #inFlightCount = 0;
  #waitingCount = 0;
  /** Slots whose calls nobody waits for, until their responses come. */
  readonly #late = new Set<number>();
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
    this.#turns = new Turns(() => this.#turn(), options);
  }

  attach(): Channel {
    const channel = new Channel(this.#nextChannel++);
    this.#channels.push(channel);
    return channel;
  }

  /** Ends the channel's calls with CLOSED, and the link with its last channel. */
  detach(channel: Channel): void {
    const at = this.#channels.indexOf(channel);
    if (at < 0) return;
    this.#channels.splice(at, 1);
    const error = new RpcError('CLOSED', `the caller of ${this.serviceName} was closed`);
    for (const call of [...channel.waiting, ...this.#inFlight]) if (call?.channel === channel) this.cancel(call, error);
    if (this.#channels.length === 0) this.#close(error);
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
      inFlight: this.#inFlightCount,
      waiting: this.#waitingCount,
      late: this.#late.size,
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
    if (this.#waitingCount >= (this.#options.waitingLimit ?? 65_536)) {
      call.onError(
        new RpcError('FULL', `${this.#waitingCount} calls of ${this.serviceName} wait for a place in the window`, {
          hint: 'await some of them before you make more',
        }),
      );
      return true;
    }
    call.channel.waiting.add(call);
    this.#waitingCount++;
    this.#nextDeadlineAt = Math.min(this.#nextDeadlineAt, call.deadlineAt);
    this.#startWaiting();
    if (this.#isActive) this.#turns.start();
    return call.slot !== undefined;
  }

  /** Ends a call early. One that was sent leaves its slot to a response that may still come. */
  cancel(call: Call, error: RpcError): void {
    if (call.channel.waiting.delete(call)) this.#waitingCount--;
    else if (call.slot !== undefined && this.#inFlight[call.slot] === call) {
      this.#live?.connection.abandon(call.slot);
      this.#late.add(call.slot);
      this.#takeOut(call.slot);
    } else return;
    call.onError(error);
  }

  /**
   * One call whose response is handed out in place; the thread waits. Allocates nothing as long as nobody else uses the link, and then
   * the view is valid until the next call of the link.
   */
  callSync(channel: Channel, request: Uint8Array | ((buffer: Uint8Array) => number), options: SyncOptions): Uint8Array {
    const live = this.#live;
    if (live === undefined || channel.number !== 0 || this.#isActive || live.views !== 0 || this.#hasLate(live)) {
      return this.#callSyncBesideOthers(channel, request, options);
    }
    const { connection } = live;
    if (typeof request !== 'function' && request.length > connection.payloadBytes) throw tooLarge(this.serviceName, connection);
    const before = connection.next;
    try {
      return connection.callSync(request, options);
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      if (!this.#isLoss(error)) {
        if (error.code === 'TIMEOUT') this.#syncMayBeLate = true;
        throw error.code === 'TIMEOUT' && this.#isFenced() ? this.#fencedError() : error;
      }
      const wasSent = connection.next !== before;
      this.#lose(error);
      if (this.#over?.code === 'FENCED' || this.#over?.code === 'ABORTED') throw this.#over;
      if (wasSent && !options.isRepeatable) throw this.#unknown();
      if (this.#over !== undefined) throw this.#over;
      return this.#callSyncBesideOthers(channel, request, options);
    }
  }

  /** Whether a slot is reserved for a response that nobody waits for. */
  #hasLate(live: LiveConnection): boolean {
    if (this.#syncMayBeLate && live.connection.inFlight === 0) this.#syncMayBeLate = false;
    return this.#syncMayBeLate || this.#late.size !== 0;
  }

  /** A call as all others are, with the turns taken here until it ends. The response is a copy. */
  #callSyncBesideOthers(
    channel: Channel,
    request: Uint8Array | ((buffer: Uint8Array) => number),
    options: SyncOptions,
  ): Uint8Array {
    let bytes: Uint8Array | undefined;
    let failure: RpcError | undefined;
    const startedAt = performance.now();
    const call: Call = {
      channel,
      methodNumber: options.method,
      streamWord: 0,
      write: typeof request === 'function' ? request : (buffer) => copyInto(request, buffer),
      isRepeatable: options.isRepeatable,
      pin: undefined,
      deadlineMs: options.deadlineMs,
      deadlineAt: startedAt + options.deadlineMs,
      onResponse: (response) => {
        if (response.status === codes.OK) bytes = response.bytes.slice();
        else failure = this.statusError(response);
        return false;
      },
      onError: (error) => {
        failure = error;
      },
      slot: undefined,
      sentAt: 0,
    };
    this.submit(call);
    this.#driveUntil(() => bytes !== undefined || failure !== undefined);
    if (failure !== undefined) throw failure;
    return bytes!;
  }

  /** Waits, blocking the thread, for a connection. */
  connectSync(channel: Channel, deadlineMs: number): void {
    let isDone = false;
    let failure: RpcError | undefined;
    this.submit(
      this.connectingCall(
        channel,
        deadlineMs,
        () => {
          isDone = true;
        },
        (error) => {
          failure = error;
        },
      ),
    );
    this.#driveUntil(() => isDone || failure !== undefined);
    if (failure !== undefined) throw failure;
  }

  /** A call that sends nothing and ends once there is a connection. */
  connectingCall(channel: Channel, deadlineMs: number, onConnected: () => void, onError: (error: RpcError) => void): Call {
    return {
      channel,
      methodNumber: undefined,
      streamWord: 0,
      write: () => 0,
      isRepeatable: true,
      pin: undefined,
      deadlineMs,
      deadlineAt: performance.now() + deadlineMs,
      onResponse: () => false,
      onConnected,
      onError,
      slot: undefined,
      sentAt: 0,
    };
  }

  /** For a response that is no good end; what the server says of it stands in the response. */
  statusError({ status, bytes }: Response): RpcError {
    const said = readText(bytes);
    const error = rpcError(`a call of ${this.serviceName}`, status);
    return said === '' ? error : new RpcError(error.code, `${error.message}: ${said}`);
  }

  /** Every call in the loop has a deadline, so the loop has one. */
  #driveUntil(isDone: () => boolean): void {
    let lastWorkAt = performance.now();
    while (!isDone()) {
      const outcome = this.#turn();
      const now = performance.now();
      if (outcome === 'worked') lastWorkAt = now;
      else if (now - lastWorkAt > spinSyncMs) Atomics.wait(abortWord(this.#core.mapped), 0, 0, 1);
    }
  }

  get #isActive(): boolean {
    return this.#inFlightCount !== 0 || this.#waitingCount !== 0;
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
    for (let slot = 0; slot < this.#inFlight.length; slot++) {
      const isLate = this.#late.has(slot);
      if (this.#inFlight[slot] === undefined && !isLate) continue;
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
    const call = this.#inFlight[slot];
    this.#late.delete(slot);
    if (call === undefined) live.connection.finish(slot);
    else {
      this.#takeOut(slot);
      if (!call.onResponse(response, live, slot)) live.connection.finish(slot);
    }
  }

  #takeOut(slot: number): void {
    this.#inFlight[slot] = undefined;
    this.#inFlightCount--;
  }

  /** Sends what waits, one call of each channel in turn, while the window has room. */
  #startWaiting(): boolean {
    let started = false;
    while (this.#waitingCount !== 0) {
      if (this.#live === undefined && !this.#tryConnect()) return started;
      const call = this.#nextWaiting();
      if (call === undefined || !this.#start(call)) return started;
      started = true;
    }
    return started;
  }

  #nextWaiting(): Call | undefined {
    for (let count = 0; count < this.#channels.length; count++) {
      const at = (this.#firstChannel + count) % this.#channels.length;
      for (const call of this.#channels[at]!.waiting) {
        this.#firstChannel = at;
        return call;
      }
    }
    return undefined;
  }

  /** False: not now, nothing changed. */
  #start(call: Call): boolean {
    const live = this.#live!;
    const { connection } = live;
    const refusal = this.#refusalOf(call);
    if (refusal !== undefined || call.methodNumber === undefined) {
      this.#leaveQueue(call);
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
    this.#leaveQueue(call);
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
      if (!this.#isLoss(error as RpcError)) {
        call.onError(error as RpcError);
        return true;
      }
      this.#putBack(call);
      this.#lose(error as RpcError);
      return false;
    }
    if (call.pin?.isOpening) call.pin.shared.epoch = this.#epoch;
    call.slot = slot;
    call.sentAt = performance.now();
    this.#late.delete(slot);
    this.#inFlight[slot] = call;
    this.#inFlightCount++;
    return true;
  }

  /** A stream goes on only where it was opened: another server knows nothing of it. */
  #refusalOf({ pin }: Call): RpcError | undefined {
    if (pin === undefined || pin.isOpening || pin.shared.epoch === this.#epoch) return undefined;
    return rpcError(`a stream of ${this.serviceName}`, codes.PEER_LOST);
  }

  #leaveQueue(call: Call): void {
    call.channel.waiting.delete(call);
    this.#waitingCount--;
    this.#firstChannel++;
  }

  /** Before all others of its channel. */
  #putBack(call: Call): void {
    const others = [...call.channel.waiting];
    call.channel.waiting.clear();
    for (const waiting of [call, ...others]) call.channel.waiting.add(waiting);
    call.slot = undefined;
    this.#waitingCount++;
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
    this.#inFlight = new Array<Call | undefined>(connection.window).fill(undefined);
    this.#late.clear();
    this.#syncMayBeLate = false;
    return true;
  }

  #isLoss({ code }: RpcError): boolean {
    return code === 'OUTCOME_UNKNOWN' || code === 'PEER_LOST' || code === 'CLOSED' || code === 'ABORTED' || code === 'FENCED';
  }

  /** The connection is gone. Calls that were answered have their responses; of the others nobody knows. */
  #lose(error: RpcError): void {
    const live = this.#live;
    if (live === undefined) return;
    this.#live = undefined;
    const calls = this.#inFlight.filter((call) => call !== undefined);
    const { peer } = live.connection;
    const isOver = error.code === 'ABORTED' || this.#options.reconnect === false;
    if (this.#isFenced()) this.#over = this.#fencedError();
    else if (isOver) this.#over = error.code === 'ABORTED' ? error : this.#peerError(peer);
    else this.#loss = this.#peerError(peer);
    for (const call of calls) {
      const response = this.#lastResponse(live, call);
      if (response !== undefined) this.#handOut(live, call.slot!, response);
      else {
        this.#takeOut(call.slot!);
        if (this.#over?.code === 'ABORTED' || this.#over?.code === 'FENCED') call.onError(this.#over);
        else if (call.isRepeatable && this.#over === undefined) this.#putBack(call);
        else call.onError(this.#unknown());
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

  #peerError(peer: Connection['peer']): RpcError {
    return rpcError(`a call of ${this.serviceName}`, peer === 'PEER_LOST' ? codes.PEER_LOST : codes.CLOSED);
  }

  #unknown(): RpcError {
    return new RpcError('OUTCOME_UNKNOWN', `a call of ${this.serviceName} was sent and never answered: its server is gone`, {
      hint: 'it may or may not have been executed; repeat it only if executing it twice does no harm',
    });
  }

  #isFenced(): boolean {
    const { exports } = this.#core;
    const self = exports.selfClient();
    return self >= 0 && exports.isFenced(self, exports.selfIncarnation()) !== 0;
  }

  #fencedError(): RpcError {
    return new RpcError('FENCED', 'this client was declared dead and must not go on', {
      hint: 'leave the process; what it held is recovered by others',
    });
  }

  #endFenced(): void {
    const live = this.#live;
    this.#live = undefined;
    live?.leaveToRecovery();
    this.#endAll(this.#fencedError());
  }

  /** For good. */
  #endAll(error: RpcError): void {
    this.#over = error;
    for (const call of [...this.#inFlight, ...this.#channels.flatMap(({ waiting }) => [...waiting])]) {
      if (call !== undefined) this.cancel(call, error);
    }
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
      for (const call of this.#inFlight) {
        if (call === undefined || now - call.sentAt < resendMs) continue;
        this.#live?.connection.resend(call.slot!);
        call.sentAt = now;
        this.#resent++;
      }
    }
    if (now < this.#nextDeadlineAt) return;
    this.#nextDeadlineAt = Number.POSITIVE_INFINITY;
    for (const call of [...this.#inFlight, ...this.#channels.flatMap(({ waiting }) => [...waiting])]) {
      if (call === undefined) continue;
      if (now >= call.deadlineAt) this.cancel(call, this.#lateError(call));
      else this.#nextDeadlineAt = Math.min(this.#nextDeadlineAt, call.deadlineAt);
    }
  }

  #lateError({ slot, deadlineMs }: Call): RpcError {
    if (this.#isFenced()) return this.#fencedError();
    if (slot === undefined && this.#live === undefined && this.#loss !== undefined) return this.#loss;
    if (slot === undefined) {
      return new RpcError(
        'TIMEOUT',
        `a call of ${this.serviceName} found no place in the window for ${deadlineMs} ms; nothing was sent`,
        {
          hint: 'release replies; a server that is slow or stopped holds its callers back',
        },
      );
    }
    return new RpcError('TIMEOUT', `a call of ${this.serviceName} was not answered within ${deadlineMs} ms`, {
      hint: 'the server may be slow, stopped or dead: only its fence tells; the call may still be executed',
    });
  }
}

/** Kept for each method, so that a call makes no object. */
export interface SyncOptions {
  readonly method: number;
  deadlineMs: number;
  readonly isRepeatable: boolean;
}

/** Returns the length of what is to be copied, also when it does not fit. */
export function copyInto(bytes: Uint8Array, buffer: Uint8Array): number {
  if (bytes.length <= buffer.length) buffer.set(bytes);
  return bytes.length;
}

function tooLarge(serviceName: string, { payloadBytes }: Connection): RpcError {
  return new RpcError('TOO_LARGE', `a request of ${serviceName} is longer than ${payloadBytes} bytes; nothing was sent`);
}

function notFound(serviceName: string): RpcError {
  return new RpcError('NOT_FOUND', `nobody listens for a caller of ${serviceName}; nothing was sent`, {
    hint: 'is the server running? one that has all the callers it takes listens for no more: see its maxConnections',
  });
}
