/** What a service is: a name, a version, and methods with their types. Both sides import the same definition. */
import { constants } from '../layout/index.ts';
import type { HeapAnswer, HeapArguments, HeapPayload, HeapRequest, HeapResult, RefsOf } from './heap-message.ts';
import type { HeapReply, Reply } from './live-connection.ts';
import type { BytesPayload, JsonPayload, Payload } from './payload.ts';
import { RpcError } from './rpc-error.ts';

/** A method as it is declared: its payload alone, or with options. */
export type MethodDeclaration = Payload | MethodOptions;

export interface MethodOptions {
  readonly payload: Payload;
  /** `inline` (the default) runs to completion in the poll loop; `background` may be async, and others are served meanwhile. */
  readonly handler?: 'inline' | 'background';
  /** Executing it twice does no harm: a caller may repeat it when a server is lost. */
  readonly idempotent?: boolean;
  /** The handler returns an iterable, and the caller pulls its items one by one. */
  readonly stream?: boolean;
}

export type MethodDeclarations = Readonly<Record<string, MethodDeclaration>>;

export interface Method {
  readonly name: string;
  /** The kind of its requests in the ring. */
  readonly number: number;
  readonly payload: Payload;
  readonly handler: 'inline' | 'background';
  readonly idempotent: boolean;
  readonly stream: boolean;
}

export interface Service<Methods extends MethodDeclarations> {
  readonly name: string;
  readonly version: number;
  readonly methods: readonly Method[];
  readonly declarations: Methods;
}

/** The number 31 is kept for later. */
export const methodLimit = constants.KIND_LIMIT - 1;

/**
 *     const calculator = defineService('calculator', {
 *       version: 1,
 *       methods: {
 *         add: { payload: json<{ a: number; b: number }, number>(), idempotent: true },
 *         checksum: bytes,
 *       },
 *     });
 *
 * Methods are numbered in the order of their declaration: add new ones at the end, or count the version up. Throws RpcError BAD_ARGUMENT.
 */
export function defineService<const Methods extends MethodDeclarations>(
  name: string,
  definition: { readonly version?: number; readonly methods: Methods },
): Service<Methods> {
  const declared = Object.entries(definition.methods);
  if (declared.length === 0 || declared.length > methodLimit) {
    throw new RpcError('BAD_ARGUMENT', `a service has 1 to ${methodLimit} methods; ${name} has ${declared.length}`, {
      hint: 'define two services',
    });
  }
  // JavaScript moves such keys to the front, so their order would not be that of the declaration.
  const numeric = declared.find(([key]) => /^\d+$/.test(key));
  if (numeric !== undefined) throw new RpcError('BAD_ARGUMENT', `method "${numeric[0]}" of ${name} has a number for a name`);
  const version = definition.version ?? 0;
  if (!Number.isInteger(version) || version < 0 || version >= 2 ** 32) {
    throw new RpcError('BAD_ARGUMENT', `the version of ${name} is a whole number of 32 bits, not ${version}`);
  }
  const methods = declared.map(([key, declaration], number) => methodOf(key, number, declaration));
  return { name, version, methods, declarations: definition.methods };
}

function methodOf(name: string, number: number, declaration: MethodDeclaration): Method {
  const options = 'payload' in declaration ? declaration : { payload: declaration };
  const { payload, handler = 'inline', idempotent = false, stream = false } = options;
  if (stream && payload.kind === 'heap')
    throw new RpcError('BAD_ARGUMENT', `${name} is a stream, whose items cannot be of kind heap`);
  return { name, number, payload, handler, idempotent, stream };
}

// What follows are the types that a declaration stands for.

type PayloadOf<D extends MethodDeclaration> = D extends { readonly payload: infer P } ? P : D;
type IsStream<D> = D extends { readonly stream: true } ? true : false;
type IsBackground<D> = D extends { readonly handler: 'background' } ? true : false;

/** A bytes request: copied in, or written in place by a function that returns its length. */
export type BytesRequest = Uint8Array | ((buffer: Uint8Array) => number);

export type RequestOf<D extends MethodDeclaration> =
  PayloadOf<D> extends HeapPayload<infer Takes, infer _>
    ? HeapRequest<Takes>
    : PayloadOf<D> extends JsonPayload<infer Request, infer _>
      ? Request
      : BytesRequest;
export type ResponseOf<D extends MethodDeclaration> =
  PayloadOf<D> extends HeapPayload<infer _, infer Gives>
    ? HeapAnswer<Gives>
    : PayloadOf<D> extends JsonPayload<infer _, infer R>
      ? R
      : Uint8Array;

export type CallNames<M extends MethodDeclarations> = { [N in keyof M]: IsStream<M[N]> extends true ? never : N }[keyof M] &
  string;
export type StreamNames<M extends MethodDeclarations> = {
  [N in keyof M]: IsStream<M[N]> extends true ? N : never;
}[keyof M] &
  string;
export type IsBytes<D extends MethodDeclaration> = PayloadOf<D> extends BytesPayload ? true : false;
/** What `call` resolves to: bytes in place, and values. */
export type ReplyOf<D extends MethodDeclaration> =
  PayloadOf<D> extends HeapPayload<infer _, infer Gives>
    ? HeapReply<RefsOf<Gives>>
    : IsBytes<D> extends true
      ? Reply
      : ResponseOf<D>;

/** What a handler knows of its call beside the request. An inline handler must not keep it. */
export interface CallContext {
  /** The caller's place in the connection table. */
  readonly connection: number;
  /** Which of the logical callers of a shared connection. */
  readonly channel: number;
}

export interface BackgroundContext extends CallContext {
  /** Aborted when nobody waits any more: the caller is gone or gave the call up, the handler's deadline is over, the server closes. */
  readonly signal: AbortSignal;
}

type Items<T> = Iterable<T> | AsyncIterable<T>;

/**
 * Bytes inline: both views are the pool itself, valid during the call; returns the response's length. Bytes in the background: the views are
 * copies of its own, because a handler may outlive its caller.
 */
export type HandlerOf<D extends MethodDeclaration> =
  PayloadOf<D> extends HeapPayload<infer Takes, infer Gives> ? HeapHandler<D, Takes, Gives> : PlainHandler<D>;

type HeapHandler<D, Takes extends number, Gives extends number> =
  IsBackground<D> extends true
    ? (request: HeapArguments<Takes>, context: BackgroundContext) => HeapResult<Gives> | Promise<HeapResult<Gives>>
    : (request: HeapArguments<Takes>, context: CallContext) => HeapResult<Gives>;

type PlainHandler<D extends MethodDeclaration> =
  IsStream<D> extends true
    ? IsBytes<D> extends true
      ? (request: Uint8Array, context: CallContext) => Items<Uint8Array>
      : (request: RequestOf<D>, context: CallContext) => Items<ResponseOf<D>>
    : IsBytes<D> extends true
      ? IsBackground<D> extends true
        ? (request: Uint8Array, response: Uint8Array, context: BackgroundContext) => number | Promise<number>
        : (request: Uint8Array, response: Uint8Array, context: CallContext) => number
      : IsBackground<D> extends true
        ? (request: RequestOf<D>, context: BackgroundContext) => ResponseOf<D> | Promise<ResponseOf<D>>
        : (request: RequestOf<D>, context: CallContext) => ResponseOf<D>;

export type Handlers<M extends MethodDeclarations> = { readonly [N in keyof M]: HandlerOf<M[N]> };
