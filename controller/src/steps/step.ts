/** The controller's work is a plan: steps with a name, a deadline, and a way back. */

export interface Step {
  /** A short sentence without subject: `create the network`. */
  readonly name: string;
  readonly deadlineMs: number;
  /** What to try when the deadline passes. */
  readonly hint?: string;
  /** Must stop soon after `signal` is aborted; what it created by then is found by `undo`. */
  run(context: StepContext): Promise<void>;
  /** Takes back what `run` did, however far it came. Called for the failed step too, so it must bear a half-done one. */
  undo?(): Promise<void>;
}

/** Lanes that run side by side, each its steps in order. */
export interface Together {
  readonly name: string;
  readonly together: readonly Lane[];
}

export interface Lane {
  readonly name: string;
  readonly steps: readonly Step[];
}

export type Plan = readonly (Step | Together)[];

export interface StepContext {
  /** Aborted by the operator, by the deadline, or by the failure of a lane beside this one. */
  readonly signal: AbortSignal;
  /** Says what the step is waiting for or has decided. */
  note(text: string): void;
}

/** Sees a plan run. `lane` is null outside of `Together`. */
export interface StepObserver {
  started(step: Step, lane: Lane | null): void;
  noted(step: Step, lane: Lane | null, text: string): void;
  finished(step: Step, lane: Lane | null, elapsedMs: number): void;
  failed(step: Step, lane: Lane | null, error: unknown): void;
  undoing(step: Step, lane: Lane | null): void;
  undoFailed(step: Step, lane: Lane | null, error: unknown): void;
  /** How much longer all of it takes, in words. */
  left?(text: string): void;
  /** The plan has ended, well or not; nothing more is shown. */
  ended(): Promise<void>;
}
