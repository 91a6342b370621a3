/** `run.json`: what a run was, of what it was made, and what it came to. The report is made from it and the files beside it. */
import type { Judged } from '../checks/judge.ts';
import type { GateReport } from '../cluster/gate.ts';
import type { Scenario } from '../config/scenario.ts';
import type { Environment } from '../provider/provider.ts';
import type { RecoveryOutcome } from '../recovery/index.ts';
import type { AlignedClock } from '../traces/align-clocks.ts';
import type { LatencySeries } from '../traces/latency-book.ts';
import type { Evidence, FaultOutcome, SeenExit } from './evidence.ts';
import type { Death } from './stall-watch.ts';
import type { Verdict } from './verdict.ts';

/** Raised with every change that an older reader would misread. */
export const runRecordFormat = 1;

export interface RunRecord {
  readonly format: typeof runRecordFormat;
  /** Name of the run folder. */
  readonly run: string;
  readonly verdict: Verdict;
  readonly checks: readonly Judged[];
  /** What ended the run early; null: nothing. */
  readonly error: RunError | null;
  readonly scenario: Scenario;
  /** What the workload does, and each fault, for people. */
  readonly sentences: { readonly workload: string; readonly faults: readonly string[] };
  readonly pod: string;
  readonly topology: { readonly name: string; readonly machines: readonly string[]; readonly poolBytes: number };
  readonly environment: Environment;
  readonly overSubscription: OverSubscription;
  readonly provenance: Provenance;
  readonly startedAt: string;
  readonly tookMs: number;
  readonly seed: number;
  /** What went on without having been asked for; none of it decides the verdict, all of it is told. */
  readonly restarts: Restarts;
  /** Of the `up` that made the pod. */
  readonly gate: GateReport | null;
  readonly clocks: readonly AlignedClock[];
  readonly latencies: readonly LatencySeries[];
  /** What the workload returned; null when it failed. */
  readonly workload: Evidence['workload'];
  readonly faults: readonly FaultOutcome[];
  readonly exits: readonly SeenExit[];
  /** Every client that was suspected, or whose machine ended, and when it was fenced and recovered. */
  readonly recoveries: readonly RecoveryOutcome[];
  /** Every client whose recovery ended during the run, and how long its survivors stood still; of runs with faults. */
  readonly deaths: readonly Death[];
  readonly leftovers: Evidence['leftovers'];
  /** What could not be collected, and why. */
  readonly missing: readonly string[];
  /** The controller that began it was killed, and another one ended it: times in UTC. */
  readonly controllerGone?: ControllerGone;
  /** Runs of the same command, this one included, in order; relative to the folder of runs. */
  readonly siblings: readonly { readonly run: string; readonly scenario: string; readonly verdict: Verdict | null }[];
}

export interface ControllerGone {
  readonly pid: number;
  /** When it was last heard of. */
  readonly from: string;
  /** When the other one came. */
  readonly to: string;
}

export interface Restarts {
  /** Machines whose console fell silent during boot, and that were started once more. */
  readonly machines: number;
  readonly workers: number;
  /** Control channels that were lost and attached again. */
  readonly channels: number;
  /** Workers that had to be killed, since they did not leave when asked. */
  readonly stubbornWorkers: number;
}

export interface RunError {
  readonly code: string;
  readonly message: string;
  readonly because: string | null;
  readonly hint: string | null;
  /** Inside the system under test, rather than around it. */
  readonly violation: boolean;
}

export interface OverSubscription {
  readonly hostCores: number;
  /** Threads that may want a core at the same time: virtual CPUs, or pool threads where machines are processes. */
  readonly busyThreads: number;
  /** Above 1 they take turns, and the tails of latencies are the host scheduler's. */
  readonly ratio: number;
  /** Threads that others kept running on this host before the run, on average over a minute. */
  readonly loadBefore: number;
}

export interface Provenance {
  readonly gitRevision: string | null;
  /** Files differ from that revision. */
  readonly gitDirty: boolean | null;
  /** What starts cxlpod where the run was started; `cxlpod` in older records. */
  readonly program?: string;
  /** From the run folder, which holds both files. */
  readonly commands: readonly string[];
  /** As the operator named it, from where the run was started. */
  readonly scenarioFile: string;
  readonly host: { readonly kernel: string; readonly memoryBytes: number };
}
