/**
 * The control thread: never touches the pool, so it always answers. Passes orders to the pool thread, one at a time, and keeps
 * their deadlines: past one it raises the abort word, and kills the process when that does not help.
 */
import { Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { abort, clearAbort, type MappedPool } from '../pool/map.ts';
import { native } from '../pool/native.ts';
import { AgentError, toWireError } from '../protocol/agent-error.ts';
import { type LineChannel, lineChannel } from '../protocol/line-channel.ts';
import { abortGraceMs, leaveGraceMs, type Order, type Report } from './orders.ts';

const agentDescriptor = 3;

/** From the pool thread: its reports, and the mapping once it has one. */
export type FromPoolThread = Report | { readonly mapped: MappedPool };
/** To the pool thread: orders, and that its asynchronous task shall end. */
export type ToPoolThread = Order | { readonly abort: true };

export function control(): void {
  // The kernel ends a worker whose agent is gone, also one that is stopped, until it joins. The agent gives its own number: one that
  // is gone by now has left another parent.
  if (!native().setParentDeathSignal(Number(process.argv[2]))) die('the agent is gone already');
  const agent = lineChannel(new Socket({ fd: agentDescriptor, readable: true, writable: true }));
  const thread = new Worker(new URL(import.meta.url));
  thread.on('error', (error) => die(`the pool thread failed: ${error.stack ?? error.message}`));
  thread.on('exit', (code) => (code === 0 ? process.exit(0) : die(`the pool thread ended with ${code}`)));
  const desk = new OrderDesk(thread, agent);
  thread.on('message', (message: FromPoolThread) => desk.fromPoolThread(message));
  agent.onMessage((message) => desk.fromAgent(message as Order));
  void agent.closed.then(() => desk.outliveAgent());
  // From an agent that adopted this worker, and has no channel to it.
  process.on('SIGTERM', () => desk.leave());
}

class OrderDesk {
  readonly #thread: Worker;
  readonly #agent: LineChannel;
  #mapped: MappedPool | null = null;
  /** Told to join; from then on its death matters to others, and its life too. */
  #joining: { readonly id: number } | 'not' | 'done' = 'not';
  #isOrphan = false;
  #isLeaving = false;
  #current: { readonly id: number; readonly task: string; readonly deadlineMs: number; overdue: boolean } | null = null;
  #deadline: NodeJS.Timeout | undefined;
  #grace: NodeJS.Timeout | undefined;

  constructor(thread: Worker, agent: LineChannel) {
    this.#thread = thread;
    this.#agent = agent;
  }

  fromAgent(order: Order): void {
    if (order.order === 'leave') {
      this.leave();
      return;
    }
    if (this.#current !== null) {
      const error = new AgentError('WORKER_BUSY', `the worker is running ${this.#current.task} already`);
      this.#agent.send({ report: 'failed', id: order.id, error: toWireError(error) } satisfies Report);
      return;
    }
    if (order.order === 'run') {
      const { task, deadlineMs } = order.parameters;
      this.#current = { id: order.id, task, deadlineMs, overdue: false };
      if (this.#mapped !== null) clearAbort(this.#mapped);
      this.#deadline = setTimeout(() => this.#passDeadline(), deadlineMs);
    }
    if (order.order === 'join') {
      // Whoever calls it, or is called, is not to lose it with its agent.
      native().setParentDeathSignal(0);
      this.#joining = { id: order.id };
    }
    this.#thread.postMessage(order satisfies ToPoolThread);
  }

  /** Nobody is there to give orders any more. What this worker is at goes on to its end, then it leaves. */
  outliveAgent(): void {
    if (this.#joining === 'not') die('the agent closed its end, and this worker has joined nothing');
    this.#isOrphan = true;
    this.#leaveIfOrphan();
  }

  leave(): void {
    this.#isLeaving = true;
    this.#current = null;
    this.#abort('leave', leaveGraceMs);
    this.#thread.postMessage({ order: 'leave', id: 0 } satisfies ToPoolThread);
  }

  fromPoolThread(message: FromPoolThread): void {
    if ('mapped' in message) {
      this.#mapped = message.mapped;
      return;
    }
    const current = this.#current;
    if (current === null || message.report === 'progress' || message.report === 'ready' || message.id !== current.id) {
      this.#agent.send(message);
      if ('id' in message && typeof this.#joining === 'object' && message.id === this.#joining.id) this.#joining = 'done';
      this.#leaveIfOrphan();
      return;
    }
    clearTimeout(this.#deadline);
    clearTimeout(this.#grace);
    this.#current = null;
    this.#agent.send(current.overdue ? overdueReport(current, message) : message);
    this.#leaveIfOrphan(` after ${current.task}`);
  }

  #leaveIfOrphan(after = ''): void {
    if (!this.#isOrphan || this.#isLeaving || this.#joining !== 'done' || this.#current !== null) return;
    process.stderr.write(`worker ${process.pid} leaves${after}: its agent is gone\n`);
    this.leave();
  }

  #passDeadline(): void {
    if (this.#current !== null) this.#current.overdue = true;
    this.#abort('react to an abort', abortGraceMs);
  }

  #abort(expected: string, graceMs: number): void {
    clearTimeout(this.#deadline);
    clearTimeout(this.#grace);
    if (this.#mapped !== null) abort(this.#mapped);
    this.#thread.postMessage({ abort: true } satisfies ToPoolThread);
    this.#grace = setTimeout(() => die(`the pool thread did not ${expected} within ${graceMs} ms`), graceMs);
  }
}

/** What ended by itself in the last moment stays what it is; only what the abort ended is told as the deadline. */
function overdueReport(
  current: { readonly id: number; readonly task: string; readonly deadlineMs: number },
  message: Report,
): Report {
  if (message.report === 'done') return message;
  const cause = message.report === 'failed' ? message.error.message : undefined;
  const error = new AgentError('DEADLINE', `${current.task} did not end within ${current.deadlineMs} ms`, {
    cause,
    hint: 'see whether its peer runs; a slow machine needs a longer deadline',
  });
  return { report: 'failed', id: current.id, error: toWireError(error) };
}

/** By SIGKILL: nothing of this process runs after a client's end, no finally block and no exit handler. */
function die(reason: string): void {
  process.stderr.write(`worker ${process.pid} kills itself: ${reason}\n`);
  process.kill(process.pid, 'SIGKILL');
}
