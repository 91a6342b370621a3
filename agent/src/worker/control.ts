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
  // The kernel ends a worker whose agent is gone, also one that is stopped.
  // Its number comes from the agent itself: an agent that is gone by now has left another parent.
  if (!native().setParentDeathSignal(Number(process.argv[2]))) die('the agent is gone already');
  const agent = lineChannel(new Socket({ fd: agentDescriptor, readable: true, writable: true }));
  // The agent is gone: nobody could tell anybody of this worker's end, so it must not go on.
  void agent.closed.then(() => die('the agent closed its end'));
  const thread = new Worker(new URL(import.meta.url));
  thread.on('error', (error) => die(`the pool thread failed: ${error.stack ?? error.message}`));
  thread.on('exit', (code) => (code === 0 ? process.exit(0) : die(`the pool thread ended with ${code}`)));
  const desk = new OrderDesk(thread, agent);
  thread.on('message', (message: FromPoolThread) => desk.fromPoolThread(message));
  agent.onMessage((message) => desk.fromAgent(message as Order));
}

class OrderDesk {
  readonly #thread: Worker;
  readonly #agent: LineChannel;
  #mapped: MappedPool | null = null;
  #current: { readonly id: number; readonly task: string; readonly deadlineMs: number; overdue: boolean } | null = null;
  #deadline: NodeJS.Timeout | undefined;
  #grace: NodeJS.Timeout | undefined;

  constructor(thread: Worker, agent: LineChannel) {
    this.#thread = thread;
    this.#agent = agent;
  }

  fromAgent(order: Order): void {
    if (order.order === 'leave') {
      this.#current = null;
      this.#abort('leave', leaveGraceMs);
      this.#thread.postMessage(order satisfies ToPoolThread);
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
    this.#thread.postMessage(order satisfies ToPoolThread);
  }

  fromPoolThread(message: FromPoolThread): void {
    if ('mapped' in message) {
      this.#mapped = message.mapped;
      return;
    }
    const current = this.#current;
    if (current === null || message.report === 'progress' || message.report === 'ready' || message.id !== current.id) {
      this.#agent.send(message);
      return;
    }
    clearTimeout(this.#deadline);
    clearTimeout(this.#grace);
    this.#current = null;
    this.#agent.send(current.overdue ? overdueReport(current, message) : message);
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
