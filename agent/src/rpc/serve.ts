/** Serves a typed service to several callers at once. The thread must have joined the pool. */
import { codes, constants } from '../layout/index.ts';
import type { Core } from '../pool/core.ts';
import type { HeapClient } from '../shm/heap-client.ts';
import { type AnyHandler, Executor } from './execute.ts';
import { byMethod, type MethodFigures } from './read-statistics.ts';
import { RpcError } from './rpc-error.ts';
import { limitsOf, type ServeEnd, type ServeLimits, type ServeOptions, type ServerCounters } from './serve-options.ts';
import { ServedConnection } from './served-connection.ts';
import { type ListenOptions, listen } from './server.ts';
import type { Handlers, MethodDeclarations, Service } from './service.ts';
import { Turns } from './turns.ts';
import { Waiter } from './wait.ts';

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

export class ServiceServer {
  readonly service: string;
  readonly #core: Core;
  readonly #service: Service<MethodDeclarations>;
  readonly #isAdaptive: boolean;
  readonly #heap: HeapClient | undefined;
  readonly #listenOptions: ListenOptions;
  readonly #limits: ServeLimits;
  readonly #executor: Executor;
  readonly #waiter: Waiter;
  #connections: ServedConnection[] = [];
  #end: ServeEnd | undefined;
  #wasIdle = true;
  /** The connection of the only caller, for a thread that blocks. */
  #alone: ServedConnection | undefined;
  #turnCount = 0;
  /** It closes once what was sent is answered, at the latest then. */
  #drainUntil: number | undefined;
  readonly #counts = { accepted: 0, hungUp: 0, lost: 0, refused: 0, listenFailures: 0 };
  /** What connections that are closed have counted. */
  #past: readonly MethodFigures[] = [];

  constructor(
    core: Core,
    service: Service<MethodDeclarations>,
    handlers: Readonly<Record<string, AnyHandler>>,
    options: ServeOptions,
  ) {
    this.service = service.name;
    this.#service = service;
    this.#core = core;
    const { window, heap, ...others } = options;
    this.#heap = heap;
    const withReferences = service.methods.find(({ payload }) => payload.kind === 'heap');
    if (withReferences !== undefined && heap === undefined) throw needsHeap(service.name, withReferences.name);
    this.#isAdaptive = window === 'adaptive';
    this.#listenOptions = { ...others, version: service.version, ...(typeof window === 'number' ? { window } : {}) };
    this.#limits = limitsOf(options);
    this.#executor = new Executor(service, handlers, this.#limits);
    this.#waiter = new Waiter(core, options.waiting === undefined ? {} : { strategy: options.waiting });
    this.#open(true);
  }

  /**
   * Answers requests until the deadline, `close`, or the end of this process or client; says which. Blocks the thread: for services without
   * background handlers. Throws RpcError BAD_ARGUMENT.
   */
  run(options: { readonly deadlineMs: number }): ServeEnd {
    const slow = this.#service.methods.find(({ handler }) => handler === 'background');
    if (slow !== undefined) {
      throw new RpcError('BAD_ARGUMENT', `${this.service}.${slow.name} runs in the background`, {
        hint: 'serve it with runAsync',
      });
    }
    this.#executor.isBlocking = true;
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
      this.#executor.isBlocking = false;
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
      }, this.#waiter);
      turns.start();
    });
  }

  /** One look at every connection: how many requests were taken. `run` and `runAsync` are loops of it. */
  turn(): number {
    if (this.#end !== undefined) return 0;
    this.#turnCount++;
    const connections = this.#connections;
    const startedMs = this.#isAdaptive ? performance.now() : 0;
    const visitsAll = this.#wasIdle || this.#turnCount % turnsPerVisit === 0;
    const alone = this.#executor.isBlocking ? this.#onlyCaller() : undefined;
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
    this.#executor.background.turn();
    if (this.#turnCount % turnsPerFenceCheck === 0 && this.#isFenced()) this.#end = 'fenced';
    else if (this.#drainUntil !== undefined) this.#closeIfDrained(this.#drainUntil);
    return taken;
  }

  /**
   * Refuses what was sent and not yet taken, hangs up on all callers and gives everything back. Calls that a background handler is at end with
   * OUTCOME_UNKNOWN; its signal is aborted.
   */
  close(): void;
  /**
   * Answers what was sent by now, handlers in the background included, refuses what comes later, and closes then, at the latest at the deadline (that of
   * background handlers by default). Streams end with their connections. Resolves once it is closed.
   */
  close(options: { readonly drain: true; readonly deadlineMs?: number }): Promise<void>;
  close(options: { readonly drain?: boolean; readonly deadlineMs?: number } = {}): Promise<void> | undefined {
    if (options.drain === true) return this.#drain(options.deadlineMs ?? this.#limits.handlerDeadlineMs);
    this.#closeNow();
    return undefined;
  }

  #drain(deadlineMs: number): Promise<void> {
    this.#drainUntil = Math.min(this.#drainUntil ?? Number.POSITIVE_INFINITY, performance.now() + deadlineMs);
    for (const connection of this.#connections) {
      if (!connection.server.isTaken) {
        this.#refuseAll(connection);
        this.#forget(connection);
      }
    }
    // Whoever runs this server takes turns as well; who blocks its thread in `run` is told by `run`.
    return new Promise((resolve) => {
      const turns = new Turns(() => {
        const taken = this.turn();
        if (this.#end === undefined) return taken === 0 ? 'idle' : 'worked';
        this.#closeNow();
        resolve();
        return 'over';
      }, new Waiter(this.#core));
      turns.start();
    });
  }

  #closeIfDrained(until: number): void {
    const isBusy =
      this.#executor.background.isBusy ||
      this.#connections.some(({ isDrained, references }) => !isDrained || references?.isWaiting === true);
    if (!isBusy || performance.now() >= until) this.#closeNow();
  }

  #closeNow(): void {
    if (this.#end === 'closed') return;
    const isFenced = this.#end === 'fenced' || this.#isFenced();
    this.#end = 'closed';
    for (const connection of this.#connections) {
      if (!isFenced) this.#refuseAll(connection);
      this.#remember(connection);
      // The places of a fenced client are given back by its recovery, and may be another's by now.
      connection.end(!isFenced);
    }
    this.#connections = [];
    this.#executor.background.stop();
  }

  [Symbol.dispose](): void {
    this.#closeNow();
  }

  get counters(): ServerCounters {
    const { accepted, hungUp, lost, refused, listenFailures } = this.#counts;
    const { unknownMethods, background, cancelled } = this.#executor;
    const callers = this.#connections.filter(({ server }) => server.isTaken).length;
    return {
      methods: this.#methodFigures(),
      callers,
      listening: this.#connections.length - callers,
      accepted,
      hungUp,
      lost,
      refused,
      unknownMethods,
      cancelled: cancelled + background.cancelled,
      listenFailures,
      background: background.counters,
      streams: this.#connections.reduce((sum, { cursors }) => sum + cursors.size, 0),
    };
  }

  #methodFigures(): Readonly<Record<string, MethodFigures>> {
    const open = this.#connections.map(({ server }) => server.statistics.read());
    const figures = byMethod([this.#past, ...open].map((methods) => ({ service: this.service, methods })));
    const names = this.#service.methods.map(({ name }) => name);
    return Object.fromEntries(figures.flatMap((each) => (names[each.method] === undefined ? [] : [[names[each.method], each]])));
  }

  /** Its place in the pool is another's soon. */
  #remember({ server }: ServedConnection): void {
    const closing = server.statistics.read();
    this.#past = byMethod([this.#past, closing].map((methods) => ({ service: this.service, methods })));
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
    const { answer } = this.#executor;
    const limit = this.#limits.requestsPerTurn;
    connection.references?.flush();
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
      const isAnswered = connection.isDrained ? this.#refuse(connection, slot) : this.#executor.execute(connection, slot);
      if (this.#end !== undefined) return taken;
      if (taken < limit && isAnswered) code = server.replyAndTakeCode(slot, answer.length, answer.status, 1);
      else {
        if (isAnswered) server.reply(slot, answer.length, answer.status);
        if (taken >= limit) break;
        code = server.takeCode(1);
      }
    }
    if (this.#drainUntil !== undefined) {
      // Its requests of before are taken, or they are so many that there are later ones among them.
      connection.drained += taken;
      if (code === codes.PENDING || connection.drained >= server.window) connection.isDrained = true;
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
      const isBehind = this.#executor.background.isBehind || (taken >= limit && performance.now() - startedMs > behindMs);
      connection.adapt(taken, isBehind);
    }
    return taken;
  }

  /** Closes what is over and opens what is wanted. */
  #renew(): void {
    for (const connection of this.#connections) if (connection.isOver) this.#forget(connection);
    this.#open(false);
  }

  #forget(connection: ServedConnection): void {
    this.#executor.background.forget(connection);
    this.#remember(connection);
    connection.end();
    this.#connections = this.#connections.filter((other) => other !== connection);
  }

  #open(mustOpen: boolean): void {
    if (this.#drainUntil !== undefined) return;
    const { connections, maxConnections } = this.#limits;
    let listening = 0;
    for (const { server } of this.#connections) if (!server.isTaken) listening++;
    for (; listening < connections && this.#connections.length < maxConnections; listening++) {
      try {
        const server = listen(this.#core, this.service, this.#listenOptions);
        server.statistics.name(this.#service.methods.map(({ name }) => name));
        this.#connections = [...this.#connections, new ServedConnection(server, this.#heap)];
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
      const { answer } = this.#executor;
      this.#refuse(connection, slot);
      connection.server.reply(slot, answer.length, answer.status);
    }
  }

  #refuse(connection: ServedConnection, slot: number): true {
    this.#executor.answer.say(connection, slot, codes.REFUSED, `${this.service} is closing; nothing was executed`);
    return true;
  }

  #isFenced(): boolean {
    const { exports } = this.#core;
    return exports.isFenced(exports.selfClient(), exports.selfIncarnation()) !== 0;
  }
}

function needsHeap(service: string, method: string): RpcError {
  return new RpcError('BAD_ARGUMENT', `${service}.${method} takes references of the heap, and its server has no heap`, {
    hint: 'serve(core, service, handlers, { heap: openHeap(core) })',
  });
}
