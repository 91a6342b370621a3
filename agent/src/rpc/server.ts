/** The serving side of one HydraRPC connection. The thread must have joined the pool. */
import { codes, constants } from '../layout/index.ts';
import type { Core } from '../pool/core.ts';
import { abortWord } from '../pool/map.ts';
import { looksPerPoll } from '../pool/poll.ts';
import { RpcError, rpcError } from './rpc-error.ts';
import { handOverName } from './service-name.ts';

/**
 * Reads the request in place and writes the response in place; returns the response's length in bytes. Both views are of the
 * pool itself and valid only during the call; the caller may still change the request while it is read.
 */
export type Handler = (request: Uint8Array, response: Uint8Array) => number;

/** `idle`: nothing came within the looks given. `closed`: the caller hung up. `peer-lost`: the caller is fenced. */
export type ServeState = 'served' | 'refused' | 'idle' | 'closed' | 'peer-lost' | 'aborted';

export interface Server {
  readonly service: string;
  /** Slot in the connection table. */
  readonly connection: number;
  /** Requests executed and requests refused so far. */
  readonly served: number;
  readonly refused: number;
  /** Polls for one request, at most `maxLooks` looks, and answers it with the handler. A handler that throws answers REFUSED. */
  poll(handler: Handler, maxLooks: number): ServeState;
  /** The echo loop inside the core, for core-to-core figures: answers up to `maxRequests`, at most `maxLooks` idle looks each. */
  pollEcho(maxRequests: number, maxLooks: number): ServeState;
  close(): void;
  /** Sleeps until the process aborts or `timeoutMs` are over. */
  rest(timeoutMs: number): void;
}

const states: Readonly<Record<number, ServeState>> = {
  [codes.OK]: 'served',
  [codes.REFUSED]: 'refused',
  [codes.PENDING]: 'idle',
  [codes.CLOSED]: 'closed',
  [codes.PEER_LOST]: 'peer-lost',
  [codes.ABORTED]: 'aborted',
};

/**
 * Claims a connection, opens it for one caller and publishes it as `service`. `capacity`: entries per ring, a power of two from 2
 * to 64. Throws RpcError: FULL, BAD_ARGUMENT.
 */
export function listen(
  core: Core,
  service: string,
  options: { readonly capacity?: number; readonly payloadBytes?: number } = {},
): Server {
  const capacityLog2 = Math.log2(options.capacity ?? 2 ** constants.DEFAULT_CAPACITY_LOG2);
  const payloadBytes = options.payloadBytes ?? constants.DEFAULT_PAYLOAD_BYTES;
  if (!Number.isInteger(capacityLog2) || !Number.isInteger(payloadBytes) || payloadBytes < 0) {
    throw new RpcError('BAD_ARGUMENT', `a ring of ${options.capacity} entries for ${payloadBytes} bytes each cannot be made`);
  }
  const answer = core.exports.rpcListen(handOverName(core, service), capacityLog2, payloadBytes);
  if (answer < constants.HANDLE_BASE) throw rpcError(`listening as ${service}`, answer);
  return new PoolServer(core, service, answer - constants.HANDLE_BASE);
}

class PoolServer implements Server {
  readonly service: string;
  readonly connection: number;
  readonly #core: Core;
  readonly #handle: number;
  readonly #payloadBytes: number;
  #counts: { readonly served: number; readonly refused: number } | undefined;

  constructor(core: Core, service: string, handle: number) {
    this.service = service;
    this.#core = core;
    this.#handle = handle;
    this.connection = core.exports.rpcConnectionSlot(handle);
    this.#payloadBytes = core.exports.rpcPayloadBytes(handle);
  }

  get served(): number {
    return this.#counts?.served ?? this.#core.exports.rpcServed(this.#handle) >>> 0;
  }

  get refused(): number {
    return this.#counts?.refused ?? this.#core.exports.rpcRefused(this.#handle) >>> 0;
  }

  poll(handler: Handler, maxLooks: number): ServeState {
    if (this.#counts !== undefined) return 'closed';
    const { exports, pool } = this.#core;
    const polled = exports.rpcPollRequest(this.#handle, maxLooks);
    if (polled !== codes.OK) return stateOf(polled);
    const buffer = exports.rpcResponseBuffer(this.#handle) >>> 0;
    if (buffer < constants.HANDLE_BASE) return stateOf(buffer);
    const from = exports.rpcRequestOffset(this.#handle) >>> 0;
    const request = pool.subarray(from, from + (exports.rpcRequestLength(this.#handle) >>> 0));
    let length = 0;
    let status: number = codes.OK;
    try {
      length = handler(request, pool.subarray(buffer, buffer + this.#payloadBytes));
      if (!Number.isInteger(length) || length < 0 || length > this.#payloadBytes)
        throw new RangeError(`a response of ${length} bytes`);
    } catch {
      length = 0;
      status = codes.REFUSED;
    }
    return stateOf(exports.rpcReply(this.#handle, length, status));
  }

  pollEcho(maxRequests: number, maxLooks: number): ServeState {
    if (this.#counts !== undefined) return 'closed';
    return stateOf(this.#core.exports.rpcServeLoop(this.#handle, maxRequests, maxLooks));
  }

  close(): void {
    if (this.#counts !== undefined) return;
    this.#counts = { served: this.served, refused: this.refused };
    this.#core.exports.rpcClose(this.#handle);
  }

  rest(timeoutMs: number): void {
    Atomics.wait(abortWord(this.#core.mapped), 0, 0, timeoutMs);
  }
}

function stateOf(code: number): ServeState {
  const state = states[code];
  if (state === undefined) throw rpcError('serving', code);
  return state;
}

/** Requests that the echo loop answers before TypeScript looks at the deadline. */
const echoesPerPoll = 10_000;
/** A server without work spins this long before it sleeps between looks. */
const spinIdleMs = 20;
const restMs = 1;

/** Polls until the caller closes or dies, the deadline passes, or the process aborts; says which. `echo` serves in the core. */
export function serveUntilClosed(
  server: Server,
  options: { readonly handler: Handler | 'echo'; readonly deadlineMs: number },
): 'closed' | 'peer-lost' | 'aborted' | 'deadline' {
  const { handler } = options;
  const deadline = performance.now() + options.deadlineMs;
  let lastWorkMs = performance.now();
  for (let polls = 0; ; polls++) {
    const state = handler === 'echo' ? server.pollEcho(echoesPerPoll, looksPerPoll) : server.poll(handler, looksPerPoll);
    if (state === 'closed' || state === 'peer-lost' || state === 'aborted') return state;
    // Under load the clock, dear on an emulated machine, is read once in a while only.
    if (state !== 'idle' && handler !== 'echo' && polls % 256 !== 0) continue;
    const now = performance.now();
    if (now >= deadline) return 'deadline';
    if (state !== 'idle') lastWorkMs = now;
    else if (now - lastWorkMs > spinIdleMs) server.rest(restMs);
  }
}
