/** Tasks that run the user's own program: any executable, or a TypeScript module made by `defineWorkload`. */

/** The part of the pool that a program has for itself, offsets counted from the start of the pool. */
export interface ProgramMemory {
  /** Of its first byte; a multiple of 4096. */
  readonly offset: number;
  readonly sizeBytes: number;
  /** Of a page with a word of 64 bits for each worker: how often it has come to a barrier. */
  readonly barrierOffset: number;
}

/** What its object in the heap has beside it: the page of the barrier, and what aligns both. */
export const programMemoryExtraBytes = 2 * 4096;

export const programPhases = ['setup', 'drive', 'check'] as const;
/** `setup` runs once before all others, `drive` on every worker, `check` once when all have ended. */
export type ProgramPhase = (typeof programPhases)[number];

/** What a program is told about itself. */
export interface ProgramPlace {
  readonly phase: ProgramPhase;
  /** From 1. */
  readonly machine: number;
  readonly machines: number;
  /** From 1, over all machines. */
  readonly worker: number;
  readonly workers: number;
  /** From 1; above 1, an earlier process of this worker died. */
  readonly attempt: number;
  readonly seed: number;
  readonly memory: ProgramMemory;
}

export interface ProgramTasks {
  /** Makes that part of the pool as an object of the heap with a name, all zeros; or gives it back. The same worker need not do both. */
  'program-memory': { parameters: { readonly sizeBytes: number }; result: { readonly memory: ProgramMemory | null } };
  /**
   * Runs an executable of the machine as this worker. `{agent}` in an argument is the folder of the agent. A program that dies by SIGKILL
   * takes the worker with it; one that outlives `limitMs` is killed, and told as `overdue`.
   */
  exec: {
    parameters: { readonly argv: readonly string[]; readonly place: ProgramPlace; readonly limitMs: number };
    result: ExecEnd;
  };
  /** Runs one phase of a module made by `defineWorkload`; `file` in the folder of the agent. */
  program: {
    parameters: { readonly file: string; readonly place: ProgramPlace };
    result: ProgramEnd;
  };
}

export interface ExecEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly overdue: boolean;
  /** The last lines of what it printed, both streams. */
  readonly output: string;
  readonly elapsedNs: number;
}

export interface ProgramEnd {
  /** What `drive` returned, as JSON; of `check`, its problems as sentences. */
  readonly value: unknown;
  readonly elapsedNs: number;
}
