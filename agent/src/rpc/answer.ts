/** What a request is answered with: made from what its handler returned or threw, in the response's buffer. */
import { codes, constants } from '../layout/index.ts';
import type { Pulled } from './cursor.ts';
import { dropAll, type HeapResult } from './heap-message.ts';
import { streamSteps, streamWord } from './message-header.ts';
import { jsonText, writeMessage, writeText } from './payload.ts';
import { RpcError } from './rpc-error.ts';
import type { ServedConnection } from './served-connection.ts';
import type { Method } from './service.ts';

/** One at a time: it is sent before the next one is made, so that answering allocates nothing. */
export class Answer {
  length = 0;
  /** A code of the core, and `KIND_HEADER`. */
  status: number = codes.OK;
  /** Of a method of kind `heap` that ended well: what is sent instead of what stands in the buffer. */
  result: HeapResult | undefined;

  get code(): number {
    return this.status & (constants.KIND_LIMIT - 1);
  }

  /** OK, with so many bytes that stand in the buffer already. Throws RpcError TOO_LARGE, RangeError. */
  ok(length: number, limitBytes: number): void {
    this.length = checkedLength(length, limitBytes);
    this.status = codes.OK;
    this.result = undefined;
  }

  value({ server }: ServedConnection, slot: number, value: unknown): void {
    this.ok(writeText(jsonText(value), server.response(slot)), server.payloadBytes);
  }

  bytes({ server }: ServedConnection, slot: number, value: Uint8Array): void {
    this.ok(value.length, server.payloadBytes);
    server.response(slot).set(value);
  }

  /** An item of a stream, or its end. */
  pulled(connection: ServedConnection, slot: number, pulled: Pulled): void {
    if (pulled.done) {
      connection.responseHeader(slot).write(0, 0, streamWord.pack(streamSteps.last, 0));
      this.ok(0, 0);
      this.status = codes.OK | constants.KIND_HEADER;
    } else if (pulled.value instanceof Uint8Array) this.bytes(connection, slot, pulled.value);
    else this.value(connection, slot, pulled.value);
  }

  /** Refs that the method does not give are dropped, and it fails. */
  references({ name, payload }: Method, value: unknown): void {
    const result = (value ?? {}) as HeapResult;
    const count = result.refs?.length ?? 0;
    if (payload.kind === 'heap' && payload.gives !== undefined && payload.gives !== count) {
      dropAll(result.refs ?? []);
      throw new RangeError(`the handler of ${name} answered with ${count} references instead of ${payload.gives}`);
    }
    this.ok(0, 0);
    this.result = result;
  }

  say({ server }: ServedConnection, slot: number, status: number, message: string): void {
    this.length = writeMessage(message, server.response(slot));
    this.status = status;
    this.result = undefined;
  }

  /** A handler may throw RpcError REFUSED or TOO_LARGE to answer so; everything else is FAILED. */
  error(connection: ServedConnection, slot: number, error: unknown): void {
    this.say(connection, slot, statusOf(error), messageOf(error));
  }
}

export function checkedLength(length: number, limitBytes: number): number {
  if (length > limitBytes) throw new RpcError('TOO_LARGE', `the connection takes ${limitBytes} bytes`);
  if (!Number.isInteger(length) || length < 0) throw new RangeError(`the handler answered with ${length} bytes`);
  return length;
}

function statusOf(error: unknown): number {
  const code = error instanceof RpcError ? error.code : 'FAILED';
  return code === 'REFUSED' ? codes.REFUSED : code === 'TOO_LARGE' ? codes.TOO_LARGE : codes.FAILED;
}

/** Never throws, whatever was thrown. */
function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? String(error.message) : String(error);
  } catch {
    return 'something that cannot be told';
  }
}
