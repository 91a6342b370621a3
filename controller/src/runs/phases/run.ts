/** One run: what all of its phases work with, and what they have seen so far. */
import { loadavg } from 'node:os';
import type { PoolInspection } from '@cxlpod/agent/inspect';
import type { Pod } from '../../cluster/pod.ts';
import type { LoadedScenario } from '../../config/load-scenario.ts';
import type { Scenario } from '../../config/scenario.ts';
import { createFaults } from '../../faults/index.ts';
import type { RecoveryOutcome, RecoveryService } from '../../recovery/index.ts';
import type { Stamp } from '../../traces/align-clocks.ts';
import { LatencyBook } from '../../traces/latency-book.ts';
import { Timeline } from '../../traces/timeline.ts';
import { auditedPool } from '../audited-pool.ts';
import { Crew } from '../crew/crew.ts';
import type { Evidence, Leftovers, RunHistory } from '../evidence.ts';
import { Journal } from '../journal.ts';
import type { LiveRun } from '../live-run.ts';
import type { Progress } from '../progress.ts';
import { nextTicket } from '../read-history.ts';
import { describeError } from '../run-error.ts';
import type { RunFolder } from '../run-folder.ts';
import type { RunError } from '../run-record.ts';
import type { StallWatch } from '../stall-watch.ts';
import { Strikes } from '../strike-faults.ts';
import type { Verdict } from '../verdict.ts';
import type { PastRun } from './past-run.ts';

export interface RunOptions {
  readonly pod: Pod;
  readonly loaded: LoadedScenario;
  readonly folder: RunFolder;
  readonly signal: AbortSignal;
  say(text: string): void;
}

const controllerLane = { machine: 'controller', name: 'run' };

export class Run {
  readonly options: RunOptions;
  /** With its random parts drawn. */
  readonly scenario: Scenario;
  /** What a controller that is gone has left of it. */
  readonly past: PastRun | null;
  readonly startedAt: Date;
  readonly loadBefore: number;
  readonly timeline = new Timeline();
  readonly latencies = new LatencyBook();
  readonly journal: Journal;
  readonly strikes: Strikes;
  readonly crew: Crew;

  phaseNow: LiveRun['phase'] = 'at work';
  /** Where it begins in the history of the pod. */
  firstTicket: number;
  /** While the workload is at it and faults may strike. */
  progress: Progress | null = null;
  recovery: RecoveryService | null = null;
  stalls: StallWatch | null = null;
  workload: Evidence['workload'] = null;
  /** When workload and faults were over. */
  endedAt: Stamp | null = null;
  /** Workers that had to be killed, since they did not leave. */
  stubborn = 0;
  pool: PoolInspection | null = null;
  history: RunHistory | null = null;
  leftovers: Leftovers | null = null;
  /** What could not be had, and why. */
  readonly missing: string[] = [];
  verdict: Verdict | null = null;
  #error: RunError | null = null;

  constructor(options: RunOptions, scenario: Scenario, past: PastRun | null) {
    this.options = options;
    this.scenario = scenario;
    this.past = past;
    this.startedAt = past === null ? new Date() : new Date(past.begun.startedAt);
    this.loadBefore = past?.begun.loadBefore ?? loadavg()[0]!;
    this.journal = new Journal(options.folder);
    this.strikes = new Strikes(createFaults(scenario), past?.strikes ?? null);
    this.crew = new Crew(options.pod, this.timeline, this.strikes, { journal: this.journal, mutant: scenario.core?.mutant });
    this.firstTicket = past?.begun.firstTicket ?? nextTicket(options.pod.paths.historyFile);
    if (past !== null)
      this.missing.push('what happened on the time line until the controller was killed, tasks and faults aside');
  }

  /** What ended it early: the first that did. */
  get error(): RunError | null {
    return this.#error;
  }

  fail(error: unknown): void {
    this.#error ??= describeError(error);
  }

  /** Whom the other controller had left pending and this one found pending no more was recovered in its last moment. */
  get recoveries(): readonly RecoveryOutcome[] {
    const own = this.recovery?.outcomes() ?? [];
    const earlier = (this.past?.begun.recoveries ?? []).filter(
      ({ id, incarnation }) => !own.some((each) => each.id === id && each.incarnation === incarnation),
    );
    const isSettled = this.phaseNow === 'collecting and judging';
    return [
      ...earlier.map((each) => (each.state === 'pending' && isSettled ? { ...each, state: 'gone' as const } : each)),
      ...own,
    ];
  }

  get evidence(): Evidence {
    const { scenario, workload, recoveries, history, leftovers } = this;
    return {
      ...{ scenario, machines: this.options.pod.topology.machines, workload, exits: this.crew.exits, recoveries },
      ...{ faults: this.strikes.outcomes, history, leftovers },
      pool: this.pool === null ? null : auditedPool(this.pool),
    };
  }

  /** Draws `act` on the time line. */
  during<T>(name: string, act: () => Promise<T>): Promise<T> {
    return this.timeline.during(controllerLane, 'phase', name, act);
  }

  /** Null for what cannot be had: it is noted, and judged as missing. */
  async attempt<T>(what: string, act: () => Promise<T>): Promise<T | null> {
    try {
      return await act();
    } catch (error) {
      this.missing.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
      return null;
    }
  }
}
