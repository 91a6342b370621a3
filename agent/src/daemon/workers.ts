import { AgentError, describeError } from '../protocol/agent-error.ts';
import type { AgentEvent, AgentStatus, ClientIdentity, Requests, WorkerExit } from '../protocol/messages.ts';
import { AdoptedWorker } from './adopted-worker.ts';
import { type FenceMaker, seenEmpty } from './fence.ts';
import type { LogFile } from './log-file.ts';
import { isRunning, readProcess } from './process-state.ts';
import type { SharedMemory } from './shared-memory.ts';
import { SpareWorkers } from './spare-workers.ts';
import { defaultEndLimitMs, type ProcessEnd } from './worker-end.ts';
import { WorkerProcess } from './worker-process.ts';
import type { WorkerRecords } from './worker-records.ts';

const startLimitMs = 120_000;
const leaveLimitMs = 10_000;

interface Worker {
  readonly name: string;
  readonly process: WorkerProcess | AdoptedWorker;
  /** Null while it starts, and for one that was adopted before its agent knew the pool. */
  client: ClientIdentity | null;
  task: string | null;
  /** The deliberate mistake of its core, which is its recoverer's as well. */
  mutant: number | undefined;
  readonly exit: Promise<WorkerExit>;
}

export interface WorkersOptions {
  readonly folder: string;
  readonly fences: FenceMaker;
  readonly records: WorkerRecords;
  readonly log: LogFile;
  readonly memory: () => SharedMemory | null;
  readonly emit: (event: AgentEvent) => void;
  /** A spare is loaded: the next may be started when nothing is going on. */
  readonly onSpareLoaded?: () => void;
  /** How long an end may take to be seen, see `EndableWorker.ended`. */
  readonly endLimitMs?: number;
}

/** The workers of this machine: started, watched, and fenced when their end was seen. */
export class Workers {
  readonly #options: WorkersOptions;
  readonly #byName = new Map<string, Worker>();
  readonly #spares: SpareWorkers;
  /** What runs and must not be disturbed: tasks and programs. */
  #running = 0;
  #count = 0;
  /** Another agent may have had this one's number, or has it in another container of this host. */
  readonly #birth = Math.random().toString(36).slice(2, 10);
  #closing: Promise<void> | null = null;

  constructor(options: WorkersOptions) {
    this.#options = options;
    this.#spares = new SpareWorkers({ start: () => this.#startProcess(), onLoaded: () => options.onSpareLoaded?.() });
  }

  /** How many workers are there at once. */
  get loadedSpares(): number {
    return this.#spares.loaded;
  }

  /** Starts a spare process, unless there are enough or something runs: starting would disturb what it measures. */
  prepareSpare(): void {
    try {
      this.#spares.prepare();
    } catch (error) {
      this.#options.log.write('warn', `no spare worker: ${describeError(error)}`);
    }
  }

  /**
   * Takes over what earlier agents of this machine have left. Workers that live are watched from here on; of the dead ones the pool is
   * told when it is known (`SharedMemory.buryLost`).
   */
  adopt(): void {
    const { fences, records, log, endLimitMs } = this.#options;
    const left = records.all();
    for (const record of left) {
      const lives = isRunning(record);
      const fence = fences.find(record.fence, lives ? record.pid : null);
      if (!lives && fence.isEmpty()) {
        records.remove(record.pid);
        fence.remove();
        continue;
      }
      this.#watch(record.worker, new AdoptedWorker(record, fence, endLimitMs));
      log.write('info', `adopts worker ${record.worker}, process ${record.pid}`);
    }
    for (const name of fences.names()) if (!left.some(({ fence }) => fence === name)) void this.#clear(name);
  }

  /** Says who the adopted ones are in the pool. */
  identify(memory: SharedMemory): void {
    for (const worker of this.#byName.values()) worker.client ??= memory.clientOf(worker.process.pid);
  }

  /** Whether this is a worker whose end has not been seen. */
  isLiving(pid: number): boolean {
    return [...this.#byName.values()].some(({ process }) => process.pid === pid);
  }

  async start(request: Requests['startWorker']['parameters'], memory: SharedMemory): Promise<Requests['startWorker']['result']> {
    if (this.#closing !== null) throw new AgentError('SHUTTING_DOWN', 'the agent is ending');
    if (this.#byName.has(request.worker)) {
      throw new AgentError('WORKER_EXISTS', `there is a worker ${request.worker} already`, { hint: 'stop it first' });
    }
    const started = performance.now();
    const spare = this.#spares.take();
    const process = spare ?? this.#startProcess();
    const worker = this.#watch(request.worker, process);
    worker.mutant = request.mutant;
    process.onProgress = (task, progress) => {
      this.#options.emit({ event: 'task-progress', worker: worker.name, task, progress });
    };
    const { pool, history, machineNumber } = memory.configuration;
    try {
      this.#record(request.worker, process);
      let ready = started;
      const joining = process.ready.then(() => {
        ready = performance.now();
        return process.join({ machineNumber, pool, history, ...request });
      });
      const joined = await within(startLimitMs, `worker ${worker.name} did not join the pool`, joining);
      worker.client = joined.client;
      this.#options.log.write(
        'info',
        `worker ${worker.name}, process ${process.pid}, ${spare === null ? 'started anew' : 'a spare'}: loaded after ` +
          `${Math.round(ready - started)} ms, client ${joined.client.id} after ${Math.round(performance.now() - started)} ms`,
      );
      return { pid: process.pid, client: joined.client };
    } catch (error) {
      await this.#end(worker);
      throw error;
    }
  }

  async run(request: Requests['runTask']['parameters']): Promise<unknown> {
    const worker = this.#joined(request.worker);
    const { process } = worker;
    if (process instanceof AdoptedWorker) {
      throw new AgentError('WORKER_ADOPTED', `worker ${worker.name} was started by an earlier agent and takes no more tasks`, {
        hint: 'it leaves when its task is over; stop it to have a new one',
      });
    }
    if (worker.task !== null) throw new AgentError('WORKER_BUSY', `worker ${worker.name} is running ${worker.task}`);
    worker.task = request.task;
    try {
      const { task, parameters, deadlineMs } = request;
      return await this.undisturbed(() => process.run({ task, parameters, deadlineMs }));
    } finally {
      worker.task = null;
    }
  }

  async stop(request: Requests['stopWorker']['parameters']): Promise<WorkerExit> {
    const worker = this.#byName.get(request.worker);
    if (worker === undefined) throw unknownWorker(request.worker, this.#byName);
    if (request.how === 'graceful') {
      worker.process.leave();
      const timer = setTimeout(() => void this.#end(worker), leaveLimitMs);
      try {
        return await worker.exit;
      } finally {
        clearTimeout(timer);
      }
    }
    await worker.process.kill();
    return worker.exit;
  }

  /** Runs something that may be a measurement: a spare that is still loading waits until it is over. */
  async undisturbed<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running++ === 0) this.#spares.hold();
    try {
      return await work();
    } finally {
      if (--this.#running === 0) this.#spares.release();
    }
  }

  status(): AgentStatus['workers'] {
    return [...this.#byName.values()].map(({ name, process, client, task }) => ({
      worker: name,
      pid: process.pid,
      client,
      task,
      adopted: process instanceof AdoptedWorker,
    }));
  }

  /** Kills all, and waits until their ends were seen and fenced. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.all([
      ...[...this.#byName.values()].map((worker) => this.#end(worker)),
      this.#spares.close().catch((error: unknown) => this.#options.log.write('error', describeError(error))),
    ]);
    // Those whose end was not seen stay on record for the next agent.
    if (this.#options.records.all().length === 0) this.#options.records.removeAll();
  }

  #watch(name: string, process: WorkerProcess | AdoptedWorker): Worker {
    const worker: Worker = {
      ...{ name, process, client: null, task: null, mutant: undefined },
      exit: process.ended.then((end) => this.#seeEnd(worker, end)),
    };
    this.#byName.set(name, worker);
    return worker;
  }

  /** Before it is told to join: who joined and is on no record is dead. */
  #record(worker: string, { pid, fenceName }: WorkerProcess): void {
    const startTicks = readProcess(pid)?.startTicks;
    if (startTicks !== undefined) this.#options.records.add({ worker, pid, startTicks, fence: fenceName });
  }

  /** What a killed agent has left in no record has joined nothing. */
  async #clear(fenceName: string): Promise<void> {
    const fence = this.#options.fences.find(fenceName, null);
    try {
      fence.kill();
      if (await seenEmpty(fence, this.#options.endLimitMs ?? defaultEndLimitMs)) fence.remove();
    } catch (error) {
      this.#options.log.write('warn', `${fenceName} of an earlier agent cannot be removed\n${describeError(error)}`);
    }
  }

  #startProcess(): WorkerProcess {
    const { folder, fences, log, endLimitMs } = this.#options;
    const fenceName = `${process.pid}-${this.#birth}-worker-${++this.#count}`;
    return WorkerProcess.start({
      ...{ folder, fenceName, fence: fences.make(fenceName) },
      ...{ logDescriptor: log.descriptor, endLimitMs },
    });
  }

  async #seeEnd(worker: Worker, end: ProcessEnd): Promise<WorkerExit> {
    const exit: WorkerExit = {
      worker: worker.name,
      pid: worker.process.pid,
      exitCode: end.exitCode,
      signal: end.signal,
      fenced: end.seen ? this.#bury(worker) : null,
      atNs: Number(process.hrtime.bigint()),
    };
    this.#byName.delete(worker.name);
    if (end.seen) this.#options.records.remove(worker.process.pid);
    this.#options.log.write(end.exitCode === 0 ? 'info' : 'warn', `worker exited: ${JSON.stringify(exit)}`);
    this.#options.emit({ event: 'worker-exited', ...exit });
    if (!end.seen) void this.#buryLater(worker);
    return exit;
  }

  /** Its peers wait for the fence, so it comes when the end is seen after all. */
  async #buryLater(worker: Worker): Promise<void> {
    this.#options.log.write(
      'error',
      `process ${worker.process.pid} of worker ${worker.name} is not seen to be gone: not fenced yet`,
    );
    await worker.process.gone;
    const fenced = this.#bury(worker);
    this.#options.records.remove(worker.process.pid);
    const { name, process: late } = worker;
    this.#options.emit({ event: 'worker-fenced', worker: name, pid: late.pid, fenced, atNs: Number(process.hrtime.bigint()) });
    this.#options.log.write('info', `process ${worker.process.pid} is gone at last, fenced: ${JSON.stringify(fenced)}`);
  }

  /** The client table knows who has not left, also one that died before it could say who it is. */
  #bury(worker: Worker): ClientIdentity | null {
    const memory = this.#options.memory();
    if (memory === null) return null;
    try {
      return memory.bury(worker.process.pid, worker.mutant)[0] ?? null;
    } catch (error) {
      this.#options.log.write('error', `worker ${worker.name} cannot be fenced\n${describeError(error)}`);
      return null;
    }
  }

  async #end(worker: Worker): Promise<void> {
    try {
      await worker.process.kill();
      await worker.exit;
    } catch (error) {
      this.#options.log.write('error', describeError(error));
    }
  }

  #joined(name: string): Worker {
    const worker = this.#byName.get(name);
    if (worker === undefined || worker.client === null) throw unknownWorker(name, this.#byName);
    return worker;
  }
}

function unknownWorker(name: string, known: ReadonlyMap<string, unknown>): AgentError {
  return new AgentError('WORKER_UNKNOWN', `there is no worker ${name}`, {
    cause: known.size === 0 ? 'no worker runs' : `there are ${[...known.keys()].join(', ')}`,
    hint: 'start it; if it died, see the agent log and the worker-exited event',
  });
}

async function within<T>(limitMs: number, failure: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new AgentError('DEADLINE', `${failure} within ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
