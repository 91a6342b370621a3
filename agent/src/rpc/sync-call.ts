/** Calls of a link that block the thread, as all others but for who takes the turns. */
import { codes } from '../layout/index.ts';
import { type Call, type Channel, connectingCall, copyInto, type SyncOptions } from './call.ts';
import type { Response } from './caller.ts';
import type { HeapAnswer, HeapRequest } from './heap-message.ts';
import type { Link } from './link.ts';
import { statusError } from './link-errors.ts';
import type { PolledAnswer } from './reference-caller.ts';

/** The response is a copy, since others use the link as well. */
export function callBesideOthers(
  link: Link,
  channel: Channel,
  request: Uint8Array | ((buffer: Uint8Array) => number),
  options: SyncOptions,
): Uint8Array {
  let bytes: Uint8Array | undefined;
  const write = typeof request === 'function' ? request : (buffer: Uint8Array) => copyInto(request, buffer);
  submitAndDrive(link, channel, options, { write }, (response) => {
    bytes = response.bytes.slice();
  });
  return bytes!;
}

/** The same for a method of kind `heap`. */
export function callHeapBesideOthers(link: Link, channel: Channel, request: HeapRequest, options: SyncOptions): HeapAnswer {
  let answer: HeapAnswer | undefined;
  submitAndDrive(link, channel, options, { write: () => 0, heap: request }, (response) => {
    answer = { bytes: response.bytes.slice(), refs: (response as PolledAnswer).refs };
  });
  return answer!;
}

/** Throws what the call ends with. */
function submitAndDrive(
  link: Link,
  channel: Channel,
  { method, deadlineMs, isRepeatable }: SyncOptions,
  request: Pick<Call, 'write' | 'heap'>,
  accept: (response: Response | PolledAnswer) => void,
): void {
  let isDone = false;
  let failure: Error | undefined;
  link.submit({
    channel,
    methodNumber: method,
    streamWord: 0,
    ...request,
    isRepeatable,
    pin: undefined,
    deadlineMs,
    deadlineAt: performance.now() + deadlineMs,
    onResponse: (response) => {
      isDone = true;
      if (response.status === codes.OK) accept(response);
      else failure = statusError(link.serviceName, response);
      return false;
    },
    onError: (error) => {
      failure = error;
    },
    slot: undefined,
    sentAt: 0,
  });
  link.drive(() => isDone || failure !== undefined);
  if (failure !== undefined) throw failure;
}

/** Waits for a connection. */
export function connectSync(link: Link, channel: Channel, deadlineMs: number): void {
  let isDone = false;
  let failure: Error | undefined;
  const onConnected = (): void => {
    isDone = true;
  };
  const onError = (error: Error): void => {
    failure = error;
  };
  link.submit(connectingCall(channel, deadlineMs, onConnected, onError));
  link.drive(() => isDone || failure !== undefined);
  if (failure !== undefined) throw failure;
}
