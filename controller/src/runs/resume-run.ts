/**
 * Goes on with a run whose controller is gone, where it stood: what was asked of workers is answered by their agents, what had been struck is
 * struck to its end and healed, the dead are fenced and recovered; then it is judged like any other.
 */
import { existsSync } from 'node:fs';
import type { AgentEvent } from '@cxlpod/agent/protocol';
import { openMachines } from '../cluster/open-pod.ts';
import type { PodMachine } from '../cluster/pod.ts';
import { podPaths } from '../cluster/pod-paths.ts';
import { type PodState, readPodState } from '../cluster/pod-state.ts';
import { agentDied } from '../cluster/restart-agent.ts';
import { RunningPod } from '../cluster/running-pod.ts';
import { attachToMachine } from '../deploy/deploy-agent.ts';
import { goneAgent } from '../deploy/gone-agent.ts';
import { CxlpodError, environmentError } from '../errors/cxlpod-error.ts';
import type { Machine, PodPaths } from '../provider/provider.ts';
import { Timeline } from '../traces/timeline.ts';
import { type BegunRun, forgetBegunRun, readBegunRun } from './begun-run.ts';
import { writeRunRecord } from './conclude-run.ts';
import type { FaultOutcome } from './evidence.ts';
import { Journal, type Past, readJournal, unsent } from './journal.ts';
import { requireLastOnPod } from './last-on-pod.ts';
import type { RunFolder } from './run-folder.ts';
import type { ControllerGone, RunRecord } from './run-record.ts';
import { continueScenario } from './run-scenario.ts';
import { isOpen, type PastStrikes } from './strike-faults.ts';

/** Nothing hurries, and on starved cores an emulated machine takes a minute to shake hands. */
const attachWithinMs = 120_000;
const killKind = 'killController';

export interface ResumeOptions {
  readonly signal: AbortSignal;
  say(text: string): void;
}

/** Writes everything but the report. Throws `NOT_BEGUN`, and `BEGUN_UNREADABLE` or `POD_USED_SINCE` for what cannot be gone on with. */
export async function resumeRun(folder: RunFolder, options: ResumeOptions): Promise<RunRecord> {
  const begun = readBegunRun(folder);
  const gone = { pid: begun.controller, from: begun.toldAt, to: new Date().toISOString() };
  const paths = podPaths(begun.pod);
  const state = await readPodState(paths);
  if (state === null || state.environment === null || !existsSync(paths.poolFile))
    return concludeWithoutPod(begun, folder, paths, gone);
  requireLastOnPod(begun, folder, paths);

  const journal = readJournal(folder);
  const found = await new Search(begun, journal, options).find(state);
  const { topology, environment } = state;
  await using pod = new RunningPod({ name: begun.pod, topology, environment, paths, machines: found.machines });
  options.say(`resume: goes on with ${begun.scenario.name}, whose controller was last heard of at ${gone.from}`);
  return await continueScenario(
    { pod, loaded: { scenario: begun.scenario, text: '', fileName: begun.scenarioFile }, folder, ...options },
    {
      ...{ begun, hires: journal.hires, dismissed: journal.dismissed, memory: begun.crew },
      ...{ strikes: strikesOf(begun, gone), gone: [...begun.gone, gone] },
      ...{ told: found.told, ended: found.ended, agentless: found.agentless, unreached: found.unreached },
    },
  );
}

/** The machines that are left, and what happened on them meanwhile. */
class Search {
  readonly told: { machine: string; event: AgentEvent }[] = [];
  readonly ended: string[] = [];
  readonly agentless: string[] = [];
  readonly unreached: string[] = [];
  machines: readonly PodMachine[] = [];
  readonly #begun: BegunRun;
  readonly #journal: Past;
  readonly #options: ResumeOptions;

  constructor(begun: BegunRun, journal: Past, options: ResumeOptions) {
    this.#begun = begun;
    this.#journal = journal;
    this.#options = options;
  }

  async find(state: PodState): Promise<this> {
    this.machines = await Promise.all((await openMachines(state)).map((machine) => this.#attach(machine)));
    return this;
  }

  /** The agent repeats what it told the controller that is gone, and what it could tell nobody. */
  async #attach(machine: Machine): Promise<PodMachine> {
    const { name } = machine;
    const without = (why: CxlpodError): PodMachine => {
      this.unreached.push(name);
      return { machine, agent: goneAgent(name, why) };
    };
    if (!(await machine.isAlive())) {
      if (this.#hasLostItsAgentOnly(name)) return without(environmentError(agentDied, `the agent of ${name} has ended`));
      this.ended.push(name);
      return without(environmentError('MACHINE_ENDED', `${name} has ended`));
    }
    if (await machine.isFrozen()) {
      if (this.#isOpen(name, isEndOfMachine)) return without(environmentError('CHANNEL_LOST', `${name} stands still`));
      // Whoever was to let it go on is gone.
      for (const how of ['container', 'cpus'] as const) await machine.resume(how);
    }
    if (this.#isOpen(name, (kind) => kind === 'cutLink')) await machine.setLink('control', true);
    const { signal } = this.#options;
    const onEvent = (event: AgentEvent): void => void this.told.push({ machine: name, event });
    try {
      return { machine, agent: await attachToMachine(machine, { attachWithinMs, signal, onEvent, resume: this.#untold(name) }) };
    } catch (error) {
      const why =
        error instanceof CxlpodError ? error : environmentError('CHANNEL_LOST', `${name} does not answer`, { cause: error });
      if (why.code === agentDied) this.agentless.push(name);
      else if (!this.#isOpen(name, () => true)) throw why;
      return without(why);
    }
  }

  /** On provider local a machine is its processes, and may have none but its agent. */
  #hasLostItsAgentOnly(machine: string): boolean {
    const isLocal = this.#begun.environment.provider === 'local';
    return isLocal && this.#isOpen(machine, isEndOfAgent) && !this.#isOpen(machine, isEndOfMachine);
  }

  /** What its agent was asked, and nobody was told: of the session that came last. */
  #untold(machine: string) {
    const requests = this.#journal.hires
      .flatMap((hire) => [hire, ...hire.tasks])
      .filter(({ post, asked }) => post.machine === machine && asked.session !== unsent)
      .sort((a, b) => a.sentNs - b.sentNs);
    const last = requests.at(-1);
    return last === undefined
      ? []
      : requests.flatMap(({ asked, answer }) => (answer === null && asked.session === last.asked.session ? [asked] : []));
  }

  #isOpen(machine: string, isMeant: (kind: string) => boolean): boolean {
    const { scenario, strikes, faults } = this.#begun;
    return scenario.faults.some((fault, index) => {
      const { kind } = faults[index]!;
      if (!isOpen(strikes[index]!) || !isMeant(kind)) return false;
      const named = Object.values(fault)[0] as { readonly machine?: string; readonly on?: string };
      const where = named.machine ?? named.on;
      return where === undefined || where === machine;
    });
  }
}

function isEndOfAgent(kind: string): boolean {
  return ['killAgent', 'killRecoverer'].includes(kind);
}

function isEndOfMachine(kind: string): boolean {
  return ['powerOff', 'killContainer', 'allPowerOff'].includes(kind);
}

/** That another controller had to come is what the fault did. */
function strikesOf({ faults, strikes }: BegunRun, { pid, from, to }: ControllerGone): PastStrikes {
  const isDoing = (index: number): boolean => faults[index]!.kind === killKind && strikes[index] === 'striking';
  return {
    outcomes: faults.map((outcome, index) => (isDoing(index) ? struckBy(outcome, { pid, from, to }) : outcome)),
    states: strikes.map((state, index) => (isDoing(index) ? 'over' : state)),
  };
}

function struckBy(outcome: FaultOutcome, { pid, from, to }: ControllerGone): FaultOutcome {
  const now = new Timeline().now();
  const seconds = (Date.parse(to) - Date.parse(from)) / 1_000;
  return {
    ...outcome,
    struckAt: { ...now, ns: now.ns - (Date.now() - Date.parse(from)) * 1e6 },
    healedAt: now,
    seen: {
      sentence: `the controller, process ${pid}, was gone for ${seconds.toFixed(1)} s, from ${from} to ${to}`,
      evidence: { pid, from, to },
    },
  };
}

/** The pod went with its controller: what it had told is all that there is. */
async function concludeWithoutPod(begun: BegunRun, folder: RunFolder, paths: PodPaths, gone: ControllerGone): Promise<RunRecord> {
  const { scenario, topology, environment } = begun;
  folder.writeJson('pool/audit.json', null);
  const record = await writeRunRecord({
    ...{ folder, pod: begun.pod, paths, scenarioFile: begun.scenarioFile, topology, environment },
    ...{ loadBefore: begun.loadBefore, startedAt: new Date(begun.startedAt), timeline: new Timeline() },
    evidence: {
      ...{ scenario, machines: topology.machines, workload: null, exits: begun.crew.exits.map(({ exit }) => exit) },
      ...{ faults: strikesOf(begun, gone).outcomes, recoveries: begun.recoveries, history: null, pool: null, leftovers: null },
    },
    ...{ error: null, latencies: [], deaths: [], missing: [`pod ${begun.pod}: it is gone, with all that was in it`] },
    restarts: { workers: begun.crew.restarts, channels: 0, stubbornWorkers: 0 },
    controllerGone: gone,
  });
  forgetBegunRun(folder);
  new Journal(folder).remove();
  return record;
}
