/** One execution of a scenario on a pod that is up: from its run folder to its verdict. */
import { loadavg } from 'node:os';
import { inspectPoolFile, type PoolInspection } from '@cxlpod/agent/inspect';
import type { AgentEvent } from '@cxlpod/agent/protocol';
import { collectLogs } from '../cluster/collect-logs.ts';
import type { Pod } from '../cluster/pod.ts';
import type { LoadedScenario } from '../config/load-scenario.ts';
import { printTopology } from '../config/print-topology.ts';
import type { Scenario } from '../config/scenario.ts';
import { interruptedError } from '../errors/interrupted.ts';
import { createFaults } from '../faults/index.ts';
import { startAgent } from '../faults/kill-agent.ts';
import { bootAgain } from '../faults/machine-life.ts';
import { type RecoveryOutcome, type RecoveryService, startRecovery } from '../recovery/index.ts';
import type { Stamp } from '../traces/align-clocks.ts';
import { LatencyBook } from '../traces/latency-book.ts';
import { Timeline } from '../traces/timeline.ts';
import { workloads } from '../workload/index.ts';
import type { Workload, WorkloadContext } from '../workload/workload.ts';
import { auditedPool } from './audited-pool.ts';
import { type BegunFile, type BegunRun, keepBegunRun } from './begun-run.ts';
import { writeRunRecord } from './conclude-run.ts';
import { concreteScenario } from './concrete-scenario.ts';
import { Crew } from './crew/crew.ts';
import type { PastCrew } from './crew/past-crew.ts';
import type { Evidence, FaultOutcome, Leftovers, RunHistory } from './evidence.ts';
import { Journal } from './journal.ts';
import { keptScenario } from './kept-scenario.ts';
import { harmSpans, recoverySpans } from './lifelines.ts';
import { type LiveRun, tellLiveRun } from './live-run.ts';
import { lookForLeftovers } from './look-for-leftovers.ts';
import { orAborted } from './or-aborted.ts';
import { openProgress, type Progress } from './progress.ts';
import { makeRoom, nextTicket, readRunHistory } from './read-history.ts';
import { recordPace } from './record-pace.ts';
import { requireRunnable } from './require-runnable.ts';
import { describeError } from './run-error.ts';
import type { RunFolder } from './run-folder.ts';
import type { ControllerGone, RunError, RunRecord } from './run-record.ts';
import { savePool } from './save-pool.ts';
import { saveHistory } from './saved-history.ts';
import { StallWatch } from './stall-watch.ts';
import { type PastStrikes, Strikes } from './strike-faults.ts';
import type { Verdict } from './verdict.ts';

export interface RunOptions {
  readonly pod: Pod;
  readonly loaded: LoadedScenario;
  readonly folder: RunFolder;
  readonly signal: AbortSignal;
  say(text: string): void;
}

/** After the workload, for machines that ended at its end. */
const recoverWithinMs = 30_000;

const controllerLane = { machine: 'controller', name: 'run' };

/** Writes everything but the report. Throws when the run folder cannot be written, or the operator interrupts. */
export async function runScenario(options: RunOptions): Promise<RunRecord> {
  const scenario = concreteScenario(options.loaded.scenario, options.pod.topology.machines);
  requireRunnable(scenario, options.pod.topology);
  options.folder.write('scenario.yaml', keptScenario(options.loaded));
  options.folder.write('topology.yaml', printTopology(options.pod.topology));
  return finish(new Run(options, scenario, null));
}

/** What a controller that is gone has left of a run, for the one that goes on with it. */
export interface PastRun extends PastCrew {
  readonly begun: BegunRun;
  readonly strikes: PastStrikes;
  readonly gone: readonly ControllerGone[];
  /** What the agents have told since the first controller began. */
  readonly told: readonly { readonly machine: string; readonly event: AgentEvent }[];
  /** Machines that have ended, and those that live without an agent. */
  readonly ended: readonly string[];
  readonly agentless: readonly string[];
  /** Both, and those that stand still. */
  readonly unreached: readonly string[];
}

/**
 * Goes on with a run where a controller that is gone stood: through the same workload again, in which only what nobody has asked for is asked for, and
 * with the faults that are not over.
 */
export async function continueScenario(options: RunOptions, past: PastRun): Promise<RunRecord> {
  return finish(new Run(options, past.begun.scenario, past));
}

async function finish(run: Run): Promise<RunRecord> {
  try {
    await run.execute();
    await run.collect();
    return await run.conclude();
  } finally {
    run.close();
  }
}

function topologyOf({ topology: { name, machines, pool } }: Pod): RunRecord['topology'] {
  return { name, machines, poolBytes: pool.sizeBytes };
}

class Run {
  readonly #options: RunOptions;
  readonly #timeline = new Timeline();
  readonly #latencies = new LatencyBook();
  /** With its random parts drawn. */
  readonly #scenario: Scenario;
  readonly #strikes: Strikes;
  readonly #crew: Crew;
  readonly #startedAt: Date;
  readonly #loadBefore: number;
  readonly #journal: Journal;
  readonly #past: PastRun | null;
  #firstTicket: number;
  readonly #missing: string[] = [];
  #workload: Evidence['workload'] = null;
  #error: RunError | null = null;
  #stalls: StallWatch | null = null;
  #stubborn = 0;
  #recovery: RecoveryService | null = null;
  #pool: PoolInspection | null = null;
  #leftovers: Leftovers | null = null;
  #history: RunHistory | null = null;
  /** Workload and faults are over. */
  #endedAt: Stamp | null = null;
  #progress: Progress | null = null;
  /** The last that was read. */
  #operations: number | null = null;
  #phaseNow: LiveRun['phase'] = 'at work';
  #verdict: Verdict | null = null;
  readonly #live: { stop(): void };
  readonly #begun: BegunFile;

  constructor(options: RunOptions, scenario: Scenario, past: PastRun | null) {
    this.#options = options;
    this.#scenario = scenario;
    this.#past = past;
    this.#startedAt = past === null ? new Date() : new Date(past.begun.startedAt);
    this.#loadBefore = past?.begun.loadBefore ?? loadavg()[0]!;
    this.#strikes = new Strikes(createFaults(scenario), past?.strikes ?? null);
    this.#journal = new Journal(options.folder);
    this.#crew = new Crew(options.pod, this.#timeline, this.#strikes, { journal: this.#journal, mutant: scenario.core?.mutant });
    this.#firstTicket = past?.begun.firstTicket ?? nextTicket(options.pod.paths.historyFile);
    if (past !== null)
      this.#missing.push('what happened on the time line until the controller was killed, tasks and faults aside');
    this.#live = tellLiveRun(options.pod.paths, () => this.#now());
    this.#begun = keepBegunRun(options.folder, () => this.#soFar());
    this.#strikes.onChange = this.#crew.onChange = () => this.#begun.tell();
  }

  close(): void {
    this.#begun.stop();
    this.#phaseNow = 'over';
    this.#live.stop();
  }

  #now(): Omit<LiveRun, 'toldAt'> {
    if (this.#progress !== null) this.#operations = this.#progress.operations();
    return {
      run: this.#options.folder.name,
      scenario: this.#scenario.name,
      seed: this.#scenario.seed,
      startedAt: this.#startedAt.toISOString(),
      phase: this.#phaseNow,
      operations: this.#operations,
      faults: this.#strikes.outcomes,
      recoveries: this.#recoveries(),
      verdict: this.#verdict,
    };
  }

  #soFar(): Omit<BegunRun, 'format' | 'controller' | 'toldAt'> {
    const { pod, loaded } = this.#options;
    return {
      ...{ pod: pod.name, scenario: this.#scenario, scenarioFile: loaded.fileName, topology: topologyOf(pod) },
      ...{ environment: pod.environment, loadBefore: this.#loadBefore, startedAt: this.#startedAt.toISOString() },
      ...{ firstTicket: this.#firstTicket, faults: this.#strikes.outcomes, strikes: this.#strikes.states },
      ...{ recoveries: this.#recoveries(), crew: this.#crew.memory, hired: this.#crew.hired },
      ...{ stalls: this.#stalls?.memory ?? this.#past?.begun.stalls ?? null, gone: this.#past?.gone ?? [] },
    };
  }

  /** Workload and faults side by side; then everybody leaves the pool. */
  async execute(): Promise<void> {
    const { signal } = this.#options;
    try {
      await this.#clearWorkers();
      const { paths, topology } = this.#options.pod;
      // Nobody was hired yet, so nothing of this run is in the history.
      if (this.#past === null || this.#past.hires.length === 0) {
        makeRoom(paths.historyFile, topology.history.sizeBytes);
        // Again: until now, workers of an earlier run may have written.
        this.#firstTicket = nextTicket(paths.historyFile);
        this.#begun.tell();
      }
      if (this.#past !== null) await this.#resumeCrew(this.#past);
      const { fence, lease } = this.#scenario.recovery;
      this.#recovery = await startRecovery(this.#options.pod, this.#timeline, { fence, leaseMs: lease });
      this.#watchStalls();
      await this.#phase('workload and faults', () => this.#work());
    } catch (error) {
      this.#error = describeError(error);
    }
    try {
      const stubborn = await this.#phase('drain', () => this.#crew.dismiss({ how: signal.aborted ? 'kill' : 'graceful' }));
      this.#stubborn = stubborn.length;
    } catch (error) {
      // What can still be read is read: it may tell why.
      this.#error ??= describeError(error);
    } finally {
      this.#crew.close();
    }
    await this.#recoverTheDead();
    this.#stalls?.close();
    if (!signal.aborted) return;
    await this.#saveInterrupted();
    this.#begun.remove();
    this.#journal.remove();
    throw interruptedError(`run ${this.#scenario.name}`);
  }

  /** Of machines that have ended and that no fault has, the workers have ended with them; they boot again, for whoever is to go on there. */
  async #resumeCrew(past: PastRun): Promise<void> {
    await this.#crew.resume(past, past.told);
    for (const name of this.#lost(past.ended)) this.#crew.machineEnded(name);
  }

  /** Those of them that no fault has, which will heal them. */
  #lost(machines: readonly string[]): readonly string[] {
    return machines.filter((machine) => !this.#strikes.harms(machine));
  }

  /** What was lost while no controller was there. */
  async #bringBack(context: WorkloadContext): Promise<void> {
    if (this.#past === null) return;
    const [ended, agentless] = [this.#lost(this.#past.ended), this.#lost(this.#past.agentless)];
    if (ended.length > 0) context.say(await bootAgain(context, ended));
    for (const name of agentless) context.say(await startAgent(context, name));
  }

  /** Whom the other one had left pending and this one found pending no more was recovered in its last moment. */
  #recoveries(): readonly RecoveryOutcome[] {
    const own = this.#recovery?.outcomes() ?? [];
    const earlier = (this.#past?.begun.recoveries ?? []).filter(
      ({ id, incarnation }) => !own.some((each) => each.id === id && each.incarnation === incarnation),
    );
    const isSettled = this.#phaseNow === 'collecting and judging';
    return [
      ...earlier.map((each) => (each.state === 'pending' && isSettled ? { ...each, state: 'gone' as const } : each)),
      ...own,
    ];
  }

  /** Only where somebody is to die: looking costs some of the cores. */
  #watchStalls(): void {
    const { pod } = this.#options;
    if (this.#scenario.faults.length === 0) return;
    const { historyFile } = pod.paths;
    const { machines } = pod.topology;
    this.#stalls = new StallWatch({
      ...{ historyFile, firstTicket: this.#firstTicket, machines, timeline: this.#timeline },
      past: this.#past?.begun.stalls ?? null,
    });
  }

  async #recoverTheDead(): Promise<void> {
    this.#phaseNow = 'fencing and recovering';
    const service = this.#recovery;
    if (service === null) return;
    if (!this.#options.signal.aborted) {
      await this.#phase('fence and recover', () => service.finish({ deadlineMs: recoverWithinMs }));
    }
    await service[Symbol.asyncDispose]();
  }

  /** Reads what is left: pool, history, logs. What cannot be had is noted, and judged as missing. */
  async collect(): Promise<void> {
    const { pod, folder, say } = this.#options;
    this.#phaseNow = 'collecting and judging';
    say('collecting pool, history, logs');
    await this.#phase('audit', async () => {
      this.#pool = await this.#attempt('the pool', async () => inspectPoolFile(pod.paths.poolFile));
      this.#history = await this.#attempt('the history', async () => readRunHistory(pod.paths.historyFile, this.#firstTicket));
    });
    this.#leftovers = await lookForLeftovers(pod, this.#pool);
    folder.writeJson('pool/audit.json', this.#pool);
    if (this.#history !== null) saveHistory(folder, this.#history);
    for (const { file, text } of this.#latencies.logs()) folder.write(file, text);
    await this.#phase('logs', () =>
      this.#attempt('the logs', () =>
        collectLogs(
          pod.machines.map(({ machine }) => machine),
          pod.paths,
          folder.join('machines'),
        ),
      ),
    );
  }

  /** What Ctrl-C leaves for whoever wonders why it took so long. */
  async #saveInterrupted(): Promise<void> {
    const { pod, folder, say } = this.#options;
    say(`keeping pool, history, logs: ${folder.path}`);
    await this.collect();
    await this.#attempt('the image of the pool', () => savePool(pod.paths.poolFile, folder));
  }

  async conclude(): Promise<RunRecord> {
    const { pod, loaded, folder } = this.#options;
    const { topology, environment } = pod;
    this.#timeline.spans.push(
      ...harmSpans(this.#strikes.outcomes, topology.machines, this.#endedAt ?? this.#timeline.now()),
      ...recoverySpans(this.#recoveries()),
    );
    const record = await writeRunRecord({
      ...{ folder, pod: pod.name, paths: pod.paths, scenarioFile: loaded.fileName, environment },
      topology: topologyOf(pod),
      ...{ loadBefore: this.#loadBefore, startedAt: this.#startedAt, timeline: this.#timeline, evidence: this.#evidence() },
      ...{ error: this.#error, latencies: this.#latencies.series(), missing: this.#missing },
      deaths: this.#stalls?.deaths(this.#recoveries()) ?? [],
      restarts: {
        workers: this.#crew.restarts,
        channels: pod.machines.reduce((sum, { agent }) => sum + agent.reattachCount, 0),
        stubbornWorkers: this.#stubborn,
      },
      ...(this.#past === null ? {} : { controllerGone: this.#past.gone.at(-1)! }),
    });
    this.#verdict = record.verdict;
    this.#begun.remove();
    this.#journal.remove();
    return record;
  }

  #evidence(): Evidence {
    return {
      scenario: this.#scenario,
      machines: this.#options.pod.topology.machines,
      workload: this.#workload,
      exits: this.#crew.exits,
      recoveries: this.#recoveries(),
      faults: this.#strikes.outcomes,
      history: this.#history,
      pool: this.#pool === null ? null : auditedPool(this.#pool),
      leftovers: this.#leftovers,
    };
  }

  /** Workers that a killed controller left on the pod would hold the names and the cores that this run needs. */
  async #clearWorkers(): Promise<void> {
    const own = this.#past?.hires.map(({ post }) => `${post.machine}/${post.worker}`) ?? [];
    for (const { machine, agent } of this.#options.pod.machines) {
      if (this.#past?.unreached.includes(machine.name) === true) continue;
      const { workers } = await agent.request('status', {});
      for (const { worker } of workers.filter((each) => !own.includes(`${machine.name}/${each.worker}`))) {
        this.#options.say(`${machine.name}: ends worker ${worker}, left by an earlier run`);
        await agent.request('stopWorker', { worker, how: 'kill' });
      }
    }
  }

  async #work(): Promise<void> {
    const { pod, signal, say } = this.#options;
    const { timeline, latencies } = { timeline: this.#timeline, latencies: this.#latencies };
    const { seed, workload: parameters } = this.#scenario;
    const endFaults = async (): Promise<void> => {
      const failed = await this.#strikes.end();
      if (failed !== null) this.#error ??= describeError(failed.error);
    };
    const firstTicket = this.#firstTicket;
    const keep = (from: string, to: string): void => this.#options.folder.copy(from, to);
    const faults = (): readonly FaultOutcome[] => this.#strikes.outcomes;
    const tokenBase = this.#startedAt.getTime();
    const toolsOfRun = { firstTicket, tokenBase, signal, faults, endFaults, keep, say };
    const context: WorkloadContext = { pod, crew: this.#crew, timeline, latencies, seed, ...toolsOfRun };
    const workload: Workload = workloads[parameters.name] as unknown as Workload;
    const progress = openProgress(pod.paths, this.#firstTicket);
    this.#strikes.begin(context, progress);
    // Whoever measures how fast something is gets nobody who reads beside it.
    const stopPace = this.#scenario.faults.length > 0 ? recordPace(progress, this.#timeline) : null;
    if (stopPace !== null) this.#progress = progress;
    try {
      const back = this.#bringBack(context);
      const [result] = await orAborted(Promise.all([workload.run(parameters, context), back]), signal);
      this.#workload = { name: workload.name, result };
    } finally {
      await endFaults();
      this.#endedAt = this.#timeline.now();
      stopPace?.();
      this.#progress = null;
      progress.close();
    }
  }

  #phase<T>(name: string, act: () => Promise<T>): Promise<T> {
    return this.#timeline.during(controllerLane, 'phase', name, act);
  }

  async #attempt<T>(what: string, act: () => Promise<T>): Promise<T | null> {
    try {
      return await act();
    } catch (error) {
      this.#missing.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
      return null;
    }
  }
}
