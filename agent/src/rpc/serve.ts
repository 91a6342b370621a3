/** Serves a typed service to several callers at once. The thread must have joined the pool. */
import { codes, constants } from '../layout/index.ts';
import type { Core } from '../pool/core.ts';
import { Cursor, type Pulled } from './cursor.ts';
import { streamSteps, streamWord } from './message-header.ts';
import { type MethodNumbers, MethodStats } from './method-stats.ts';
import { jsonText, readJson, writeMessage, writeText } from './payload.ts';
import { RpcError } from './rpc-error.ts';
import { ServedConnection, type Task } from './served-connection.ts';
import { type ListenOptions, listen } from './server.ts';
import type { Handlers, Method, MethodDeclarations, Service } from './service.ts';
import { type TurnOptions, Turns } from './turns.ts';
import { Waiter } from './wait.ts';

export interface ServeOptions extends Omit<ListenOptions, 'version' | 'window'>, TurnOptions {
  /** How many connections listen at a time: a new one is opened when one is taken. Default 1. */
  readonly connections?: number;
  /** Callers at a time; who comes after them is told NOT_FOUND. Default 16. */
  readonly maxConnections?: number;
  /** Calls in flight of one connection; `adaptive`: 16, and fewer are offered while the server is behind. */
  readonly window?: number | 'adaptive';
  /** Requests taken from one connection before the next one has its turn. Default 16. */
  readonly requestsPerTurn?: number;
  /** What an inline handler should take at most. Longer ones are counted, nothing is killed. Default 1 ms. */
  readonly budgetMs?: number;
  /** Background handlers that run at the same time. Others wait; their callers' windows bound how many. Default 64. */
  readonly backgroundLimit?: number;
  /** A background handler that has not ended by then is answered FAILED. Default 30 s. */
  readonly handlerDeadlineMs?: number;
  /** Streams that one connection may have open. Default 16. */
  readonly streamLimit?: number;
}

/** `fenced`: this client's own end was told; nothing of its may be written any more. */
export type ServeEnd = 'deadline' | 'stopped' | 'closed' | 'aborted' | 'fenced';

export interface ServerCounters {
  readonly methods: Readonly<Record<string, MethodNumbers>>;
  /** Connections with a caller, and those that wait for one. */
  readonly callers: number;
  readonly listening: number;
  /** Callers that came since the beginning; of these, who hung up and who was lost. */
  readonly accepted: number;
  readonly hungUp: number;
  readonly lost: number;
  /** Requests whose entry did not hold. */
  readonly refused: number;
  readonly unknownMethods: number;
  /** How often no connection could be opened though one was wanted. */
  readonly listenFailures: number;
  readonly background: { readonly running: number; readonly waiting: number; readonly overdue: number };
  readonly streams: number;
}

/**
 * Opens the first connections. `run` or `runAsync` then answers requests. Throws RpcError: FULL, BAD_ARGUMENT.
 *
 *     using server = serve(core, calculator, { add: ({ a, b }) => a + b, checksum: (request, response) => ... });
 *     server.run({ deadlineMs: 60_000 });
 */
export function serve<Methods extends MethodDeclarations>(
  core: Core,
  service: Service<Methods>,
  handlers: Handlers<Methods>,
  options: ServeOptions = {},
): ServiceServer {
  return new ServiceServer(core, service, handlers as unknown as Record<string, AnyHandler>, options);
}

type AnyHandler = (...values: unknown[]) => unknown;

interface Bound {
  readonly method: Method;
  readonly handler: AnyHandler;
  readonly stats: MethodStats;
}

/** The only connection with a caller is looked at so often in a turn, at most; of several, each this often. */
const looksAloneLimit = 4096;
const looksAmongOthers = 2;
/** Busy turns between two looks at connections without a caller; turns between two at this client's own fence. */
const turnsPerVisit = 8;
const turnsPerFenceCheck = 64;
/** Busy turns between two looks at the deadline. */
const turnsPerClock = 256;
/** A server on the event loop that spends longer in a turn with full hands is behind. */
const behindMs = 1;
const nsPerMs = 1e6;

export class ServiceServer {
  readonly service: string;
  readonly #core: Core;
  readonly #options: ServeOptions;
  readonly #listenOptions: ListenOptions;
  readonly #methods: readonly Bound[];
  readonly #limits: Required<
    Pick<ServeOptions, 'connections' | 'maxConnections' | 'requestsPerTurn' | 'backgroundLimit' | 'streamLimit' | 'timedOneOf'>
  > & { readonly budgetNs: number; readonly handlerDeadlineMs: number };
  #connections: ServedConnection[] = [];
  readonly #running = new Set<Task>();
  #waiting: Task[] = [];
  #end: ServeEnd | undefined;
  #isBlocking = false;
  #wasIdle = true;
  /** The connection of the only caller, for a thread that blocks. */
  #alone: ServedConnection | undefined;
  readonly #waiter: Waiter;
  #turnCount = 0;
  #untilTimed = 1;
  /** Of the request that was executed last: what to answer. */
  #length = 0;
  #status: number = codes.OK;
  readonly #counts = { accepted: 0, hungUp: 0, lost: 0, refused: 0, unknownMethods: 0, listenFailures: 0, overdue: 0 };

  constructor(
    core: Core,
    service: Service<MethodDeclarations>,
    handlers: Readonly<Record<string, AnyHandler>>,
    options: ServeOptions,
  ) {
    this.service = service.name;
    this.#core = core;
    this.#options = options;
    const { window, ...others } = options;
    this.#listenOptions = { ...others, version: service.version, ...(typeof window === 'number' ? { window } : {}) };
    this.#limits = {
      connections: options.connections ?? 1,
      maxConnections: options.maxConnections ?? 16,
      requestsPerTurn: options.requestsPerTurn ?? 16,
      backgroundLimit: options.backgroundLimit ?? 64,
      streamLimit: options.streamLimit ?? 16,
      timedOneOf: options.timedOneOf ?? 16,
      budgetNs: (options.budgetMs ?? 1) * nsPerMs,
      handlerDeadlineMs: options.handlerDeadlineMs ?? 30_000,
    };
    this.#methods = service.methods.map((method) => {
      const handler = handlers[method.name];
      if (typeof handler !== 'function') throw new RpcError('BAD_ARGUMENT', `${service.name} has no handler for ${method.name}`);
      return { method, handler, stats: new MethodStats() };
    });
    this.#waiter = new Waiter(core, options.waiting === undefined ? {} : { strategy: options.waiting });
    this.#open(true);
  }

  /**
   * Answers requests until the deadline, `close`, or the end of this process or client; says which. Blocks the thread: for services without
   * background handlers. Throws RpcError BAD_ARGUMENT.
   */
  run(options: { readonly deadlineMs: number }): ServeEnd {
    const slow = this.#methods.find(({ method }) => method.handler === 'background');
    if (slow !== undefined) {
      throw new RpcError('BAD_ARGUMENT', `${this.service}.${slow.method.name} runs in the background`, {
        hint: 'serve it with runAsync',
      });
    }
    this.#isBlocking = true;
    const deadline = performance.now() + options.deadlineMs;
    let waiter = this.#waiter;
    try {
      for (;;) {
        const taken = this.turn();
        if (this.#end !== undefined) return this.#end;
        // A single caller's ring is watched while the thread waits; with several, or none, it waits blindly.
        const alone = this.#alone?.server;
        const current = alone === undefined ? this.#waiter : alone.waiter;
        if (current !== waiter) waiter.stop();
        waiter = current;
        if (taken !== 0) {
          waiter.worked();
          if (this.#turnCount % turnsPerClock !== 0) continue;
        }
        const leftMs = deadline - performance.now();
        if (leftMs <= 0) return 'deadline';
        if (taken !== 0) continue;
        if (alone === undefined) waiter.idle(leftMs);
        else alone.idle(leftMs);
      }
    } finally {
      waiter.stop();
      this.#isBlocking = false;
    }
  }

  /** As `run`, in turns on the event loop, with background handlers and streams of async iterables. Ends with the signal: 'stopped'. */
  runAsync(signal?: AbortSignal): Promise<ServeEnd> {
    return new Promise((resolve, reject) => {
      const turns = new Turns(() => {
        try {
          const taken = this.turn();
          if (this.#end === undefined && signal?.aborted !== true) return taken === 0 ? 'idle' : 'worked';
          resolve(this.#end ?? 'stopped');
        } catch (error) {
          reject(error as Error);
        }
        return 'over';
      }, this.#options);
      turns.start();
    });
  }

  /** One look at every connection: how many requests were taken. `run` and `runAsync` are loops of it. */
  turn(): number {
    if (this.#end !== undefined) return 0;
    this.#turnCount++;
    const connections = this.#connections;
    const startedMs = this.#options.window === 'adaptive' ? performance.now() : 0;
    const visitsAll = this.#wasIdle || this.#turnCount % turnsPerVisit === 0;
    const alone = this.#isBlocking ? this.#onlyCaller() : undefined;
    const looks = alone === undefined ? looksAmongOthers : Math.min(alone.server.waiter.looks, looksAloneLimit);
    this.#alone = alone;
    let taken = 0;
    for (let count = 0; count < connections.length; count++) {
      const connection = connections[(this.#turnCount + count) % connections.length]!;
      if (connection.server.isTaken) taken += this.#serve(connection, looks, startedMs);
      else if (visitsAll) taken += this.#serve(connection, 1, startedMs);
    }
    this.#wasIdle = taken === 0;
    if (visitsAll) this.#renew();
    this.#startWaiting();
    if (this.#running.size !== 0) this.#endOverdue();
    if (this.#turnCount % turnsPerFenceCheck === 0 && this.#isFenced()) this.#end = 'fenced';
    return taken;
  }

  /**
   * Refuses what was sent and not yet taken, hangs up on all callers and gives everything back. Calls that a background handler is at end with
   * OUTCOME_UNKNOWN; its signal is aborted.
   */
  close(): void {
    if (this.#end === 'closed') return;
    const isFenced = this.#end === 'fenced' || this.#isFenced();
    this.#end = 'closed';
    for (const connection of this.#connections) {
      if (!isFenced) this.#refuseAll(connection);
      // The places of a fenced client are given back by its recovery, and may be another's by now.
      connection.end(!isFenced);
    }
    this.#connections = [];
    this.#running.clear();
    this.#waiting = [];
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get counters(): ServerCounters {
    const { accepted, hungUp, lost, refused, unknownMethods, listenFailures, overdue } = this.#counts;
    const callers = this.#connections.filter(({ server }) => server.isTaken).length;
    return {
      methods: Object.fromEntries(this.#methods.map(({ method, stats }) => [method.name, stats.read()])),
      callers,
      listening: this.#connections.length - callers,
      accepted,
      hungUp,
      lost,
      refused,
      unknownMethods,
      listenFailures,
      background: { running: this.#running.size, waiting: this.#waiting.length, overdue },
      streams: this.#connections.reduce((sum, { cursors }) => sum + cursors.size, 0),
    };
  }

  #onlyCaller(): ServedConnection | undefined {
    let only: ServedConnection | undefined;
    for (const connection of this.#connections) {
      if (!connection.server.isTaken) continue;
      if (only !== undefined) return undefined;
      only = connection;
    }
    return only;
  }

  #serve(connection: ServedConnection, looks: number, startedMs: number): number {
    const { server } = connection;
    const limit = this.#limits.requestsPerTurn;
    let taken = 0;
    let code = server.takeCode(looks);
    for (;;) {
      if (code < constants.HANDLE_BASE) {
        if (code !== codes.REFUSED) break;
        this.#counts.refused++;
        if (++taken >= limit) break;
        code = server.takeCode(1);
        continue;
      }
      taken++;
      const slot = code - constants.HANDLE_BASE;
      const isAnswered = this.#execute(connection, slot);
      if (this.#end !== undefined) return taken;
      if (taken < limit && isAnswered) code = server.replyAndTakeCode(slot, this.#length, this.#status, 1);
      else {
        if (isAnswered) server.reply(slot, this.#length, this.#status);
        if (taken >= limit) break;
        code = server.takeCode(1);
      }
    }
    if (!connection.isAccepted && (server.isTaken || taken !== 0 || code === codes.CLOSED)) {
      connection.isAccepted = true;
      this.#counts.accepted++;
    }
    if (code === codes.CLOSED || code === codes.PEER_LOST) {
      connection.isOver = true;
      if (code === codes.PEER_LOST) this.#counts.lost++;
      else this.#counts.hungUp++;
      this.#renew();
    } else if (code === codes.ABORTED) this.#end = 'aborted';
    else if (code === codes.FENCED) this.#end = 'fenced';
    else if (startedMs !== 0 && taken !== 0) {
      const isBehind = this.#waiting.length !== 0 || (taken >= limit && performance.now() - startedMs > behindMs);
      connection.adapt(taken, isBehind);
    }
    return taken;
  }

  /** Whether the request in `slot` is to be answered now, with `#length` and `#status`. */
  #execute(connection: ServedConnection, slot: number): boolean {
    const { server, context } = connection;
    const { kind } = server;
    context.channel = 0;
    let stream = 0;
    if ((kind & constants.KIND_HEADER) !== 0) {
      const header = connection.requestHeader(slot);
      context.channel = header.channel;
      stream = header.stream;
    }
    const number = kind & (constants.KIND_LIMIT - 1);
    const bound = this.#methods[number];
    if (bound === undefined) {
      this.#counts.unknownMethods++;
      return this.#say(connection, slot, codes.UNKNOWN_METHOD, `${this.service} has no method number ${number}`);
    }
    if (bound.method.stream) return this.#pull(connection, slot, bound, stream);
    if (bound.method.handler === 'background') return this.#queue(connection, slot, bound);
    const isTimed = --this.#untilTimed <= 0;
    const startedMs = isTimed ? performance.now() : 0;
    try {
      if (bound.method.payload.kind === 'bytes') {
        this.#setLength(connection, bound.handler(server.request(slot), server.response(slot), context) as number);
      } else {
        this.#writeValue(connection, slot, bound.handler(this.#requestValue(bound, server.request(slot)), context));
      }
    } catch (error) {
      this.#sayError(connection, slot, error);
    }
    if (isTimed) {
      this.#untilTimed = this.#limits.timedOneOf;
      const ns = (performance.now() - startedMs) * nsPerMs;
      bound.stats.took(ns, this.#limits.budgetNs);
      if (ns > this.#limits.budgetNs) server.statistics.overran(number);
      this.#count(connection, bound, ns);
    } else this.#count(connection, bound);
    return true;
  }

  #queue(connection: ServedConnection, slot: number, bound: Bound): boolean {
    const { server } = connection;
    const { connection: place, channel } = connection.context;
    const { method, handler } = bound;
    let run: (signal: AbortSignal) => Promise<unknown>;
    try {
      const view = server.request(slot);
      if (method.payload.kind === 'bytes') {
        // Copies: the handler may run longer than its caller lives, and the buffers are somebody else's then.
        const request = view.slice();
        const response = new Uint8Array(server.payloadBytes);
        run = async (signal) => {
          const length = await handler(request, response, { connection: place, channel, signal });
          return response.subarray(0, this.#checkedLength(length as number, response.length));
        };
      } else {
        const request = this.#requestValue(bound, view);
        run = async (signal) => handler(request, { connection: place, channel, signal });
      }
    } catch (error) {
      this.#sayError(connection, slot, error);
      this.#count(connection, bound);
      return true;
    }
    this.#later(connection, slot, bound, run);
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
        this.#length = 0;
        this.#status = codes.OK;
        return true;
      }
      if (step === streamSteps.open) {
        if (cursors.has(number)) throw new RpcError('REFUSED', `stream ${number} is open already`);
        if (cursors.size >= this.#limits.streamLimit) {
          throw new RpcError('REFUSED', `${cursors.size} streams are open on this connection`);
        }
        const view = server.request(slot);
        const request = bound.method.payload.kind === 'bytes' ? view.slice() : this.#requestValue(bound, view);
        const cursor = new Cursor(bound.handler(request, { ...connection.context }));
        if (cursor.isAsync && this.#isBlocking) {
          throw new RpcError('FAILED', 'the stream is async and its server polls in `run`, not `runAsync`');
        }
        cursors.set(number, cursor);
        isItsOwn = true;
        connection.highestCursor = Math.max(connection.highestCursor, number);
      } else if (step !== streamSteps.next) {
        throw new RpcError('REFUSED', `${bound.method.name} is a stream, and is not called`);
      }
      isItsOwn = true;
      const cursor = cursors.get(number);
      if (cursor === undefined) {
        if (number > connection.highestCursor) throw new RpcError('REFUSED', `stream ${number} was never opened`);
        this.#writePulled(connection, slot, { done: true });
      } else if (cursor.isAsync) {
        const run = async (): Promise<Pulled> => {
          const pulled = await cursor.pullLater();
          if (pulled.done) cursors.delete(number);
          return pulled;
        };
        this.#later(connection, slot, bound, run, number);
        return false;
      } else {
        const pulled = cursor.pull();
        if (pulled.done) cursors.delete(number);
        this.#writePulled(connection, slot, pulled);
      }
    } catch (error) {
      this.#sayError(connection, slot, error);
    }
    // A stream that failed, or whose item does not fit, gives no more.
    if (isItsOwn && this.#statusCode() !== codes.OK) connection.dropCursor(number);
    this.#count(connection, bound);
    return true;
  }

  #later(connection: ServedConnection, slot: number, bound: Bound, run: Task['run'], stream?: number): void {
    const task: Task = {
      connection,
      slot,
      methodNumber: bound.method.number,
      stream,
      run,
      abort: new AbortController(),
      startedMs: performance.now(),
      isOver: false,
    };
    connection.tasks.add(task);
    this.#waiting.push(task);
  }

  #startWaiting(): void {
    if (this.#waiting.length === 0) return;
    let started = 0;
    for (const task of this.#waiting) {
      if (!task.isOver) {
        if (this.#running.size >= this.#limits.backgroundLimit) break;
        this.#start(task);
      }
      started++;
    }
    this.#waiting.splice(0, started);
  }

  #start(task: Task): void {
    this.#running.add(task);
    task.run(task.abort.signal).then(
      (value) => this.#endTask(task, () => this.#writeLater(task, value)),
      (error: unknown) => this.#endTask(task, () => this.#sayError(task.connection, task.slot, error)),
    );
  }

  #writeLater(task: Task, value: unknown): void {
    const { method } = this.#methods[task.methodNumber]!;
    if (method.stream) this.#writePulled(task.connection, task.slot, value as Pulled);
    else if (method.payload.kind === 'bytes') this.#writeBytes(task.connection, task.slot, value as Uint8Array);
    else this.#writeValue(task.connection, task.slot, value);
  }

  /** Answers a task, unless nobody waits for it. `write` sets what to answer. */
  #endTask(task: Task, write: () => void): void {
    this.#running.delete(task);
    if (task.isOver || this.#end !== undefined) return;
    task.isOver = true;
    const { connection, slot } = task;
    connection.tasks.delete(task);
    try {
      write();
    } catch (error) {
      this.#sayError(connection, slot, error);
    }
    if (task.stream !== undefined && this.#statusCode() !== codes.OK) connection.dropCursor(task.stream);
    try {
      connection.server.reply(slot, this.#length, this.#status);
    } catch {
      // Nobody awaits a task, so nobody would catch this; a connection that takes no answer is of no use.
      connection.isOver = true;
    }
    const bound = this.#methods[task.methodNumber]!;
    const ns = (performance.now() - task.startedMs) * nsPerMs;
    bound.stats.took(ns);
    this.#count(connection, bound, ns);
  }

  /** Tasks start in the order of their deadlines, so the first that is in time ends the search. */
  #endOverdue(): void {
    const since = performance.now() - this.#limits.handlerDeadlineMs;
    for (const task of this.#running) {
      if (task.startedMs > since) break;
      this.#counts.overdue++;
      const message = `its handler has not ended within ${this.#limits.handlerDeadlineMs} ms; it may still run`;
      this.#endTask(task, () => this.#say(task.connection, task.slot, codes.FAILED, message));
      task.abort.abort();
    }
  }

  #requestValue({ method }: Bound, view: Uint8Array): unknown {
    let value: unknown;
    try {
      value = readJson(view);
    } catch {
      throw new RpcError('REFUSED', `the request of ${method.name} is not JSON`);
    }
    const check = method.payload.kind === 'json' ? method.payload.check : undefined;
    if (check !== undefined && !check(value)) throw new RpcError('REFUSED', `the request of ${method.name} is not what it takes`);
    return value;
  }

  #writeValue(connection: ServedConnection, slot: number, value: unknown): void {
    this.#setLength(connection, writeText(jsonText(value), connection.server.response(slot)));
  }

  #writeBytes(connection: ServedConnection, slot: number, value: Uint8Array): void {
    this.#setLength(connection, value.length);
    connection.server.response(slot).set(value);
  }

  #writePulled(connection: ServedConnection, slot: number, pulled: Pulled): void {
    if (pulled.done) {
      connection.responseHeader(slot).write(0, 0, streamWord.pack(streamSteps.last, 0));
      this.#length = 0;
      this.#status = codes.OK | constants.KIND_HEADER;
    } else if (pulled.value instanceof Uint8Array) this.#writeBytes(connection, slot, pulled.value);
    else this.#writeValue(connection, slot, pulled.value);
  }

  #setLength(connection: ServedConnection, length: number): void {
    this.#length = this.#checkedLength(length, connection.server.payloadBytes);
    this.#status = codes.OK;
  }

  #checkedLength(length: number, limitBytes: number): number {
    if (length > limitBytes) throw new RpcError('TOO_LARGE', `the connection takes ${limitBytes} bytes`);
    if (!Number.isInteger(length) || length < 0) throw new RangeError(`the handler answered with ${length} bytes`);
    return length;
  }

  #say(connection: ServedConnection, slot: number, status: number, message: string): true {
    this.#length = writeMessage(message, connection.server.response(slot));
    this.#status = status;
    return true;
  }

  /** A handler may throw RpcError REFUSED or TOO_LARGE to answer so; everything else is FAILED. */
  #sayError(connection: ServedConnection, slot: number, error: unknown): void {
    const code = error instanceof RpcError ? error.code : 'FAILED';
    const status = code === 'REFUSED' ? codes.REFUSED : code === 'TOO_LARGE' ? codes.TOO_LARGE : codes.FAILED;
    this.#say(connection, slot, status, messageOf(error));
  }

  #statusCode(): number {
    return this.#status & (constants.KIND_LIMIT - 1);
  }

  /** In memory for the service as a whole, in the pool for the connection. */
  #count({ server }: ServedConnection, { method, stats }: Bound, ns?: number): void {
    stats.ended();
    const status = this.#statusCode();
    server.statistics.count(method.number, status, ns);
    if (status === codes.REFUSED) stats.refused();
    else if (status !== codes.OK) stats.failed();
  }

  /** Closes what is over and opens what is wanted. */
  #renew(): void {
    for (const connection of this.#connections) if (connection.isOver) this.#forget(connection);
    this.#open(false);
  }

  #forget(connection: ServedConnection): void {
    for (const task of connection.tasks) this.#running.delete(task);
    connection.end();
    this.#connections = this.#connections.filter((other) => other !== connection);
  }

  #open(mustOpen: boolean): void {
    const { connections, maxConnections } = this.#limits;
    let listening = 0;
    for (const { server } of this.#connections) if (!server.isTaken) listening++;
    for (; listening < connections && this.#connections.length < maxConnections; listening++) {
      try {
        const server = listen(this.#core, this.service, this.#listenOptions);
        server.statistics.name(this.#methods.map(({ method }) => method.name));
        this.#connections = [...this.#connections, new ServedConnection(server)];
      } catch (error) {
        this.#counts.listenFailures++;
        if (mustOpen && this.#connections.length === 0) throw error;
        // The pool has no room for now: others will close theirs, and the next visit tries again.
        return;
      }
    }
  }

  #refuseAll(connection: ServedConnection): void {
    for (let left = connection.server.window; left > 0; left--) {
      const code = connection.server.takeCode(1);
      if (code < constants.HANDLE_BASE) return;
      const slot = code - constants.HANDLE_BASE;
      this.#say(connection, slot, codes.REFUSED, `${this.service} is closing; nothing was executed`);
      connection.server.reply(slot, this.#length, this.#status);
    }
  }

  #isFenced(): boolean {
    const { exports } = this.#core;
    return exports.isFenced(exports.selfClient(), exports.selfIncarnation()) !== 0;
  }
}

/** Never throws, whatever was thrown. */
function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? String(error.message) : String(error);
  } catch {
    return 'something that cannot be told';
  }
}
