import type { RpcErrorCode } from '../protocol/tasks.ts';

/**
 * NOT_FOUND: nobody listens for the service (yet). FULL: no free connection slot, or no room in the directory. Both are of
 * `listen` and `connect` only; the codes of a call are those of the protocol.
 */
export type RpcFailureCode = RpcErrorCode | 'NOT_FOUND' | 'FULL' | 'ABORTED' | 'BAD_ARGUMENT';

export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: RpcFailureCode;
  readonly hint: string | undefined;

  constructor(code: RpcFailureCode, message: string, options: { hint?: string } = {}) {
    super(message);
    this.code = code;
    this.hint = options.hint;
  }
}
