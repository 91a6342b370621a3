/** The serving side of one HydraRPC connection. The thread must have joined the pool. */
import type { Core } from '../pool/core.ts';

/**
 * Reads the request in place and writes the response in place; returns the response's length in bytes. Both views are of the
 * pool itself and valid only during the call; the caller may still change the request while it is read.
 */
export type Handler = (request: Uint8Array, response: Uint8Array) => number;

/** `idle`: nothing came within the spins given. `closed`: the caller hung up. `peer-lost`: the caller is fenced. */
export type ServeState = 'served' | 'idle' | 'closed' | 'peer-lost' | 'aborted';

export interface Server {
  readonly service: string;
  /** Slot in the connection table. */
  readonly connection: number;
  /** Requests executed and requests refused so far. */
  readonly served: number;
  readonly refused: number;
  /** Polls for one request, at most `maxSpins` looks, and answers it with the handler. A handler that throws answers REFUSED. */
  poll(handler: Handler, maxSpins: number): ServeState;
  /** The echo loop inside the core, for core-to-core figures: answers up to `maxRequests`, at most `maxSpins` idle looks. */
  pollEcho(maxRequests: number, maxSpins: number): ServeState;
  close(): void;
}

/** Claims a connection, opens it for one caller and publishes it as `service`. Throws RpcError: FULL, BAD_ARGUMENT. */
export function listen(
  _core: Core,
  _service: string,
  _options: { readonly capacity?: number; readonly payloadBytes?: number } = {},
): Server {
  throw new Error('not built yet');
}

/** Polls until the caller closes or dies, the deadline passes, or the process aborts; says which. `echo` serves in the core. */
export function serveUntilClosed(
  _server: Server,
  _options: { readonly handler: Handler | 'echo'; readonly deadlineMs: number },
): 'closed' | 'peer-lost' | 'aborted' | 'deadline' {
  throw new Error('not built yet');
}
