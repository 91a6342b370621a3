/** What a program of the user's has of its pod. */
import { crashPointNumber, programPointPattern } from '../crash-points/index.ts';
import { type Operation, type Outcome, recordEnd, recordInvoke } from '../history/index.ts';
import { monotonicNs } from '../pool/clock.ts';
import { AgentError } from '../protocol/agent-error.ts';
import type { ProgramPhase, ProgramPlace } from '../protocol/program-tasks.ts';
import {
  type CallerOptions,
  connectService,
  type Handlers,
  type ServeOptions,
  type Service,
  type ServiceCaller,
  type ServiceServer,
  serve,
} from '../rpc/index.ts';
import type { HeapClient } from '../shm/index.ts';
import { heapOf } from '../workloads/heap-of.ts';
import { Random } from '../workloads/heap-random.ts';
import { waitFor } from '../workloads/heap-wait.ts';
import type { TaskContext } from '../workloads/workload.ts';

type Methods<S> = S extends Service<infer M> ? M : never;

export class ProgramContext {
  readonly phase: ProgramPhase;
  /** From 1. */
  readonly machine: number;
  readonly machines: number;
  /** From 1, over all machines. */
  readonly worker: number;
  readonly workers: number;
  /** From 1; above 1, an earlier process of this worker died. */
  readonly attempt: number;
  readonly seed: number;
  /** Of the seed and the worker: the same run makes the same choices. */
  readonly random: Random;
  /** Aborted when the run wants an end: for what waits asynchronously. */
  readonly signal: AbortSignal;
  readonly pool: ProgramPool;
  readonly rpc: ProgramCalls;
  readonly history: ProgramHistory;
  readonly clock: ProgramClock;
  readonly #task: TaskContext;
  readonly #place: ProgramPlace;
  /** How often this process has come to one. */
  #barriers = 0;

  constructor(task: TaskContext, place: ProgramPlace) {
    this.#task = task;
    this.#place = place;
    this.phase = place.phase;
    this.machine = place.machine;
    this.machines = place.machines;
    this.worker = place.worker;
    this.workers = place.workers;
    this.attempt = place.attempt;
    this.seed = place.seed;
    this.random = new Random(place.seed * 65_536 + place.worker);
    this.signal = task.signal;
    this.pool = new ProgramPool(task, place);
    this.rpc = new ProgramCalls(task);
    this.history = new ProgramHistory(task, place);
    this.clock = new ProgramClock(task);
  }

  /**
   * Blocks until every worker has come to a barrier as often as this process. Whoever is started again after a death comes in the place of
   * the dead, and does not wait for those who went on.
   */
  barrier(): void {
    const { memory, worker, workers } = this.#place;
    const { mapped } = this.#task.core;
    const times = BigInt(++this.#barriers);
    const arrived = new BigInt64Array(mapped.memory.buffer, mapped.poolBase + memory.barrierOffset, workers);
    // The dead may have come further, and the others have seen it.
    if (Atomics.load(arrived, worker - 1) < times) Atomics.store(arrived, worker - 1, times);
    waitFor(this.#task, `all ${workers} workers to come to barrier ${times}`, () => {
      for (let each = 0; each < workers; each++) if (Atomics.load(arrived, each) < times) return undefined;
      return true;
    });
  }

  /** Blocks until `look` sees something, until the deadline of the run. `what` is named when nothing comes. */
  waitFor<T>(what: string, look: () => T | undefined): T {
    return waitFor(this.#task, what, look);
  }

  /** A place at which a scenario can kill this process: `killWorker: { at: program/<name>, hit: n }`. */
  crashPoint(name: string): void {
    if (!programPointPattern.test(name)) {
      throw new AgentError('BAD_PARAMETERS', `"${name}" is not a name of a program's crash point`, {
        hint: 'program/ and then words of small letters, e.g. program/push/after-link',
      });
    }
    this.#task.core.exports.passCrashPoint(crashPointNumber(name)!);
  }

  /** Progress, for whoever watches the run. */
  say(progress: unknown): void {
    this.#task.progress(progress);
  }
}

class ProgramPool {
  readonly #task: TaskContext;
  /** This program's own bytes of the device, shared by all workers, all zeros before `setup`: no copy. */
  readonly memory: Uint8Array<SharedArrayBuffer>;

  constructor(task: TaskContext, { memory }: ProgramPlace) {
    this.#task = task;
    const { mapped } = task.core;
    this.memory = new Uint8Array(mapped.memory.buffer, mapped.poolBase + memory.offset, memory.sizeBytes);
  }

  /** CXL-SHM (docs/heap.md); opened with its first use. */
  get heap(): HeapClient {
    return heapOf(this.#task.core);
  }
}

/** HydraRPC (docs/rpc.md). */
class ProgramCalls {
  readonly #task: TaskContext;

  constructor(task: TaskContext) {
    this.#task = task;
  }

  serve<S extends Service<never>>(service: S, handlers: Handlers<Methods<S>>, options: ServeOptions = {}): ServiceServer {
    return serve(this.#task.core, service as unknown as Service<Methods<S>>, handlers, options);
  }

  connect<S extends Service<never>>(service: S, options: CallerOptions = {}): ServiceCaller<Methods<S>> {
    return connectService(this.#task.core, service as unknown as Service<Methods<S>>, options);
  }
}

/** Records that survive SIGKILL and power-off, in one order over all machines; checks judge them. */
class ProgramHistory {
  readonly #task: TaskContext;
  #next: number;

  constructor(task: TaskContext, { worker, attempt }: ProgramPlace) {
    this.#task = task;
    // Unlike in every other process of this run.
    this.#next = worker * 2 ** 37 + attempt * 2 ** 29;
  }

  /** Before the first effect of an operation. The answer pairs it with its end. */
  invoke(operation: Operation, argument = 0): number {
    const call = this.#next++;
    recordInvoke(this.#task.core, { operation, call, argument });
    return call;
  }

  /** After its last effect. */
  end(operation: Operation, call: number, outcome: Outcome = 'ok', result = 0): void {
    recordEnd(this.#task.core, { operation, call, outcome, result });
  }
}

class ProgramClock {
  readonly #task: TaskContext;

  constructor(task: TaskContext) {
    this.#task = task;
  }

  /** CLOCK_MONOTONIC of this machine. */
  nowNs(): number {
    return monotonicNs();
  }

  /** Until the run's deadline, at least 1. */
  remainingMs(): number {
    return this.#task.remainingMs();
  }
}
