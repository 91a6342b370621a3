/**
 * Everything that a check may look at. Plain data without functions or connections: a check can be run again on an old run
 * folder, and its tests plant whatever evidence they like.
 */
import type { HistoryRecord } from '@cxlpod/agent/history';
import type { Finding } from '@cxlpod/agent/inspect';
import type { WorkerExit } from '@cxlpod/agent/protocol';
import type { Scenario } from '../config/scenario.ts';
import type { RecoveryOutcome } from '../recovery/index.ts';
import type { Stamp } from '../traces/align-clocks.ts';
import type { Detail, Lane } from '../traces/timeline.ts';

export interface Evidence {
  /** With its random parts drawn: `faults` are those of this run. */
  readonly scenario: Scenario;
  /** In number order. */
  readonly machines: readonly string[];
  /** What the workload returned, by its name; null when it failed. */
  readonly workload: { readonly name: string; readonly result: unknown } | null;
  /** Every worker process that ended during the run, in the order seen. */
  readonly exits: readonly SeenExit[];
  /** In the order of `scenario.faults`. */
  readonly faults: readonly FaultOutcome[];
  /** Every client that was suspected, or whose machine ended. */
  readonly recoveries: readonly RecoveryOutcome[];
  /** This run's part of the pod's history; null when it could not be read. */
  readonly history: RunHistory | null;
  /** What the audit of the pool found; null when the pool could not be read. */
  readonly pool: AuditedPool | null;
  /** What was still there after the drain; null when nobody looked. */
  readonly leftovers: Leftovers | null;
}

export interface Leftovers {
  /** Workers and clients, in words. */
  readonly found: readonly string[];
  /** Where nobody could look, and why. */
  readonly unseen: readonly string[];
}

export interface AuditedPool {
  readonly problems: readonly string[];
  /** The same by kind. */
  readonly findings: readonly Finding[];
  /** What looked wrong and may only have been between two steps of a client at work. */
  readonly unsettled: number;
  /** Undefined for a pool without one. */
  readonly heap: { readonly objects: number; readonly unreachable: number; readonly corpses: number } | undefined;
}

export interface RunHistory {
  /** In ticket order. */
  readonly records: readonly HistoryRecord[];
  /** Tickets that were drawn and never published: their writers died in between. */
  readonly unpublished: readonly number[];
  /** Records that found no room. */
  readonly overflow: number;
  readonly problems: readonly string[];
}

export interface SeenExit extends WorkerExit {
  readonly machine: string;
  /** The run asked this worker to end. */
  readonly asked: boolean;
  /** It ended with its machine, whose end was seen; nobody was left there to tell how. `atNs` is of the controller's clock then. */
  readonly withMachine?: true;
  /** It ended while its machine had no agent who could tell how. `atNs` is of the controller's clock then. */
  readonly untold?: true;
}

export interface FaultOutcome {
  /** The key in the scenario file: `killWorker`. */
  readonly kind: string;
  /** What was meant to happen, for people. */
  readonly sentence: string;
  /** Where it strikes; not given where it is not one place. */
  readonly lane?: Lane;
  /** When the controller saw it happen; null: never. */
  readonly struckAt: Stamp | null;
  /** What the strike saw; null: nothing. */
  readonly seen: SeenFault | null;
  /** When the harm was undone, e.g. a new worker was ready; null: never. */
  readonly healedAt: Stamp | null;
  /** Why it could not strike, or not be healed. */
  readonly error: string | null;
}

export interface SeenFault {
  /** What was seen to happen, without a full stop. */
  readonly sentence: string;
  readonly evidence: Detail;
}

/** A check's or a fault's answer. */
export interface Judgement {
  readonly verdict: 'valid' | 'invalid' | 'unknown';
  /** One sentence with the figures that decided it. */
  readonly sentence: string;
  /** The evidence itself, for the report and run.json. */
  readonly evidence: Readonly<Record<string, unknown>>;
}
