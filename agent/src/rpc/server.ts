/** The serving side of one HydraRPC connection. The thread must have joined the pool. */
import { codes, constants } from '../layout/index.ts';
import type { Core } from '../pool/core.ts';
import type { ClientIdentity } from '../protocol/messages.ts';
import { Buffers, LastMessage } from './buffers.ts';
import { RpcError, rpcError } from './rpc-error.ts';
import { handOverName } from './service-name.ts';
import { MethodStatistics } from './statistics.ts';
import { Waiter, type WaitingStrategy } from './wait.ts';

/**
 * Reads the request in place and writes the response in place; returns the response's length in bytes. Both views are of the
 * pool itself and valid only during the call; the caller may still change the request while it is read.
 */
export type Handler = (request: Uint8Array, response: Uint8Array, method: number) => number;

/** `idle`: nothing came within the looks given. `closed`: the caller hung up. `peer-lost`: the caller is fenced. */
export type ServeState = 'served' | 'refused' | 'idle' | 'closed' | 'peer-lost' | 'aborted';

/** A request that waits for its reply: bytes of the pool, valid until then. */
export interface Request {
  readonly slot: number;
  readonly method: number;
  readonly bytes: Uint8Array;
  /** The line before the payload, for those that have one. */
  readonly header: Uint8Array | undefined;
}

/** How both sides keep what they write apart from their caches (docs/rpc.md). */
export type Sharing = 'coherent' | 'lines' | 'fast' | 'non-temporal';

/** What a server opens a connection with. */
export interface ListenOptions {
  /** A caller that wants another one is refused. Default 0. */
  readonly version?: number;
  /** Calls in flight at once, a power of two from 2 to 64. */
  readonly window?: number;
  /** The longest request and response. Window and payload must fit into the connection. */
  readonly payloadBytes?: number;
  /** `faithful`: the paper's entry, reference and flag, nothing checked: for peers that trust each other, and to see what checking costs. */
  readonly layout?: 'hardened' | 'faithful';
  /** For a device that does not keep the machines' caches coherent: `lines`, `fast` or `non-temporal` (docs/rpc.md). */
  readonly sharing?: Sharing;
  /** What the server does between looks that find nothing (docs/waiting.md). Default `adaptive`. */
  readonly waiting?: WaitingStrategy;
  /** One of so many calls has its time in the handler taken for the statistics, a power of two. Default 16. */
  readonly timedOneOf?: number;
}

const layouts = { faithful: constants.LAYOUT_FAITHFUL, hardened: constants.LAYOUT_HARDENED } as const;
const sharings: Readonly<Record<Sharing, number>> = {
  coherent: constants.SHARING_COHERENT,
  lines: constants.SHARING_LINES,
  fast: constants.SHARING_FAST,
  'non-temporal': constants.SHARING_NON_TEMPORAL,
};

const states: Readonly<Record<number, ServeState>> = {
  [codes.OK]: 'served',
  [codes.REFUSED]: 'refused',
  [codes.PENDING]: 'idle',
  [codes.CLOSED]: 'closed',
  [codes.PEER_LOST]: 'peer-lost',
  [codes.ABORTED]: 'aborted',
};

/** Claims a connection, opens it for one caller and publishes it as `service`. Throws RpcError: FULL, BAD_ARGUMENT. */
export function listen(core: Core, service: string, options: ListenOptions = {}): Server {
  const windowLog2 = Math.log2(options.window ?? 2 ** constants.DEFAULT_WINDOW_LOG2);
  const payloadBytes = options.payloadBytes ?? constants.DEFAULT_PAYLOAD_BYTES;
  if (!Number.isInteger(windowLog2) || !Number.isInteger(payloadBytes) || payloadBytes < 0) {
    throw new RpcError('BAD_ARGUMENT', `a window of ${options.window} calls of ${payloadBytes} bytes cannot be made`);
  }
  const layout = layouts[options.layout ?? 'hardened'];
  const sharing = sharings[options.sharing ?? 'coherent'];
  const nameBytes = handOverName(core, service);
  const answer = core.exports.rpcListen(nameBytes, options.version ?? 0, windowLog2, payloadBytes, layout, sharing);
  if (answer < constants.HANDLE_BASE) throw rpcError(`listening as ${service}`, answer);
  const handle = answer - constants.HANDLE_BASE;
  try {
    return new Server(core, service, handle, options);
  } catch (error) {
    core.exports.rpcClose(handle);
    throw error;
  }
}

/** `poll` answers requests with a handler, one after the other. `take` and `reply` are its steps, for who answers later, or in another order. */
export class Server {
  readonly service: string;
  /** Its place in the connection table. */
  readonly connection: number;
  readonly payloadBytes: number;
  readonly window: number;
  /** What observers see of its calls. `poll` counts by itself; who takes and replies counts what it answers. */
  readonly statistics: MethodStatistics;
  /** For the loop that polls this server, and no other. */
  readonly waiter: Waiter;
  readonly #core: Core;
  readonly #handle: number;
  readonly #requests: Buffers;
  readonly #responses: Buffers;
  readonly #message: LastMessage;
  /** Of the ring of requests, in the linear memory; -1 where caches are not coherent, so that watching an entry would show nothing. */
  readonly #ringOffset: number;
  #counts: { readonly served: number; readonly refused: number } | undefined;

  constructor(core: Core, service: string, handle: number, options: ListenOptions = {}) {
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
    this.statistics = new MethodStatistics(core, this.connection, options);
    this.waiter = new Waiter(core, { strategy: options.waiting ?? 'adaptive' });
    this.#ringOffset = this.#message.isCoherent ? core.mapped.poolBase + at + constants.REQUEST_RING_OFFSET : -1;
  }

  /** Requests executed and requests refused so far. */
  get served(): number {
    return this.#counts?.served ?? this.#core.exports.rpcServed(this.#handle) >>> 0;
  }

  get refused(): number {
    return this.#counts?.refused ?? this.#core.exports.rpcRefused(this.#handle) >>> 0;
  }

  /**
   * Answers requests with the handler, up to `maxRequests`, waiting at most `maxLooks` looks for each. A handler that throws answers FAILED
   * with its message.
   */
  poll(handler: Handler, maxLooks: number, maxRequests = 1): ServeState {
    if (this.#counts !== undefined) return 'closed';
    const { exports } = this.#core;
    let code = exports.rpcPollRequest(this.#handle, maxLooks);
    for (let left = maxRequests; code >= constants.HANDLE_BASE; ) {
      const slot = code - constants.HANDLE_BASE;
      const { kind, lengthBytes } = this.#message;
      const response = this.response(slot);
      let length = 0;
      let status: number = codes.OK;
      const isTimed = this.statistics.isTimed();
      const startedMs = isTimed ? performance.now() : 0;
      try {
        length = handler(this.#requests.view(slot, lengthBytes), response, kind & (constants.KIND_LIMIT - 1));
        if (!Number.isInteger(length) || length < 0 || length > this.payloadBytes) {
          throw new RangeError(`a response of ${length} bytes; there is room for ${this.payloadBytes}`);
        }
      } catch (error) {
        length = new TextEncoder().encodeInto((error as Error).message ?? String(error), response).written;
        status = codes.FAILED;
      }
      const ns = isTimed ? (performance.now() - startedMs) * nsPerMs : undefined;
      code = exports.rpcReply(this.#handle, slot, length, status);
      // The caller has its answer: what is only counted does not make it wait.
      this.statistics.count(kind, status, ns);
      if (--left === 0 || code !== codes.OK) return stateOf(code);
      code = exports.rpcPollRequest(this.#handle, maxLooks);
      if (code === codes.PENDING) return 'served';
    }
    return stateOf(code);
  }

  /** The next request, or how the connection stands. It stays the server's until `reply`. */
  take(maxLooks: number): Request | ServeState {
    if (this.#counts !== undefined) return 'closed';
    const code = this.#core.exports.rpcPollRequest(this.#handle, maxLooks);
    if (code < constants.HANDLE_BASE) return stateOf(code);
    const slot = code - constants.HANDLE_BASE;
    const { kind, lengthBytes } = this.#message;
    const hasHeader = (kind & constants.KIND_HEADER) !== 0;
    return {
      slot,
      method: kind & (constants.KIND_LIMIT - 1),
      bytes: this.#requests.view(slot, lengthBytes),
      header: hasHeader ? this.#requests.header(slot) : undefined,
    };
  }

  /**
   * `take` and `reply` for loops that allocate nothing: HANDLE_BASE + slot, or PENDING, REFUSED, CLOSED, PEER_LOST, ABORTED as the core says.
   * The request stands in `kind` and `request(slot)` until the next one is taken.
   */
  takeCode(maxLooks: number): number {
    return this.#counts !== undefined ? codes.CLOSED : this.#core.exports.rpcPollRequest(this.#handle, maxLooks);
  }

  /** Answers the request in a slot and takes the next one, as `takeCode`. */
  replyAndTakeCode(slot: number, lengthBytes: number, status: number, maxLooks: number): number {
    return this.#core.exports.rpcReplyAndPoll(this.#handle, slot, lengthBytes, status, maxLooks);
  }

  /** Method, and `KIND_HEADER`, of the request taken last. */
  get kind(): number {
    return this.#message.kind;
  }

  /** Payload of the request taken last, which came in `slot`. */
  request(slot: number): Uint8Array {
    return this.#requests.view(slot, this.#message.lengthBytes);
  }

  requestHeader(slot: number): Uint8Array {
    return this.#requests.header(slot);
  }

  /** Which use of its place in the connection table this is. */
  get epoch(): number {
    return this.#message.epoch;
  }

  /** The client that calls; undefined while none does, and after `close`. */
  get other(): ClientIdentity | undefined {
    if (this.#counts !== undefined) return undefined;
    if (!this.#message.isPeerKnown) this.#core.exports.rpcPeerState(this.#handle);
    return this.#message.other;
  }

  /** Whether a caller has connected, as of the last look that found nothing. */
  get isTaken(): boolean {
    return this.#message.isPeerKnown;
  }

  /** Where the response to the request in a slot goes. */
  response(slot: number): Uint8Array {
    return this.#responses.view(slot, this.payloadBytes);
  }

  responseHeader(slot: number): Uint8Array {
    return this.#responses.header(slot);
  }

  /** Answers a request that was taken. `status`: OK, REFUSED, FAILED, UNKNOWN_METHOD or TOO_LARGE as a code of the core, plus `KIND_HEADER`. */
  reply(slot: number, lengthBytes: number, status: number = codes.OK): void {
    if (this.#counts !== undefined) return;
    const code = this.#core.exports.rpcReply(this.#handle, slot, lengthBytes, status);
    if (code !== codes.OK)
      throw new RpcError('BAD_ARGUMENT', `slot ${slot} of ${this.service} has no request to answer with ${lengthBytes} bytes`);
  }

  /** Whether the caller of a request that was taken waits no more. One look at its entry. */
  isCancelled(slot: number): boolean {
    return this.#counts === undefined && this.#core.exports.rpcIsCancelled(this.#handle, slot) !== 0;
  }

  /** Says how many calls in flight this server wants, from 1 to the window. */
  offer(calls: number): void {
    if (this.#counts !== undefined) return;
    const code = this.#core.exports.rpcOffer(this.#handle, calls);
    if (code !== codes.OK)
      throw new RpcError('BAD_ARGUMENT', `${calls} calls in flight cannot be offered with a window of ${this.window}`);
  }

  /** The echo loop inside the core, for core-to-core figures: answers up to `maxRequests`, at most `maxLooks` idle looks each. */
  pollEcho(maxRequests: number, maxLooks: number): ServeState {
    if (this.#counts !== undefined) return 'closed';
    const before = this.#core.exports.rpcServed(this.#handle);
    const code = this.#core.exports.rpcServeLoop(this.#handle, maxRequests, maxLooks);
    const echoed = (this.#core.exports.rpcServed(this.#handle) - before) >>> 0;
    this.statistics.countMany(0, echoed);
    return code === codes.PENDING && echoed !== 0 ? 'served' : stateOf(code);
  }

  /** Waits a little for the next request, after a poll that found none: see `Waiter.idle`. Other servers of the thread wait meanwhile. */
  idle(limitMs: number): void {
    const { next } = this.#message;
    const flag = Math.floor(next / this.window) % 2 === 0 ? 1 : 0;
    const entry = this.#ringOffset < 0 ? -1 : this.#ringOffset + (next % this.window) * 8;
    this.waiter.idle(limitMs, entry, flag);
  }

  close(): void {
    if (this.#counts !== undefined) return;
    this.waiter.stop();
    this.#counts = { served: this.served, refused: this.refused };
    this.#core.exports.rpcClose(this.#handle);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function stateOf(code: number): ServeState {
  const state = states[code];
  if (state === undefined) throw rpcError('serving', code);
  return state;
}

/** Requests that are answered before TypeScript looks at the deadline. */
const echoesPerPoll = 10_000;
const requestsPerPoll = 256;
const nsPerMs = 1e6;

/** Polls until the caller closes or dies, the deadline passes, or the process aborts; says which. `echo` serves in the core. */
export function serveUntilClosed(
  server: Server,
  options: { readonly handler: Handler | 'echo'; readonly deadlineMs: number },
): 'closed' | 'peer-lost' | 'aborted' | 'deadline' {
  const { handler } = options;
  const { waiter } = server;
  const deadline = performance.now() + options.deadlineMs;
  try {
    for (;;) {
      const state =
        handler === 'echo' ? server.pollEcho(echoesPerPoll, waiter.looks) : server.poll(handler, waiter.looks, requestsPerPoll);
      if (state === 'closed' || state === 'peer-lost' || state === 'aborted') return state;
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) return 'deadline';
      if (state !== 'idle') waiter.worked();
      else server.idle(leftMs);
    }
  } finally {
    waiter.stop();
  }
}
