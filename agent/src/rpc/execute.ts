/** Executes one request that was taken: at once, in the background, or as the next step of a stream. */
import { codes, constants } from '../layout/index.ts';
import { Answer, checkedLength } from './answer.ts';
import { Background } from './background.ts';
import { Cursor, type Pulled } from './cursor.ts';
import { dropAll, type HeapResult } from './heap-message.ts';
import { streamSteps, streamWord } from './message-header.ts';
import type { Parts } from './message-parts.ts';
import { readJson } from './payload.ts';
import { dropParts } from './reference-server.ts';
import { RpcError } from './rpc-error.ts';
import { nsPerMs, type ServeLimits } from './serve-options.ts';
import type { ServedConnection, Task } from './served-connection.ts';
import type { Method, MethodDeclarations, Service } from './service.ts';

export type AnyHandler = (...values: unknown[]) => unknown;

interface Bound {
  readonly method: Method;
  readonly handler: AnyHandler;
}

export class Executor {
  /** Of the request that was executed last. */
  readonly answer = new Answer();
  readonly background: Background;
  unknownMethods = 0;
  /** Calls that were given up before they were taken. */
  cancelled = 0;
  /** A thread that blocks runs no async iterables. */
  isBlocking = false;
  readonly #service: string;
  readonly #limits: ServeLimits;
  readonly #methods: readonly Bound[];

  /** Throws RpcError BAD_ARGUMENT for a method without handler. */
  constructor(service: Service<MethodDeclarations>, handlers: Readonly<Record<string, AnyHandler>>, limits: ServeLimits) {
    this.#service = service.name;
    this.#limits = limits;
    this.background = new Background(this.answer, limits);
    this.#methods = service.methods.map((method) => {
      const handler = handlers[method.name];
      if (typeof handler !== 'function') throw new RpcError('BAD_ARGUMENT', `${service.name} has no handler for ${method.name}`);
      return { method, handler };
    });
  }

  /** Whether the request in `slot`, the one that was taken last, is to be answered now. */
  execute(connection: ServedConnection, slot: number): boolean {
    const { server, context } = connection;
    const { kind } = server;
    context.channel = 0;
    let stream = 0;
    let word = 0;
    if ((kind & constants.KIND_HEADER) !== 0) {
      const header = connection.requestHeader(slot);
      context.channel = header.channel;
      stream = header.stream;
      word = header.references;
    }
    const number = kind & (constants.KIND_LIMIT - 1);
    const bound = this.#methods[number];
    if (number === constants.KIND_CANCELLED) {
      this.#skip(connection, slot, word);
      return true;
    }
    if (bound === undefined) {
      this.unknownMethods++;
      this.answer.say(connection, slot, codes.UNKNOWN_METHOD, `${this.#service} has no method number ${number}`);
      return true;
    }
    if (bound.method.stream) return this.#pull(connection, slot, bound, stream);
    if (bound.method.payload.kind === 'heap') return this.#withReferences(connection, slot, bound, word);
    if (bound.method.handler === 'background') return this.#queue(connection, slot, bound);
    const { statistics } = server;
    if (!statistics.isTimed()) {
      this.#run(connection, slot, bound);
      statistics.count(number, this.answer.code);
      return true;
    }
    const startedMs = performance.now();
    this.#run(connection, slot, bound);
    const ns = (performance.now() - startedMs) * nsPerMs;
    statistics.count(number, this.answer.code, ns);
    if (ns > this.#limits.budgetNs) statistics.overran(number);
    return true;
  }

  #run(connection: ServedConnection, slot: number, { method, handler }: Bound): void {
    const { server, context } = connection;
    try {
      if (method.payload.kind === 'bytes') {
        this.answer.ok(handler(server.request(slot), server.response(slot), context) as number, server.payloadBytes);
      } else {
        this.answer.value(connection, slot, handler(requestValue(method, server.request(slot)), context));
      }
    } catch (error) {
      this.answer.error(connection, slot, error);
    }
  }

  /** Its caller gave it up before it was taken: nobody will look at the answer, which frees the slot. What it brings is dropped. */
  #skip(connection: ServedConnection, slot: number, word: number): void {
    this.cancelled++;
    try {
      const parts = connection.references?.accept(connection.server.request(slot), word);
      if (parts !== undefined) dropParts(parts);
    } catch {
      // There is no memory for what it brings: then it is dropped with the next one.
    }
    this.answer.say(connection, slot, codes.REFUSED, 'its caller gave it up; nothing was executed');
  }

  /** Answers by itself. */
  #withReferences(connection: ServedConnection, slot: number, bound: Bound, word: number): false {
    const { server, context } = connection;
    const { method, handler } = bound;
    const isTimed = server.statistics.isTimed();
    const startedMs = isTimed ? performance.now() : 0;
    const parts = this.#accept(connection, slot, method, word);
    if (parts !== undefined && method.handler === 'background') {
      this.#queueWithReferences(connection, slot, bound, parts);
      return false;
    }
    if (parts !== undefined) {
      connection.references!.hold(slot, parts);
      try {
        this.answer.references(method, handler({ bytes: parts.bytes, refs: parts.refs }, context));
      } catch (error) {
        this.answer.error(connection, slot, error);
      }
    }
    const status = connection.reply(slot, this.answer);
    const ns = isTimed ? (performance.now() - startedMs) * nsPerMs : undefined;
    server.statistics.count(method.number, status, ns);
    if (ns !== undefined && ns > this.#limits.budgetNs) server.statistics.overran(method.number);
    return false;
  }

  /** What came with the request; undefined when it is refused, or there is no memory for it: then `answer` says so. */
  #accept(connection: ServedConnection, slot: number, { name, payload }: Method, word: number): Parts | undefined {
    let parts: Parts | undefined;
    try {
      parts = connection.references!.accept(connection.server.request(slot), word);
    } catch (error) {
      this.answer.error(connection, slot, error);
      return undefined;
    }
    if (parts === undefined) {
      this.answer.say(connection, slot, codes.REFUSED, `the request of ${name} says it brings references that it does not bring`);
      return undefined;
    }
    if (payload.kind !== 'heap' || payload.takes === undefined || payload.takes === parts.refs.length) return parts;
    this.answer.say(connection, slot, codes.REFUSED, `${name} takes ${payload.takes} references, not ${parts.refs.length}`);
    dropParts(parts);
    return undefined;
  }

  #queueWithReferences(connection: ServedConnection, slot: number, bound: Bound, parts: Parts): void {
    const { connection: place, channel } = connection.context;
    // The buffer is somebody else's once the caller is gone; an object is not.
    const bytes = parts.holder === undefined ? parts.bytes.slice() : parts.bytes;
    this.#later(connection, slot, bound, {
      run: async (signal) => bound.handler({ bytes, refs: parts.refs }, { connection: place, channel, signal }),
      write: (value) => this.answer.references(bound.method, value),
      hold: () => connection.references!.hold(slot, parts),
      discard: (value) => {
        dropAll((value as HeapResult | undefined)?.refs ?? []);
        dropParts(parts);
      },
    });
  }

  #queue(connection: ServedConnection, slot: number, bound: Bound): boolean {
    const { server } = connection;
    const { connection: place, channel } = connection.context;
    const { method, handler } = bound;
    const view = server.request(slot);
    if (method.payload.kind === 'bytes') {
      // Copies: the handler may run longer than its caller lives, and the buffers are somebody else's then.
      const request = view.slice();
      const response = new Uint8Array(server.payloadBytes);
      this.#later(connection, slot, bound, {
        run: async (signal) => {
          const length = await handler(request, response, { connection: place, channel, signal });
          return response.subarray(0, checkedLength(length as number, response.length));
        },
        write: (value) => this.answer.bytes(connection, slot, value as Uint8Array),
      });
      return false;
    }
    let request: unknown;
    try {
      request = requestValue(method, view);
    } catch (error) {
      this.answer.error(connection, slot, error);
      server.statistics.count(method.number, this.answer.code);
      return true;
    }
    this.#later(connection, slot, bound, {
      run: async (signal) => handler(request, { connection: place, channel, signal }),
      write: (value) => this.answer.value(connection, slot, value),
    });
    return false;
  }

  #pull(connection: ServedConnection, slot: number, bound: Bound, word: number): boolean {
    const step = streamWord.step(word);
    const number = streamWord.number(word);
    const { cursors, server } = connection;
    let isItsOwn = false;
    try {
      if (step === streamSteps.drop) {
        connection.dropCursor(number);
        this.answer.ok(0, 0);
        return true;
      }
      if (step === streamSteps.open) {
        cursors.set(number, this.#open(connection, slot, bound, number));
        isItsOwn = true;
        connection.highestCursor = Math.max(connection.highestCursor, number);
      } else if (step !== streamSteps.next) {
        throw new RpcError('REFUSED', `${bound.method.name} is a stream, and is not called`);
      }
      isItsOwn = true;
      const cursor = cursors.get(number);
      if (cursor === undefined) {
        if (number > connection.highestCursor) throw new RpcError('REFUSED', `stream ${number} was never opened`);
        this.answer.pulled(connection, slot, { done: true });
      } else if (cursor.isAsync) {
        this.#later(connection, slot, bound, {
          stream: number,
          run: async () => {
            const pulled = await cursor.pullLater();
            if (pulled.done) cursors.delete(number);
            return pulled;
          },
          write: (value) => this.answer.pulled(connection, slot, value as Pulled),
        });
        return false;
      } else {
        const pulled = cursor.pull();
        if (pulled.done) cursors.delete(number);
        this.answer.pulled(connection, slot, pulled);
      }
    } catch (error) {
      this.answer.error(connection, slot, error);
    }
    // A stream that failed, or whose item does not fit, gives no more.
    if (isItsOwn && this.answer.code !== codes.OK) connection.dropCursor(number);
    server.statistics.count(bound.method.number, this.answer.code);
    return true;
  }

  #open({ cursors, server, context }: ServedConnection, slot: number, { method, handler }: Bound, number: number): Cursor {
    if (cursors.has(number)) throw new RpcError('REFUSED', `stream ${number} is open already`);
    if (cursors.size >= this.#limits.streamLimit) {
      throw new RpcError('REFUSED', `${cursors.size} streams are open on this connection`);
    }
    const view = server.request(slot);
    const request = method.payload.kind === 'bytes' ? view.slice() : requestValue(method, view);
    const cursor = new Cursor(handler(request, { ...context }));
    if (cursor.isAsync && this.isBlocking) {
      throw new RpcError('FAILED', 'the stream is async and its server polls in `run`, not `runAsync`');
    }
    return cursor;
  }

  #later(
    connection: ServedConnection,
    slot: number,
    { method }: Bound,
    { stream, ...what }: Pick<Task, 'run' | 'write' | 'hold' | 'discard'> & { readonly stream?: number },
  ): void {
    this.background.add({
      connection,
      slot,
      methodNumber: method.number,
      stream,
      ...what,
      abort: new AbortController(),
      startedMs: performance.now(),
      isOver: false,
    });
  }
}

function requestValue({ name, payload }: Method, view: Uint8Array): unknown {
  let value: unknown;
  try {
    value = readJson(view);
  } catch {
    throw new RpcError('REFUSED', `the request of ${name} is not JSON`);
  }
  const check = payload.kind === 'json' ? payload.check : undefined;
  if (check !== undefined && !check(value)) throw new RpcError('REFUSED', `the request of ${name} is not what it takes`);
  return value;
}
