import { codes } from '../layout/index.ts';
import type { RpcErrorCode } from '../protocol/tasks.ts';

/**
 * NOT_FOUND: nobody listens for the service (yet). WRONG_VERSION: only in another version. FULL: no free connection slot, or no room in the
 * directory. FENCED: this client's own end was told, it must write no more. These are of `listen` and `connect` only; the codes of a call are those of the protocol.
 */
export type RpcFailureCode = RpcErrorCode | 'NOT_FOUND' | 'WRONG_VERSION' | 'FULL' | 'ABORTED' | 'BAD_ARGUMENT' | 'FENCED';

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

const failures: Readonly<Record<number, { readonly code: RpcFailureCode; readonly message: string; readonly hint?: string }>> = {
  [codes.ABORTED]: { code: 'ABORTED', message: 'was aborted' },
  [codes.CLOSED]: { code: 'CLOSED', message: 'found the connection closed by the other side', hint: 'connect again' },
  [codes.PEER_LOST]: { code: 'PEER_LOST', message: 'found its server dead; nothing was sent', hint: 'connect to another server' },
  [codes.FENCED]: {
    code: 'FENCED',
    message: 'was refused: this client is fenced, others take over what it holds',
    hint: 'end this thread now; a new one may join',
  },
  [codes.OUTCOME_UNKNOWN]: {
    code: 'OUTCOME_UNKNOWN',
    message: 'was sent and never answered: its server died or hung up, and may or may not have executed it',
    hint: 'connect again; repeat the call only if executing it twice does no harm',
  },
  [codes.REFUSED]: { code: 'REFUSED', message: 'was refused by the server' },
  [codes.FAILED]: { code: 'FAILED', message: 'was executed, and its handler threw' },
  [codes.UNKNOWN_METHOD]: { code: 'UNKNOWN_METHOD', message: 'named a method that the service does not have' },
  [codes.TOO_LARGE]: {
    code: 'TOO_LARGE',
    message: 'was executed, and its response does not fit into the buffers of the connection',
  },
  [codes.WRONG_VERSION]: {
    code: 'WRONG_VERSION',
    message: 'found the service in another version only',
    hint: 'deploy the same version at both ends',
  },
  [codes.NOT_FOUND]: { code: 'NOT_FOUND', message: 'found nobody who listens', hint: 'is the server running?' },
  [codes.FULL]: { code: 'FULL', message: 'found no free place', hint: 'close connections; `inspect` lists them' },
  [codes.NOT_JOINED]: { code: 'BAD_ARGUMENT', message: 'needs a thread that has joined the pool' },
  [codes.BUSY]: { code: 'BAD_ARGUMENT', message: 'would exceed the window of calls in flight' },
};

/** The error for a code of the core; `what` is the sentence's subject. */
export function rpcError(what: string, code: number): RpcError {
  const failure = failures[code];
  if (failure === undefined) return new RpcError('BAD_ARGUMENT', `${what} was answered with code ${code}`);
  return new RpcError(failure.code, `${what} ${failure.message}`, failure.hint === undefined ? {} : { hint: failure.hint });
}
