/** Calls of a link that block the thread, as all others but for who takes the turns. */
import { codes } from '../layout/index.ts';
import { type Channel, connectingCall, copyInto, type SyncOptions } from './call.ts';
import type { Link } from './link.ts';
import { statusError } from './link-errors.ts';
import type { RpcError } from './rpc-error.ts';

/** The response is a copy, since others use the link as well. */
export function callBesideOthers(
  link: Link,
  channel: Channel,
  request: Uint8Array | ((buffer: Uint8Array) => number),
  { method, deadlineMs, isRepeatable }: SyncOptions,
): Uint8Array {
  let bytes: Uint8Array | undefined;
  let failure: RpcError | undefined;
  link.submit({
    channel,
    methodNumber: method,
    streamWord: 0,
    write: typeof request === 'function' ? request : (buffer) => copyInto(request, buffer),
    isRepeatable,
    pin: undefined,
    deadlineMs,
    deadlineAt: performance.now() + deadlineMs,
    onResponse: (response) => {
      if (response.status === codes.OK) bytes = response.bytes.slice();
      else failure = statusError(link.serviceName, response);
      return false;
    },
    onError: (error) => {
      failure = error;
    },
    slot: undefined,
    sentAt: 0,
  });
  link.drive(() => bytes !== undefined || failure !== undefined);
  if (failure !== undefined) throw failure;
  return bytes!;
}

/** Waits for a connection. */
export function connectSync(link: Link, channel: Channel, deadlineMs: number): void {
  let isDone = false;
  let failure: RpcError | undefined;
  const onConnected = (): void => {
    isDone = true;
  };
  const onError = (error: RpcError): void => {
    failure = error;
  };
  link.submit(connectingCall(channel, deadlineMs, onConnected, onError));
  link.drive(() => isDone || failure !== undefined);
  if (failure !== undefined) throw failure;
}
