/** What the agent tells a worker, and what the worker's control thread tells its pool thread; both sides are of one build. */
import type { ArmedCrash } from '../pool/core.ts';
import type { WireError } from '../protocol/agent-error.ts';
import type { ClientIdentity } from '../protocol/messages.ts';

export interface JoinParameters {
  readonly worker: string;
  readonly machineNumber: number;
  readonly pool: { readonly path: string; readonly sizeBytes: number };
  readonly history: { readonly path: string; readonly sizeBytes: number };
  readonly crash?: ArmedCrash;
  readonly dieAtAccess?: number;
  /** The deliberate mistake that this worker's core makes, by its number in docs/mutants.md. */
  readonly mutant?: number;
}

export interface RunParameters {
  readonly task: string;
  readonly parameters: unknown;
  readonly deadlineMs: number;
}

/** One at a time; each is answered, `leave` by the end of the process with exit code 0. */
export type Order =
  | { readonly id: number; readonly order: 'join'; readonly parameters: JoinParameters }
  | { readonly id: number; readonly order: 'run'; readonly parameters: RunParameters }
  | { readonly id: number; readonly order: 'leave' };

export type Report =
  /** Loaded, in no pool yet. */
  | { readonly report: 'ready' }
  | { readonly report: 'done'; readonly id: number; readonly result: unknown }
  | { readonly report: 'failed'; readonly id: number; readonly error: WireError }
  | { readonly report: 'progress'; readonly task: string; readonly progress: unknown };

export interface Joined {
  readonly client: ClientIdentity;
}

/** How long a pool thread may take to react to an abort. A worker that does not is stuck, and a stuck client is a dead client. */
export const abortGraceMs = 5_000;
/** How long leaving may take; longer than the agent itself waits for it, so that this only helps where the agent does not. */
export const leaveGraceMs = 15_000;
