/** The calling side of one HydraRPC connection. The thread must have joined the pool. */
import type { Core } from '../pool/core.ts';
import type { RpcFailureCode } from './rpc-error.ts';

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
  forge(lie: { readonly offset?: bigint; readonly length?: number }, options: { readonly deadlineMs: number }): RpcFailureCode | 'ACCEPTED';
  close(): void;
}

/** Looks the service up until it listens or the deadline passes. Throws RpcError: NOT_FOUND, ABORTED, FULL. Blocks the thread. */
export function connect(_core: Core, _service: string, _options: { readonly deadlineMs: number }): Connection {
  throw new Error('not built yet');
}
