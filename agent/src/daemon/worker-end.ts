import { AgentError } from '../protocol/agent-error.ts';
import { type Fence, seenEmpty } from './fence.ts';

/** From the order to end until the kernel has shown that nothing of the worker is left. */
export const defaultEndLimitMs = 10_000;
/** Between two looks at what is not gone after that. */
const lateLookMs = 200;

export interface ProcessEnd {
  /** Null with `signal` for one that an earlier agent started: only a parent is told. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The fence was seen empty: nothing of this worker runs any more, nor will. */
  readonly seen: boolean;
}

/** A worker process as its agent must be able to end it, whether this agent or an earlier one started it. */
export interface EndableWorker {
  readonly pid: number;
  /** Resolves once, whatever ends it. Never rejects. */
  readonly ended: Promise<ProcessEnd>;
  /** Resolves when the fence was seen empty, however long after `ended` that is. Never rejects. */
  readonly gone: Promise<void>;
  /** Tells it to leave the pool and exit; whether it does shows in `ended`. */
  leave(): void;
  /** Ends it and everything it started. Resolves with the end that was seen, or, past the limit, throws WORKER_NOT_DEAD. */
  kill(): Promise<ProcessEnd>;
}

/** The end of one worker: watched, enforced, seen. */
export class WorkerEnd {
  readonly ended: Promise<ProcessEnd>;
  readonly gone: Promise<void>;
  readonly #pid: number;
  readonly #fence: Fence;
  readonly #limitMs: number;
  #settleGone: () => void = () => {};

  /** `exited`: when its first process has ended. `lastReport`: when what it said before has been read. Neither ever rejects. */
  constructor(options: {
    readonly pid: number;
    readonly fence: Fence;
    readonly limitMs: number;
    readonly exited: Promise<Omit<ProcessEnd, 'seen'>>;
    readonly lastReport: Promise<unknown>;
  }) {
    this.#pid = options.pid;
    this.#fence = options.fence;
    this.#limitMs = options.limitMs;
    this.gone = new Promise((resolve) => {
      this.#settleGone = resolve;
    });
    this.ended = options.exited.then((exit) => this.#seeEnd(exit, options.lastReport));
  }

  async kill(): Promise<ProcessEnd> {
    this.#fence.kill();
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<never>((_, reject) => {
      const error = new AgentError(
        'WORKER_NOT_DEAD',
        `process ${this.#pid} was killed but its end was not seen within ${this.#limitMs} ms`,
        { hint: 'it may hang in the kernel; it is fenced when it is gone, or power the machine off' },
      );
      timer = setTimeout(() => reject(error), this.#limitMs);
    });
    try {
      return await Promise.race([this.ended, limit]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Whatever the worker had started dies with it: a child would have inherited the mapping. Never rejects. */
  async #seeEnd(exit: Omit<ProcessEnd, 'seen'>, lastReport: Promise<unknown>): Promise<ProcessEnd> {
    try {
      if (!this.#fence.isEmpty()) this.#fence.kill();
    } catch {
      // Then it is not seen empty below, and that is told.
    }
    const seen = await seenEmpty(this.#fence, this.#limitMs);
    if (seen) {
      this.#letGo();
      // What it reported before its end may still be in the pipe, which nobody holds open any more.
      await lastReport;
    } else {
      void seenEmpty(this.#fence, Number.POSITIVE_INFINITY, lateLookMs).then(() => this.#letGo());
    }
    return { ...exit, seen };
  }

  #letGo(): void {
    this.#fence.remove();
    this.#settleGone();
  }
}
