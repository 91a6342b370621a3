/** What calls of a service are told when they do not end well. */
import { codes } from '../layout/index.ts';
import type { Connection, Response } from './caller.ts';
import { readText } from './payload.ts';
import { RpcError, rpcError } from './rpc-error.ts';

/** For a response that is no good end; what the server says of it stands in the response. */
export function statusError(service: string, { status, bytes }: Response): RpcError {
  const said = readText(bytes);
  const error = rpcError(`a call of ${service}`, status);
  return said === '' ? error : new RpcError(error.code, `${error.message}: ${said}`);
}

export function tooLarge(service: string, { payloadBytes }: Pick<Connection, 'payloadBytes'>): RpcError {
  return new RpcError('TOO_LARGE', `a request of ${service} is longer than ${payloadBytes} bytes; nothing was sent`);
}

export function notFound(service: string): RpcError {
  return new RpcError('NOT_FOUND', `nobody listens for a caller of ${service}; nothing was sent`, {
    hint: 'is the server running? one that has all the callers it takes listens for no more: see its maxConnections',
  });
}

export function noHeap(service: string): RpcError {
  return new RpcError('BAD_ARGUMENT', `a call of ${service} takes references of the heap, and its caller has no heap`, {
    hint: 'connectService(core, service, { heap: openHeap(core) })',
  });
}

export function fullQueue(service: string, waiting: number): RpcError {
  return new RpcError('FULL', `${waiting} calls of ${service} wait for a place in the window`, {
    hint: 'await some of them before you make more',
  });
}

export function peerError(service: string, peer: Connection['peer']): RpcError {
  return rpcError(`a call of ${service}`, peer === 'PEER_LOST' ? codes.PEER_LOST : codes.CLOSED);
}

export function outcomeUnknown(service: string): RpcError {
  return new RpcError('OUTCOME_UNKNOWN', `a call of ${service} was sent and never answered: its server is gone`, {
    hint: 'it may or may not have been executed; repeat it only if executing it twice does no harm',
  });
}

export function fenced(): RpcError {
  return new RpcError('FENCED', 'this client was declared dead and must not go on', {
    hint: 'leave the process; what it held is recovered by others',
  });
}

export function notSent(service: string, deadlineMs: number): RpcError {
  return new RpcError('TIMEOUT', `a call of ${service} found no place in the window for ${deadlineMs} ms; nothing was sent`, {
    hint: 'release replies; a server that is slow or stopped holds its callers back',
  });
}

export function notAnswered(service: string, deadlineMs: number): RpcError {
  return new RpcError('TIMEOUT', `a call of ${service} was not answered within ${deadlineMs} ms`, {
    hint: 'the server may be slow, stopped or dead: only its fence tells; the call may still be executed',
  });
}

/** Whether the connection is gone with it. */
export function isLoss({ code }: RpcError): boolean {
  return code === 'OUTCOME_UNKNOWN' || code === 'PEER_LOST' || code === 'CLOSED' || code === 'ABORTED' || code === 'FENCED';
}
