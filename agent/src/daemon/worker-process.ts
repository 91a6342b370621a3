import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { AgentError, fromWireError } from '../protocol/agent-error.ts';
import { type LineChannel, lineChannel } from '../protocol/line-channel.ts';
import { fenceMark } from '../worker/fence-mark.ts';
import type { Joined, JoinParameters, Order, Report, RunParameters } from '../worker/orders.ts';
import type { Fence } from './fence.ts';
import { defaultEndLimitMs, type EndableWorker, type ProcessEnd, WorkerEnd } from './worker-end.ts';

type OrderWithoutId = Order extends infer Each ? (Each extends Order ? Omit<Each, 'id'> : never) : never;

/** One worker process, from its start to its seen end. */
export class WorkerProcess implements EndableWorker {
  readonly pid: number;
  readonly fenceName: string;
  /** Loaded and waiting for orders; rejects when the process ends before. */
  readonly ready: Promise<void>;
  onProgress: (task: string, progress: unknown) => void = () => {};
  readonly #child: ChildProcess;
  readonly #channel: LineChannel;
  readonly #end: WorkerEnd;
  readonly #waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  #nextId = 1;
  #becomeReady: () => void = () => {};

  /** Starts the process inside the fence; it maps nothing before it is told to join. */
  static start(options: {
    readonly folder: string;
    readonly fenceName: string;
    readonly fence: Fence;
    readonly logDescriptor: number;
    readonly endLimitMs?: number | undefined;
  }): WorkerProcess {
    const { folder, fenceName, fence, logDescriptor, endLimitMs } = options;
    const child = spawn(process.execPath, [join(folder, 'worker.mjs'), String(process.pid)], {
      cwd: folder,
      detached: true,
      env: { ...process.env, [fenceMark]: fenceName },
      stdio: ['ignore', logDescriptor, logDescriptor, 'pipe'],
    });
    if (child.pid === undefined) {
      child.once('error', () => {});
      fence.remove();
      throw new AgentError('WORKER_START_FAILED', 'a worker process cannot be started', {
        cause: `spawn of ${process.execPath}`,
      });
    }
    try {
      fence.admit(child.pid);
    } catch (error) {
      child.kill('SIGKILL');
      fence.remove();
      throw new AgentError('WORKER_START_FAILED', 'a worker cannot be put into its fence', { cause: error });
    }
    return new WorkerProcess(child, child.pid, fenceName, fence, endLimitMs);
  }

  private constructor(child: ChildProcess, pid: number, fenceName: string, fence: Fence, limitMs = defaultEndLimitMs) {
    this.pid = pid;
    this.fenceName = fenceName;
    this.#child = child;
    this.#channel = lineChannel(child.stdio[3] as Duplex);
    this.#channel.onMessage((message) => this.#receive(message as Report));
    const exited = new Promise<Omit<ProcessEnd, 'seen'>>((resolve) => {
      child.once('exit', (exitCode, signal) => resolve({ exitCode, signal }));
    });
    this.#end = new WorkerEnd({ pid, fence, limitMs, exited, lastReport: this.#channel.closed });
    this.ready = new Promise((resolve, reject) => {
      this.#becomeReady = resolve;
      void this.ended.then((end) => reject(this.#died(end)));
    });
    this.ready.catch(() => {});
  }

  get ended(): Promise<ProcessEnd> {
    return this.#end.ended;
  }

  get gone(): Promise<void> {
    return this.#end.gone;
  }

  join(parameters: JoinParameters): Promise<Joined> {
    return this.#order({ order: 'join', parameters }) as Promise<Joined>;
  }

  run(parameters: RunParameters): Promise<unknown> {
    return this.#order({ order: 'run', parameters });
  }

  leave(): void {
    this.#channel.send({ order: 'leave', id: this.#nextId++ } satisfies Order);
  }

  /** Stops its loading for the time that something else needs the machine; `kill` works on a paused one as well. */
  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  kill(): Promise<ProcessEnd> {
    return this.#end.kill();
  }

  #order(order: OrderWithoutId): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      void this.ended.then((end) => reject(this.#died(end)));
      this.#channel.send({ ...order, id });
    });
  }

  #receive(report: Report): void {
    switch (report.report) {
      case 'ready':
        this.#becomeReady();
        return;
      case 'progress':
        this.onProgress(report.task, report.progress);
        return;
      case 'done':
        this.#waiting.get(report.id)?.resolve(report.result);
        break;
      case 'failed':
        this.#waiting.get(report.id)?.reject(fromWireError(report.error));
    }
    this.#waiting.delete(report.id);
  }

  #died(end: ProcessEnd): AgentError {
    const how = end.signal === null ? `exit code ${end.exitCode}` : end.signal;
    return new AgentError('WORKER_DIED', `worker process ${this.pid} ended`, { cause: how, hint: "see the agent's log" });
  }
}
