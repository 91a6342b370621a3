/** What a fault is: one file each, one line in `index.ts`. */
import type { z } from 'zod';
import type { ProviderName } from '../provider/provider.ts';
import type { Crash, Post } from '../runs/crew/hand.ts';
import type { Evidence, FaultOutcome, Judgement, SeenExit, SeenFault } from '../runs/evidence.ts';
import type { Random } from '../runs/random.ts';
import type { Stamp } from '../traces/align-clocks.ts';
import type { Lane } from '../traces/timeline.ts';
import type { WorkloadContext } from '../workload/workload.ts';
import type { Schedule } from './schedule.ts';

/** Whom a fault of a worker is about that names none. */
export const unnamedWorker = 'server';

/** A kind of fault, by its key in a scenario file. */
export interface FaultKind<Parameters = unknown> {
  /** Made with `scheduled({...})`, unless the fault has no schedule of its own. */
  readonly parameters: z.ZodType<Parameters>;
  /** Plain data in, no state: called again to judge, also on a saved run. */
  create(parameters: Parameters): Fault;
  /** As a scenario file would have it, without a schedule: for `random: { faults: [thisKind] }`. */
  draw?(random: Random, pod: { readonly machines: readonly string[] }): unknown;
}

export interface Fault {
  readonly kind: string;
  /** What is meant to happen, for people, without when. */
  readonly sentence: string;
  /** Machines by name, the worker it is about, and the providers that can do it, all when not given. Anything else is a usage error before the run. */
  readonly needs: { readonly machines: readonly string[]; readonly post?: Post; readonly providers?: readonly ProviderName[] };
  readonly schedule: Schedule;
  /** While it is struck and not healed its machines, or their agents, cannot be asked for anything: what else is due on them waits. */
  readonly takesDown?: true;
  /** So long after it struck it is healed; null: when the workload is over. */
  readonly healAfterMs: number | null;
  /** Where its marks stand in the trace; on the controller's own lane when not given. */
  readonly lane?: Lane;
  /** What the next worker of a post must be armed with when it starts; asked until it gives something, then never again. */
  arm?(post: Post): Crash | null;
  /**
   * Called when due. Does the harm, or waits for the armed harm, and resolves when it was *seen*: with what was seen, or with null when
   * `signal` gives up first (the workload is over) and no harm was done. Bounded by `strikeLimitMs` of runs/strike-faults.ts.
   * `isAgain`: a controller that is gone had begun it, and told nothing of what came of it.
   */
  strike(context: WorkloadContext, signal: AbortSignal, isAgain: boolean): Promise<Strike | null>;
  /**
   * Undoes the harm, as far as the workload and the drain after it need it, also after a strike that failed half-way. Called once
   * after each strike that did not resolve with null, before the drain, also after Ctrl-C. What it resolves with is told and marked.
   */
  heal(context: WorkloadContext): Promise<string | undefined>;
  /**
   * Whether the evidence proves that it happened: `seenToFire`, or more where more is known. Never `invalid`: a fault that did not fire
   * says nothing about the system.
   */
  fired(evidence: Evidence, outcome: FaultOutcome): Judgement;
  /** Whether this exit can be this fault's doing. Without: it kills nobody. */
  explains?(exit: SeenExit): boolean;
  /** How many exits it explains at most; 1 when not given. */
  readonly kills?: number;
}

/** Seen by the strike itself; kept in run.json. */
export interface Strike extends SeenFault {
  /** On the clock of who saw it; the controller's now when not given. */
  readonly at?: Stamp;
}

/** For a fault whose strike resolves only with what it saw. */
export function seenToFire({ seen, error }: FaultOutcome): Judgement {
  if (seen !== null) return { verdict: 'valid', sentence: `Seen: ${seen.sentence}.`, evidence: { ...seen.evidence } };
  const why = error === null ? 'the workload was over before' : error;
  return { verdict: 'unknown', sentence: `The fault was not seen to fire: ${why}.`, evidence: {} };
}
