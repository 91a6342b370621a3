/** Handlers that run while others are served: at most so many at a time, each with a deadline and a signal. */
import { codes } from '../layout/index.ts';
import type { Answer } from './answer.ts';
import { nsPerMs, type ServeLimits } from './serve-options.ts';
import type { ServedConnection, Task } from './served-connection.ts';

/** Turns between two looks at the entries of calls whose handlers run: their lines are the callers'. */
const turnsPerCancelCheck = 16;

export class Background {
  readonly #answer: Answer;
  readonly #limits: ServeLimits;
  readonly #running = new Set<Task>();
  #waiting: Task[] = [];
  #overdue = 0;
  #isStopped = false;
  #cancelled = 0;
  #turns = 0;

  constructor(answer: Answer, limits: ServeLimits) {
    this.#answer = answer;
    this.#limits = limits;
  }

  get counters(): { readonly running: number; readonly waiting: number; readonly overdue: number } {
    return { running: this.#running.size, waiting: this.#waiting.length, overdue: this.#overdue };
  }

  /** Calls that were given up after they were taken: not begun, or told so by their signals. */
  get cancelled(): number {
    return this.#cancelled;
  }

  /** Whether anything is to be answered later. */
  get isBusy(): boolean {
    return this.#running.size !== 0 || this.#waiting.length !== 0;
  }

  /** Whether there are more than may run. */
  get isBehind(): boolean {
    return this.#waiting.length !== 0;
  }

  /** Its request is answered later; it starts with the next turn. */
  add(task: Task): void {
    task.connection.tasks.add(task);
    this.#waiting.push(task);
  }

  /** Starts what may start, and ends what has no time left. */
  turn(): void {
    if (this.#waiting.length !== 0) this.#startWaiting();
    if (this.#running.size === 0) return;
    this.#endOverdue();
    if (++this.#turns % turnsPerCancelCheck === 0) this.#abortCancelled();
  }

  /** The connection is over, and so are its tasks. */
  forget({ tasks }: ServedConnection): void {
    for (const task of tasks) this.#running.delete(task);
  }

  /** Nothing is answered any more. */
  stop(): void {
    this.#isStopped = true;
    this.#running.clear();
    for (const task of this.#waiting) task.discard?.();
    this.#waiting = [];
  }

  #startWaiting(): void {
    let started = 0;
    for (const task of this.#waiting) {
      if (task.isOver) task.discard?.();
      else {
        if (this.#running.size >= this.#limits.backgroundLimit) break;
        if (!this.#skip(task)) this.#start(task);
      }
      started++;
    }
    this.#waiting.splice(0, started);
  }

  /** Whether its caller gave it up, so that it need not begin. A pull of a stream is made all the same: items have an order. */
  #skip(task: Task): boolean {
    const { connection, slot } = task;
    if (task.stream !== undefined || !connection.server.isCancelled(slot)) return false;
    this.#cancelled++;
    this.#end(task, () => this.#answer.say(connection, slot, codes.REFUSED, 'its caller gave it up; nothing was executed'));
    return true;
  }

  #abortCancelled(): void {
    for (const { connection, slot, stream, abort } of this.#running) {
      if (stream !== undefined || abort.signal.aborted || !connection.server.isCancelled(slot)) continue;
      this.#cancelled++;
      abort.abort();
    }
  }

  #start(task: Task): void {
    this.#running.add(task);
    task.run(task.abort.signal).then(
      (value) => {
        if (!this.#end(task, () => task.write(value))) task.discard?.(value);
      },
      (error: unknown) => {
        if (!this.#end(task, () => this.#answer.error(task.connection, task.slot, error))) task.discard?.();
      },
    );
  }

  /** Answers a task, unless nobody waits for it; whether it did. `write` makes the answer. `goesOn`: the handler still has what it was given. */
  #end(task: Task, write: () => void, goesOn = false): boolean {
    this.#running.delete(task);
    if (task.isOver || this.#isStopped) return false;
    task.isOver = true;
    if (!goesOn) task.hold?.();
    const { connection, slot } = task;
    connection.tasks.delete(task);
    try {
      write();
    } catch (error) {
      this.#answer.error(connection, slot, error);
    }
    if (task.stream !== undefined && this.#answer.code !== codes.OK) connection.dropCursor(task.stream);
    let status = this.#answer.code;
    try {
      status = connection.reply(slot, this.#answer);
    } catch {
      // Nobody awaits a task, so nobody would catch this; a connection that takes no answer is of no use.
      connection.isOver = true;
    }
    connection.server.statistics.count(task.methodNumber, status, (performance.now() - task.startedMs) * nsPerMs);
    return true;
  }

  /** Tasks start in the order of their deadlines, so the first that is in time ends the search. */
  #endOverdue(): void {
    const since = performance.now() - this.#limits.handlerDeadlineMs;
    for (const task of this.#running) {
      if (task.startedMs > since) break;
      this.#overdue++;
      const message = `its handler has not ended within ${this.#limits.handlerDeadlineMs} ms; it may still run`;
      this.#end(task, () => this.#answer.say(task.connection, task.slot, codes.FAILED, message), true);
      task.abort.abort();
    }
  }
}
