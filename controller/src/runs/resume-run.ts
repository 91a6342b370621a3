/**
 * Ends a run whose controller is gone: grants the fences that are pending, lets the workers end what they are at, collects the evidence, judges.
 * What the workload measured went with its controller; history, pool and logs did not.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { inspectPoolFile, type PoolInspection } from '@cxlpod/agent/inspect';
import type { AgentEvent } from '@cxlpod/agent/protocol';
import { collectLogs } from '../cluster/collect-logs.ts';
import { openMachines } from '../cluster/open-pod.ts';
import { podPaths } from '../cluster/pod-paths.ts';
import { readPodState } from '../cluster/pod-state.ts';
import type { AgentConnection } from '../deploy/agent-connection.ts';
import { attachToMachine } from '../deploy/deploy-agent.ts';
import type { Machine, PodPaths } from '../provider/provider.ts';
import { type RecoveryOutcome, type RecoveryService, startRecovery } from '../recovery/index.ts';
import { Timeline } from '../traces/timeline.ts';
import { auditedPool } from './audited-pool.ts';
import { type BegunRun, forgetBegunRun, readBegunRun } from './begun-run.ts';
import { writeRunRecord } from './conclude-run.ts';
import type { FaultOutcome, Leftovers, RunHistory, SeenExit } from './evidence.ts';
import { lookForLeftovers } from './look-for-leftovers.ts';
import { readRunHistory } from './read-history.ts';
import type { RunFolder } from './run-folder.ts';
import type { ControllerGone, RunRecord } from './run-record.ts';
import { saveHistory } from './saved-history.ts';

const attachWithinMs = 10_000;
const tasksEndWithinMs = 90_000;
const lookEveryMs = 100;
const askWithinMs = 10_000;
const stopWithinMs = 60_000;
const recoverWithinMs = 30_000;

interface Found {
  readonly machine: Machine;
  /** Null where nobody answers. */
  readonly agent: AgentConnection | null;
}

/** Writes everything but the report. Throws `NOT_BEGUN`. */
export async function resumeRun(
  folder: RunFolder,
  { signal, say }: { readonly signal: AbortSignal; say(text: string): void },
): Promise<RunRecord> {
  const begun = readBegunRun(folder);
  const resumed = new Resumed(begun, folder, say);
  try {
    await resumed.find(signal);
    await resumed.end(signal);
    return await resumed.conclude();
  } finally {
    await resumed.close();
  }
}

class Resumed {
  readonly #begun: BegunRun;
  readonly #folder: RunFolder;
  readonly #paths: PodPaths;
  readonly #timeline = new Timeline();
  readonly #gone: ControllerGone;
  readonly #exits: SeenExit[];
  readonly #asked = new Set<number>();
  readonly #missing: string[] = ['what the workload measured: its controller was killed'];
  readonly #say: (text: string) => void;
  #found: readonly Found[] = [];
  #recovery: RecoveryService | null = null;
  #stubborn = 0;

  constructor(begun: BegunRun, folder: RunFolder, say: (text: string) => void) {
    this.#begun = begun;
    this.#folder = folder;
    this.#paths = podPaths(begun.pod);
    this.#exits = [...begun.exits];
    this.#say = say;
    this.#gone = { pid: begun.controller, from: begun.toldAt, to: new Date().toISOString() };
  }

  /** The machines that are left, and what happened on them meanwhile. */
  async find(signal: AbortSignal): Promise<void> {
    const state = await readPodState(this.#paths);
    if (state === null) {
      this.#missing.push(`pod ${this.#begun.pod}: it is gone`);
      return;
    }
    this.#found = await Promise.all(
      (await openMachines(state)).map(async (machine) => ({ machine, agent: await this.#attach(machine, signal) })),
    );
    const { fence, lease } = this.#begun.scenario.recovery;
    this.#recovery = await startRecovery({ machines: this.#found, paths: this.#paths }, this.#timeline, {
      fence,
      leaseMs: lease,
    });
  }

  /** Everybody ends what they are at and leaves; the dead are fenced and recovered. */
  async end(signal: AbortSignal): Promise<void> {
    this.#say('resume: waits until the workers have ended what they are at');
    await Promise.all(this.#found.map((each) => this.#endWorkers(each, signal)));
    await this.#recovery?.finish({ deadlineMs: recoverWithinMs });
    for (const { machine } of this.#found) if (!(await machine.isAlive())) this.#endedWith(machine.name);
    await this.#recovery?.[Symbol.asyncDispose]();
  }

  async conclude(): Promise<RunRecord> {
    const { scenario, topology, environment, firstTicket } = this.#begun;
    const pool = await this.#attempt<PoolInspection>('the pool', async () => inspectPoolFile(this.#paths.poolFile));
    const history = await this.#attempt<RunHistory>('the history', async () =>
      readRunHistory(this.#paths.historyFile, firstTicket),
    );
    const leftovers = await this.#leftovers(pool);
    this.#folder.writeJson('pool/audit.json', pool);
    if (history !== null) saveHistory(this.#folder, history);
    const machines = this.#found.map(({ machine }) => machine);
    await this.#attempt('the logs', () => collectLogs(machines, this.#paths, this.#folder.join('machines')));
    const evidence = {
      ...{ scenario, machines: topology.machines, workload: null, exits: this.#exits, faults: this.#faults() },
      recoveries: this.#recoveries(),
      ...{ history, pool: pool === null ? null : auditedPool(pool), leftovers },
    };
    const record = await writeRunRecord({
      ...{ folder: this.#folder, pod: this.#begun.pod, paths: this.#paths, scenarioFile: this.#begun.scenarioFile },
      ...{ topology, environment, loadBefore: this.#begun.loadBefore, startedAt: new Date(this.#begun.startedAt) },
      ...{ timeline: this.#timeline, evidence, error: null, latencies: [], deaths: [], missing: this.#missing },
      restarts: { workers: this.#begun.workerRestarts, channels: 0, stubbornWorkers: this.#stubborn },
      controllerGone: this.#gone,
    });
    forgetBegunRun(this.#folder);
    return record;
  }

  async close(): Promise<void> {
    await this.#recovery?.[Symbol.asyncDispose]();
    await Promise.allSettled(this.#found.map(({ agent }) => agent?.close()));
    await Promise.allSettled(this.#found.map(({ machine }) => machine.close()));
  }

  /** The agent repeats what it told the controller that is gone, and what it could tell nobody. */
  async #attach(machine: Machine, signal: AbortSignal): Promise<AgentConnection | null> {
    if (!(await machine.isAlive())) return null;
    const onEvent = (event: AgentEvent): void => this.#onEvent(machine.name, event);
    return attachToMachine(machine, { attachWithinMs, signal, onEvent }).catch(() => null);
  }

  #onEvent(machine: string, event: AgentEvent): void {
    if (event.event !== 'worker-exited') return;
    const { event: _, ...exit } = event;
    const isOfThisRun = this.#begun.hired.some(
      (each) => each.machine === machine && each.worker === exit.worker && each.pid === exit.pid,
    );
    const isKnown = this.#exits.some((each) => each.machine === machine && each.worker === exit.worker && each.pid === exit.pid);
    if (isOfThisRun && !isKnown) this.#exits.push({ ...exit, machine, asked: this.#asked.has(exit.pid) });
  }

  /** Those whose machine has ended have ended with it. */
  #endedWith(machine: string): void {
    for (const { worker, pid } of this.#begun.hired.filter((each) => each.machine === machine)) {
      if (this.#exits.some((each) => each.machine === machine && each.worker === worker && each.pid === pid)) continue;
      const { ns: atNs } = this.#timeline.now();
      this.#exits.push({
        ...{ machine, worker, pid, exitCode: null, signal: null, fenced: null, atNs },
        asked: false,
        withMachine: true,
      });
    }
  }

  async #endWorkers({ machine, agent }: Found, signal: AbortSignal): Promise<void> {
    if (agent === null) return;
    const endMs = performance.now() + tasksEndWithinMs;
    try {
      while (performance.now() < endMs && !signal.aborted) {
        const { workers } = await agent.request('status', {}, { timeoutMs: askWithinMs });
        if (workers.every(({ task }) => task === null)) break;
        await delay(lookEveryMs, undefined, { signal }).catch(() => {});
      }
      const { workers } = await agent.request('status', {}, { timeoutMs: askWithinMs });
      for (const { worker, pid, task } of workers) {
        this.#asked.add(pid);
        const how = task === null && !signal.aborted ? 'graceful' : 'kill';
        if (how === 'kill') this.#stubborn++;
        await agent.request('stopWorker', { worker, how }, { timeoutMs: stopWithinMs });
      }
    } catch (error) {
      this.#missing.push(`the ends of the workers on ${machine.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async #leftovers(pool: PoolInspection | null): Promise<Leftovers> {
    const attached = this.#found.flatMap(({ machine, agent }) => (agent === null ? [] : [{ machine, agent }]));
    const { found, unseen } = await lookForLeftovers({ machines: attached }, pool);
    const silent = this.#found.filter(({ agent }) => agent === null);
    const unreached: string[] = [];
    // On a machine that has ended nothing can be left.
    for (const { machine } of silent) if (await machine.isAlive()) unreached.push(`${machine.name}: nobody answers`);
    return { found, unseen: [...unseen, ...unreached] };
  }

  /** Whom the other one had left pending and this one found pending no more was recovered in its last moment. */
  #recoveries(): readonly RecoveryOutcome[] {
    const own = this.#recovery?.outcomes() ?? [];
    const earlier = this.#begun.recoveries.filter(
      ({ id, incarnation }) => !own.some((each) => each.id === id && each.incarnation === incarnation),
    );
    const isSettled = this.#recovery !== null;
    return [
      ...earlier.map((each) => (each.state === 'pending' && isSettled ? { ...each, state: 'gone' as const } : each)),
      ...own,
    ];
  }

  /** That this one had to come is what the fault did. */
  #faults(): readonly FaultOutcome[] {
    const { pid, from, to } = this.#gone;
    const now = this.#timeline.now();
    const seconds = (Date.parse(to) - Date.parse(from)) / 1_000;
    return this.#begun.faults.map((outcome) =>
      outcome.kind !== 'killController'
        ? outcome
        : {
            ...outcome,
            struckAt: { ...now, ns: now.ns - (Date.now() - Date.parse(from)) * 1e6 },
            healedAt: now,
            seen: {
              sentence: `the controller, process ${pid}, was gone for ${seconds.toFixed(1)} s, from ${from} to ${to}`,
              evidence: { pid, from, to },
            },
          },
    );
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
