/** Calls the methods of a typed service. The thread must have joined the pool. */
import { codes } from '../layout/index.ts';
import type { Core } from '../pool/core.ts';
import { type Call, type Channel, connectingCall, copyInto, type Pin, type SyncOptions } from './call.ts';
import { CallStream, type Item } from './call-stream.ts';
import type { Response } from './caller.ts';
import type { HeapRequest } from './heap-message.ts';
import { checkAnswer, checkedRequest, KeptRequest } from './kept-request.ts';
import { Link, type LinkOptions } from './link.ts';
import { statusError } from './link-errors.ts';
import { HeapReply, type LiveConnection, Reply } from './live-connection.ts';
import { HeaderLine, streamSteps, streamWord } from './message-header.ts';
import { jsonText, readJson, writeText } from './payload.ts';
import type { PolledAnswer } from './reference-caller.ts';
import { RpcError } from './rpc-error.ts';
import type {
  BytesRequest,
  CallNames,
  Method,
  MethodDeclarations,
  ReplyOf,
  RequestOf,
  ResponseOf,
  Service,
  StreamNames,
} from './service.ts';
import { connectSync } from './sync-call.ts';

export interface CallerOptions extends LinkOptions {
  /** Of calls that give none. Default 10 s. */
  readonly deadlineMs?: number;
  /** Repeat calls of idempotent methods on another server when theirs was lost, within their deadlines. Default false. */
  readonly repeatIdempotent?: boolean;
  /**
   * Callers of the same service on the same thread use one connection and its window; the first one's options hold for the link. Closing one
   * does not close the others.
   */
  readonly share?: boolean;
}

export interface CallOptions {
  readonly deadlineMs?: number;
  /** Ends the call with ABORTED. It may still be executed. */
  readonly signal?: AbortSignal;
}

export interface StreamOptions extends CallOptions {
  /** Pulls in flight, or arrived and not read. Default 4. */
  readonly ahead?: number;
}

export interface CallerCounters {
  readonly inFlight: number;
  readonly waiting: number;
  /** Slots reserved for responses that nobody waits for. */
  readonly late: number;
  /** Replies that were not released yet. */
  readonly views: number;
  readonly resent: number;
  readonly reconnects: number;
}

/**
 * Returns at once, and connects to the first server that listens: calls wait for one, within their deadlines. Throws RpcError ABORTED.
 *
 *     using caller = connectService(core, calculator);
 *     caller.callSync('add', { a: 1, b: 2 });
 *     await caller.call('add', { a: 1, b: 2 }, { deadlineMs: 100 });
 */
export function connectService<Methods extends MethodDeclarations>(
  core: Core,
  service: Service<Methods>,
  options: CallerOptions = {},
): ServiceCaller<Methods> {
  return new ServiceCaller(
    service,
    options.share === true ? sharedLink(core, service, options) : linkOf(core, service, options),
    options,
  );
}

function linkOf(core: Core, { name, version }: Service<MethodDeclarations>, options: LinkOptions): Link {
  return new Link(core, name, version, options);
}

const sharedLinks = new WeakMap<Core, Map<string, Link>>();

function sharedLink(core: Core, service: Service<MethodDeclarations>, options: LinkOptions): Link {
  let links = sharedLinks.get(core);
  if (links === undefined) {
    links = new Map();
    sharedLinks.set(core, links);
  }
  const key = `${service.version} ${service.name}`;
  let link = links.get(key);
  if (link === undefined || link.isOver) {
    link = linkOf(core, service, options);
    links.set(key, link);
  }
  return link;
}

interface Bound {
  readonly method: Method;
  readonly sync: SyncOptions;
}

interface Submission {
  readonly streamWord: number;
  readonly pin: Pin | undefined;
  readonly accept: (response: Response | PolledAnswer, live: LiveConnection, slot: number) => unknown;
}

export class ServiceCaller<Methods extends MethodDeclarations> {
  readonly service: string;
  readonly #link: Link;
  readonly #channel: Channel;
  readonly #bound: ReadonlyMap<string, Bound>;
  readonly #deadlineMs: number;
  readonly #repeats: boolean;
  readonly #streams = new Set<CallStream<unknown>>();
  #isClosed = false;
  #isDraining = false;
  readonly #onDrained: (() => void)[] = [];
  /** Calls that were made and have not ended. */
  #pending = 0;

  constructor(service: Service<Methods>, link: Link, options: CallerOptions) {
    this.service = service.name;
    this.#link = link;
    this.#channel = link.attach();
    this.#deadlineMs = options.deadlineMs ?? 10_000;
    this.#repeats = options.repeatIdempotent ?? false;
    this.#bound = new Map(
      service.methods.map((method): [string, Bound] => {
        const isRepeatable = this.#repeats && method.idempotent;
        return [method.name, { method, sync: { method: method.number, deadlineMs: this.#deadlineMs, isRepeatable } }];
      }),
    );
  }

  /** Resolves once there is a connection. Rejects with RpcError: NOT_FOUND, WRONG_VERSION, FULL, PEER_LOST, FENCED, ABORTED. */
  connected(options: CallOptions = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#link.submit(connectingCall(this.#channel, options.deadlineMs ?? this.#deadlineMs, resolve, reject));
    });
  }

  connectedSync(options: { readonly deadlineMs?: number } = {}): void {
    connectSync(this.#link, this.#channel, options.deadlineMs ?? this.#deadlineMs);
  }

  /** The place of the connection in the pool's table; undefined while there is none. */
  get connection(): number | undefined {
    return this.#link.connectionPlace;
  }

  /**
   * One call; blocks the thread until it is answered. Bytes come back as a view of the pool that is valid until the next call of this caller (of
   * whichever kind), values as themselves. Throws RpcError: the table in docs/rpc.md.
   */
  callSync<Name extends CallNames<Methods>>(
    name: Name,
    request: RequestOf<Methods[Name]>,
    options?: { readonly deadlineMs?: number },
  ): ResponseOf<Methods[Name]>;
  callSync(name: string, request: unknown, options?: { readonly deadlineMs?: number }): unknown {
    const { method, sync } = this.#boundOf(name);
    sync.deadlineMs = options?.deadlineMs ?? this.#deadlineMs;
    const { payload } = method;
    if (payload.kind === 'bytes') return this.#link.callSync(this.#channel, request as BytesRequest, sync);
    if (payload.kind === 'json') return this.#valueOf(method, this.#sendValue(request, sync));
    const answer = this.#link.callHeapSync(this.#channel, checkedRequest(request as HeapRequest, method), sync);
    checkAnswer(answer.refs, method);
    return answer;
  }

  /**
   * One call. Bytes come back as a `Reply` in place that must be released (`using`), or as a copy with `copy: true`; values as themselves; refs are the
   * caller's own.
   * Waits while the window is full. Rejects with RpcError: the table in docs/rpc.md.
   */
  call<Name extends CallNames<Methods>>(
    name: Name,
    request: RequestOf<Methods[Name]>,
    options: CallOptions & { readonly copy: true },
  ): Promise<ResponseOf<Methods[Name]>>;
  call<Name extends CallNames<Methods>>(
    name: Name,
    request: RequestOf<Methods[Name]>,
    options?: CallOptions & { readonly copy?: false },
  ): Promise<ReplyOf<Methods[Name]>>;
  call(name: string, request: unknown, options: CallOptions & { readonly copy?: boolean } = {}): Promise<unknown> {
    const bound = this.#boundOf(name);
    return this.#submit(bound, request, options, {
      streamWord: 0,
      pin: undefined,
      accept: (response, live, slot) => {
        const { method } = bound;
        const { bytes } = response;
        if (method.payload.kind === 'json') return this.#valueOf(method, bytes);
        if (method.payload.kind === 'bytes') return options.copy === true ? bytes.slice() : new Reply(live, slot, bytes);
        const { refs } = response as PolledAnswer;
        checkAnswer(refs, method);
        return options.copy === true ? { bytes: bytes.slice(), refs } : new HeapReply(live, slot, bytes, refs);
      },
    });
  }

  /** Items of a stream method, as copies or values, in order. Ends the server's generator when the loop over it ends early. */
  stream<Name extends StreamNames<Methods>>(
    name: Name,
    request: RequestOf<Methods[Name]>,
    options: StreamOptions = {},
  ): AsyncIterableIterator<ResponseOf<Methods[Name]>> {
    type Value = ResponseOf<Methods[Name]>;
    const bound = this.#boundOf(name);
    const number = this.#link.nextStreamNumber();
    const shared: { epoch: number | undefined } = { epoch: undefined };
    const step = (word: number, isOpening: boolean, options: CallOptions): Promise<unknown> =>
      this.#submit(bound, isOpening ? request : undefined, options, {
        streamWord: streamWord.pack(word, number),
        pin: { isOpening, shared },
        accept: (response): Item<unknown> => {
          if (isLast(response)) {
            this.#streams.delete(stream);
            return { done: true };
          }
          const isBytes = bound.method.payload.kind === 'bytes';
          return { done: false, value: isBytes ? response.bytes.slice() : this.#valueOf(bound.method, response.bytes) };
        },
      });
    const stream: CallStream<Value> = new CallStream<Value>(
      (isOpening) => step(isOpening ? streamSteps.open : streamSteps.next, isOpening, options) as Promise<Item<Value>>,
      async () => {
        this.#streams.delete(stream);
        // Whoever cannot be told has no generator any more.
        const { deadlineMs } = options;
        await step(streamSteps.drop, false, deadlineMs === undefined ? {} : { deadlineMs }).catch(() => undefined);
      },
      options.ahead ?? 4,
    );
    this.#streams.add(stream);
    return stream;
  }

  get counters(): CallerCounters {
    return this.#link.counters;
  }

  /** Ends what is in flight with CLOSED; views of replies are not to be read any more. */
  close(): void;
  /** Calls are refused with CLOSED from here on; those that were made go on to their ends, each within its deadline, then it is closed. Views stay until they are released. */
  close(options: { readonly drain: true }): Promise<void>;
  close(options: { readonly drain?: boolean } = {}): Promise<void> | undefined {
    if (options.drain !== true) {
      this.#closeNow();
      return undefined;
    }
    this.#isDraining = true;
    for (const stream of this.#streams) void stream.return();
    return new Promise((resolve) => {
      this.#onDrained.push(resolve);
      this.#closeIfDrained();
    });
  }

  #closeIfDrained(): void {
    if (!this.#isDraining || (this.#pending !== 0 && !this.#isClosed)) return;
    this.#end(true);
    for (const resolve of this.#onDrained.splice(0)) resolve();
  }

  #closeNow(): void {
    this.#end(false);
    this.#closeIfDrained();
  }

  /** `keepsViews`: of replies, until they are released. */
  #end(keepsViews: boolean): void {
    if (this.#isClosed) return;
    for (const stream of this.#streams) void stream.return();
    this.#isClosed = true;
    this.#link.detach(this.#channel, keepsViews);
  }

  [Symbol.dispose](): void {
    this.#closeNow();
  }

  #boundOf(name: string): Bound {
    if (this.#isClosed || this.#isDraining) throw new RpcError('CLOSED', `the caller of ${this.service} is closed`);
    const bound = this.#bound.get(name);
    if (bound === undefined) throw new RpcError('UNKNOWN_METHOD', `${this.service} has no method "${name}"; nothing was sent`);
    return bound;
  }

  #submit(bound: Bound, request: unknown, options: CallOptions, what: Submission): Promise<unknown> {
    this.#pending++;
    const call = this.#send(bound, request, options, what);
    const end = (): void => {
      this.#pending--;
      this.#closeIfDrained();
    };
    call.then(end, end);
    return call;
  }

  #send({ method }: Bound, request: unknown, options: CallOptions, what: Submission): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const { signal } = options;
      const deadlineMs = options.deadlineMs ?? this.#deadlineMs;
      const isRepeatable = what.pin === undefined && this.#repeats && method.idempotent;
      const kept = method.payload.kind === 'heap' ? new KeptRequest(checkedRequest(request as HeapRequest, method)) : undefined;
      if (isRepeatable) kept?.keep();
      const onError = (error: Error): void => {
        signal?.removeEventListener('abort', onAbort);
        kept?.drop();
        reject(error);
      };
      const onAbort = (): void =>
        this.#link.cancel(call, new RpcError('ABORTED', `a call of ${this.service} was aborted; it may still be executed`));
      const call: Call = {
        channel: this.#channel,
        methodNumber: method.number,
        streamWord: what.streamWord,
        write: kept === undefined ? this.#writerOf(method, request, isRepeatable) : () => 0,
        heap: kept?.request,
        isRepeatable,
        pin: what.pin,
        deadlineMs,
        deadlineAt: performance.now() + deadlineMs,
        onResponse: (response, live, slot) => {
          if (response.status !== codes.OK) {
            onError(statusError(this.service, response));
            return false;
          }
          signal?.removeEventListener('abort', onAbort);
          kept?.drop();
          try {
            const value = what.accept(response, live, slot);
            resolve(value);
            return value instanceof Reply;
          } catch (error) {
            reject(error as Error);
            return false;
          }
        },
        onError,
        slot: undefined,
        sentAt: 0,
      };
      if (signal?.aborted) {
        onError(new RpcError('ABORTED', `a call of ${this.service} was aborted before it was sent`));
        return;
      }
      signal?.addEventListener('abort', onAbort, { once: true });
      const isSent = this.#link.submit(call);
      // Whoever made the request may change it once this returns; what is not sent yet is sent as it was.
      if (isSent) return;
      if (request instanceof Uint8Array) call.write = this.#writerOf(method, request.slice(), false);
      if (kept === undefined) return;
      try {
        call.heap = kept.keep();
      } catch (error) {
        this.#link.cancel(call, error as Error);
      }
    });
  }

  #writerOf(method: Method, request: unknown, isKept: boolean): (buffer: Uint8Array) => number {
    if (method.payload.kind === 'json') {
      const text = jsonText(request);
      return (buffer) => writeText(text, buffer);
    }
    if (typeof request === 'function') return request as (buffer: Uint8Array) => number;
    if (request === undefined) return () => 0;
    const bytes = isKept ? (request as Uint8Array).slice() : (request as Uint8Array);
    return (buffer) => copyInto(bytes, buffer);
  }

  /** A function of its own, because one that makes a closure makes an object at each entry. */
  #sendValue(request: unknown, sync: SyncOptions): Uint8Array {
    const text = jsonText(request);
    return this.#link.callSync(this.#channel, (buffer) => this.#textLength(text, buffer), sync);
  }

  #textLength(text: string, buffer: Uint8Array): number {
    const length = writeText(text, buffer);
    if (length <= buffer.length) return length;
    throw new RpcError('TOO_LARGE', `a request of ${this.service} is longer than ${buffer.length} bytes; nothing was sent`);
  }

  #valueOf(method: Method, view: Uint8Array): unknown {
    try {
      return readJson(view);
    } catch {
      throw new RpcError('FAILED', `${this.service}.${method.name} was answered with what is not JSON`);
    }
  }
}

function isLast({ header }: Response): boolean {
  return header !== undefined && streamWord.step(new HeaderLine(header).stream) === streamSteps.last;
}
