import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { AgentError, fromWireError } from '../protocol/agent-error.ts';
import { type LineChannel, lineChannel } from '../protocol/line-channel.ts';
import type { Joined, JoinParameters, Order, Report, RunParameters } from '../worker/orders.ts';
import { type Fence, seenEmpty } from './fence.ts';

/** From the order to end until the kernel has shown that nothing of the worker is left. */
const defaultEndLimitMs = 10_000;
/** Between two looks at what is not gone after that. */
const lateLookMs = 200;

export interface ProcessEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The fence was seen empty: nothing of this worker runs any more, nor will. */
  readonly seen: boolean;
}

type OrderWithoutId = Order extends infer Each ? (Each extends Order ? Omit<Each, 'id'> : never) : never;

/** One worker process, from its start to its seen end. */
export class WorkerProcess {
  readonly pid: number;
  /** Loaded and waiting for orders; rejects when the process ends before. */
  readonly ready: Promise<void>;
  /** Resolves once, whatever ends it. Never rejects. */
  readonly ended: Promise<ProcessEnd>;
  /** Resolves when the fence was seen empty, however long after `ended` that is. Never rejects. */
  readonly gone: Promise<void>;
  onProgress: (task: string, progress: unknown) => void = () => {};
  readonly #child: ChildProcess;
  readonly #channel: LineChannel;
  readonly #fence: Fence;
  readonly #endLimitMs: number;
  readonly #waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  #nextId = 1;
  #becomeReady: () => void = () => {};
  #settleGone: () => void = () => {};

  /** Starts the process inside the fence; it maps nothing before it is told to join. */
  static start(folder: string, fence: Fence, logDescriptor: number, endLimitMs = defaultEndLimitMs): WorkerProcess {
    const child = spawn(process.execPath, [join(folder, 'worker.mjs'), String(process.pid)], {
      cwd: folder,
      detached: true,
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
    return new WorkerProcess(child, child.pid, fence, endLimitMs);
  }

  private constructor(child: ChildProcess, pid: number, fence: Fence, endLimitMs: number) {
    this.pid = pid;
    this.#child = child;
    this.#fence = fence;
    this.#endLimitMs = endLimitMs;
    this.#channel = lineChannel(child.stdio[3] as Duplex);
    this.#channel.onMessage((message) => this.#receive(message as Report));
    this.gone = new Promise((resolve) => {
      this.#settleGone = resolve;
    });
    this.ended = new Promise((resolve) => {
      child.once('exit', (exitCode, signal) => void this.#seeEnd(exitCode, signal).then(resolve));
    });
    this.ready = new Promise((resolve, reject) => {
      this.#becomeReady = resolve;
      void this.ended.then((end) => reject(this.#died(end)));
    });
    this.ready.catch(() => {});
  }

  join(parameters: JoinParameters): Promise<Joined> {
    return this.#order({ order: 'join', parameters }) as Promise<Joined>;
  }

  run(parameters: RunParameters): Promise<unknown> {
    return this.#order({ order: 'run', parameters });
  }

  /** Tells it to leave the pool and exit; whether it does shows in `ended`. */
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

  /** Ends it and everything it started. Resolves with the end that was seen, or, past the limit, throws WORKER_NOT_DEAD. */
  async kill(): Promise<ProcessEnd> {
    this.#fence.kill();
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<never>((_, reject) => {
      const error = new AgentError(
        'WORKER_NOT_DEAD',
        `process ${this.pid} was killed but its end was not seen within ${this.#endLimitMs} ms`,
        {
          hint: 'it may hang in the kernel; it is fenced when it is gone, or power the machine off',
        },
      );
      timer = setTimeout(() => reject(error), this.#endLimitMs);
    });
    try {
      return await Promise.race([this.ended, limit]);
    } finally {
      clearTimeout(timer);
    }
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

  /** Whatever the worker had started dies with it: a child would have inherited the mapping. Never rejects. */
  async #seeEnd(exitCode: number | null, signal: NodeJS.Signals | null): Promise<ProcessEnd> {
    try {
      if (!this.#fence.isEmpty()) this.#fence.kill();
    } catch {
      // Then it is not seen empty below, and that is told.
    }
    const seen = await seenEmpty(this.#fence, this.#endLimitMs);
    if (seen) {
      this.#letGo();
      // What it reported before its end may still be in the pipe, which nobody holds open any more.
      await this.#channel.closed;
    } else {
      void seenEmpty(this.#fence, Number.POSITIVE_INFINITY, lateLookMs).then(() => this.#letGo());
    }
    return { exitCode, signal, seen };
  }

  #letGo(): void {
    this.#fence.remove();
    this.#settleGone();
  }

  #died(end: ProcessEnd): AgentError {
    const how = end.signal === null ? `exit code ${end.exitCode}` : end.signal;
    return new AgentError('WORKER_DIED', `worker process ${this.pid} ended`, { cause: how, hint: "see the agent's log" });
  }
}
