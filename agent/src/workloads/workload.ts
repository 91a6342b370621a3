import type { ArmedCrash, Core } from '../pool/core.ts';
import type { Reader } from '../protocol/shape.ts';
import type { TaskName, Tasks } from '../protocol/tasks.ts';

/** What a task has of its worker. */
export interface TaskContext {
  readonly core: Core;
  /** Time left until the deadline, at least 1; what blocks the thread must take it as its limit. */
  remainingMs(): number;
  /** For tasks that wait asynchronously; those that block end through the abort word. */
  readonly signal: AbortSignal;
  progress(value: unknown): void;
  /** What the worker was armed with when it started: for programs with crash points of their own. */
  readonly crash?: ArmedCrash | undefined;
}

/** One task that a worker's pool thread can run. */
export interface Workload<Name extends TaskName> {
  readonly parameters: Reader<Tasks[Name]['parameters']>;
  run(context: TaskContext, parameters: Tasks[Name]['parameters']): Tasks[Name]['result'] | Promise<Tasks[Name]['result']>;
}
