/** What a fault is: one file each, listed in `index.ts`. */
import type { z } from 'zod';
import type { Crash, Post } from '../runs/crew.ts';
import type { Evidence, Judgement } from '../runs/evidence.ts';
import type { WorkloadContext } from '../workload/workload.ts';

/** A kind of fault, by its key in a scenario file. */
export interface FaultKind<Parameters = unknown> {
  readonly parameters: z.ZodType<Parameters>;
  create(parameters: Parameters): Fault;
}

export interface Fault {
  readonly kind: string;
  /** What is meant to happen, for people. */
  readonly sentence: string;
  readonly needs: { readonly machines: readonly string[] };
  /** What the first worker of a post must be armed with when it starts. */
  arm(post: Post): Crash | null;
  /** Does the harm, or waits for the armed harm; resolves when it was *seen*, or with false when `signal` gives up first. */
  strike(context: WorkloadContext, signal: AbortSignal): Promise<boolean>;
  /** Undoes the harm as far as the workload needs it; called only after a strike. */
  heal(context: WorkloadContext): Promise<void>;
  /** Whether the evidence proves that it happened. Never `invalid`: a fault that did not fire says nothing about the system. */
  fired(evidence: Evidence): Judgement;
  /** Whether this exit can be this fault's doing; of those that can, only the first is. */
  explains(exit: Evidence['exits'][number]): boolean;
}
