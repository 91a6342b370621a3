import { setTimeout as after } from 'node:timers/promises';
import type { Fence } from './fence.ts';
import { isRunning } from './process-state.ts';
import { defaultEndLimitMs, type EndableWorker, type ProcessEnd, WorkerEnd } from './worker-end.ts';
import type { WorkerRecord } from './worker-records.ts';

/** Between two looks whether it runs: nobody but a parent is told of a process's end. */
const lookMs = 50;

/** A worker of an earlier agent. It takes no more orders but to end: its channel died with who started it. */
export class AdoptedWorker implements EndableWorker {
  readonly pid: number;
  readonly #record: WorkerRecord;
  readonly #end: WorkerEnd;

  constructor(record: WorkerRecord, fence: Fence, limitMs = defaultEndLimitMs) {
    this.pid = record.pid;
    this.#record = record;
    this.#end = new WorkerEnd({ pid: record.pid, fence, limitMs, exited: exited(record), lastReport: Promise.resolve() });
  }

  get ended(): Promise<ProcessEnd> {
    return this.#end.ended;
  }

  get gone(): Promise<void> {
    return this.#end.gone;
  }

  leave(): void {
    try {
      if (isRunning(this.#record)) process.kill(this.pid, 'SIGTERM');
    } catch {
      // It has ended since the look.
    }
  }

  kill(): Promise<ProcessEnd> {
    return this.#end.kill();
  }
}

async function exited(record: WorkerRecord): Promise<Omit<ProcessEnd, 'seen'>> {
  while (isRunning(record)) await after(lookMs, undefined, { ref: false });
  return { exitCode: null, signal: null };
}
