/** The kinds in which arguments and results travel: bytes of the pool in place, values as JSON text, references of the heap. */
import type { HeapPayload } from './heap-message.ts';
import { RpcError } from './rpc-error.ts';

export interface BytesPayload {
  readonly kind: 'bytes';
}

/** The function type is never called: it carries the types of request and response. */
export interface JsonPayload<Request, Response> {
  readonly kind: 'json';
  readonly check?: ((request: unknown) => boolean) | undefined;
  readonly types?: (request: Request) => Response;
}

export type Payload = BytesPayload | JsonPayload<never, unknown> | HeapPayload;

/** The caller writes into the request's buffer, the handler reads it there and writes into the response's. No copy is made. */
export const bytes: BytesPayload = { kind: 'bytes' };

/** Values as JSON. A request for which `check` is false is REFUSED before the handler sees it. */
export function json<Request, Response>(
  options: { readonly check?: (request: unknown) => boolean } = {},
): JsonPayload<Request, Response> {
  return { kind: 'json', check: options.check };
}

const encoder = new TextEncoder();

/** Nothing (`undefined`) is no text. Throws RpcError BAD_ARGUMENT for what JSON cannot say. */
export function jsonText(value: unknown): string {
  try {
    return value === undefined ? '' : JSON.stringify(value);
  } catch (error) {
    throw new RpcError('BAD_ARGUMENT', `a value cannot be said in JSON: ${(error as Error).message}`);
  }
}

/** Returns the length in bytes; more than the buffer's when the text does not fit, and then the buffer holds a part of it. */
export function writeText(text: string, buffer: Uint8Array): number {
  const { read, written } = encoder.encodeInto(text, buffer);
  return read === text.length ? written : Number.POSITIVE_INFINITY;
}

/** Decoded from a copy, because the other side may still change what stands in the pool. */
export function readText(view: Uint8Array): string {
  return Buffer.from(view).toString('utf8');
}

/** Throws SyntaxError. */
export function readJson(view: Uint8Array): unknown {
  return view.length === 0 ? undefined : JSON.parse(readText(view));
}

/** As much of a message as fits; never half a character. */
export function writeMessage(message: string, buffer: Uint8Array): number {
  return encoder.encodeInto(message, buffer).written;
}
