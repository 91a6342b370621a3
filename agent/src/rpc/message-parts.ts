/** A message with references, as it is written and read at both ends: payload in the slot's buffer, or in an object when it is too long for it. */
import type { HeapClient } from '../shm/heap-client.ts';
import type { SendResult } from '../shm/queues.ts';
import type { Ref } from '../shm/ref.ts';
import type { ReferenceQueues } from './reference-queues.ts';
import { ReferencesWord } from './references-word.ts';
import { RpcError } from './rpc-error.ts';

/** Bytes that are copied, or room that is written in place. */
export type Payload = Uint8Array | PayloadWriter;

export interface PayloadWriter {
  readonly lengthBytes: number;
  readonly write: (buffer: Uint8Array) => void;
}

/** Of a message that lies in an object: its length, in the slot's buffer. */
const largeBytes = 4;

/** What was written into a slot: its length, and what its header has to say of references, 0 for none; or why nothing was. */
export type Written = { readonly lengthBytes: number; readonly word: number } | Exclude<SendResult, 'sent'>;

export interface Outgoing {
  readonly heap: HeapClient;
  readonly queues: ReferenceQueues;
  readonly buffer: Uint8Array;
}

/** All or nothing: after `full` and `closed` the references are as they were. Throws as `ReferenceQueues` and HeapClient.alloc. */
export function writeMessage(to: Outgoing, payload: Payload, refs: readonly Ref[], isMove: boolean): Written {
  const { queues, buffer } = to;
  const lengthBytes = payloadLength(payload);
  const isLarge = lengthBytes > buffer.length;
  const count = refs.length + (isLarge ? 1 : 0);
  queues.begin(refs, isMove, count);
  if (isLarge && buffer.length < largeBytes)
    throw new RpcError('BAD_ARGUMENT', `${lengthBytes} bytes for buffers of ${buffer.length}, which cannot even hold a length`);
  if (count > 0 && !queues.hasRoom(count)) return 'full';
  if (!isLarge) {
    write(payload, buffer);
    if (count === 0) return { lengthBytes, word: 0 };
    return sendParts(to, refs, isMove, false, lengthBytes);
  }
  using object = to.heap.alloc(lengthBytes);
  write(payload, object.bytes);
  new DataView(buffer.buffer, buffer.byteOffset).setUint32(0, lengthBytes, true);
  return sendParts(to, [object, ...refs], isMove, true, largeBytes);
}

function sendParts({ queues }: Outgoing, refs: readonly Ref[], isMove: boolean, isLarge: boolean, lengthBytes: number): Written {
  const result = queues.send(refs, isMove, isLarge);
  if (result !== 'sent') return result;
  return { lengthBytes, word: queues.word };
}

function payloadLength(payload: Payload): number {
  const length = payload instanceof Uint8Array ? payload.length : payload.lengthBytes;
  if (Number.isInteger(length) && length >= 0) return length;
  throw new RpcError('BAD_ARGUMENT', `a message of ${length} bytes`);
}

function write(payload: Payload, buffer: Uint8Array): void {
  if (payload instanceof Uint8Array) buffer.set(payload);
  else payload.write(buffer.subarray(0, payload.lengthBytes));
}

/** A copy of what would be written, for who cannot write it yet. */
export function copyOf(payload: Payload): Uint8Array {
  const copy = new Uint8Array(payloadLength(payload));
  write(payload, copy);
  return copy;
}

/** Bytes of the pool, and the references that came with them. `holder`: the object in which the bytes lie, when they are no slot's. */
export interface Parts {
  readonly bytes: Uint8Array;
  readonly refs: Ref[];
  readonly holder: Ref | undefined;
}

/** Undefined: the other side lies. Throws as `ReferenceQueues.take`. */
export function readMessage(queues: ReferenceQueues, bytes: Uint8Array, word: number): Parts | undefined {
  if (word === 0) return { bytes, refs: [], holder: undefined };
  const refs = queues.take(word);
  if (refs === undefined) return undefined;
  if (!ReferencesWord.isLarge(word)) return { bytes, refs, holder: undefined };
  const holder = refs.shift();
  // Read once: the other side may change it.
  const lengthBytes = bytes.length < largeBytes ? -1 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  if (holder !== undefined && lengthBytes >= 0 && lengthBytes <= holder.bytes.length) {
    return { bytes: holder.bytes.subarray(0, lengthBytes), refs, holder };
  }
  holder?.drop();
  for (const ref of refs) ref.drop();
  return undefined;
}
