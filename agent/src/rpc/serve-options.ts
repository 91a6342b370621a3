/** How a service is served, and what its server tells of itself. */
import type { HeapClient } from '../shm/heap-client.ts';
import type { MethodFigures } from './read-statistics.ts';
import type { ListenOptions } from './server.ts';

export interface ServeOptions extends Omit<ListenOptions, 'version' | 'window'> {
  /** How many connections listen at a time: a new one is opened when one is taken. Default 1. */
  readonly connections?: number;
  /** Callers at a time; who comes after them is told NOT_FOUND. Default 16. */
  readonly maxConnections?: number;
  /** Calls in flight of one connection; `adaptive`: 16, and fewer are offered while the server is behind. */
  readonly window?: number | 'adaptive';
  /** Requests taken from one connection before the next one has its turn. Default 16. */
  readonly requestsPerTurn?: number;
  /** What an inline handler should take at most. Longer ones are counted, nothing is killed. Default 1 ms. */
  readonly budgetMs?: number;
  /** Background handlers that run at the same time. Others wait; their callers' windows bound how many. Default 64. */
  readonly backgroundLimit?: number;
  /** A background handler that has not ended by then is answered FAILED. Default 30 s. */
  readonly handlerDeadlineMs?: number;
  /** Streams that one connection may have open. Default 16. */
  readonly streamLimit?: number;
  /** This thread's heap: for services with methods of kind `heap`. */
  readonly heap?: HeapClient;
}

/** `fenced`: this client's own end was told; nothing of its may be written any more. */
export type ServeEnd = 'deadline' | 'stopped' | 'closed' | 'aborted' | 'fenced';

export interface ServerCounters {
  /** Of all connections since the beginning: what `cxlpod stats` reads of each. */
  readonly methods: Readonly<Record<string, MethodFigures>>;
  /** Connections with a caller, and those that wait for one. */
  readonly callers: number;
  readonly listening: number;
  /** Callers that came since the beginning; of these, who hung up and who was lost. */
  readonly accepted: number;
  readonly hungUp: number;
  readonly lost: number;
  /** Requests whose entry did not hold. */
  readonly refused: number;
  readonly unknownMethods: number;
  /** Calls that were given up by their callers: not begun, or, in the background, told so. */
  readonly cancelled: number;
  /** How often no connection could be opened though one was wanted. */
  readonly listenFailures: number;
  readonly background: { readonly running: number; readonly waiting: number; readonly overdue: number };
  readonly streams: number;
}

export interface ServeLimits {
  readonly connections: number;
  readonly maxConnections: number;
  readonly requestsPerTurn: number;
  readonly backgroundLimit: number;
  readonly streamLimit: number;
  readonly budgetNs: number;
  readonly handlerDeadlineMs: number;
}

export const nsPerMs = 1e6;

export function limitsOf(options: ServeOptions): ServeLimits {
  return {
    connections: options.connections ?? 1,
    maxConnections: options.maxConnections ?? 16,
    requestsPerTurn: options.requestsPerTurn ?? 16,
    backgroundLimit: options.backgroundLimit ?? 64,
    streamLimit: options.streamLimit ?? 16,
    budgetNs: (options.budgetMs ?? 1) * nsPerMs,
    handlerDeadlineMs: options.handlerDeadlineMs ?? 30_000,
  };
}
