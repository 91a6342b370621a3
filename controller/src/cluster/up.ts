/** From a topology to a pod whose memory is proved coherent; or back to nothing. */
import { readHostMemory, requireFits } from '../config/fits-host.ts';
import type { Topology } from '../config/topology.ts';
import { usageError } from '../errors/cxlpod-error.ts';
import { findProvider } from '../provider/find-provider.ts';
import type { Environment, Machine, MachinePlan, PodPaths, Provider, ProviderName } from '../provider/provider.ts';
import { observerFor } from '../steps/observer.ts';
import { runPlan } from '../steps/run-plan.ts';
import type { Lane, Plan, Step } from '../steps/step.ts';
import { shortHash } from '../steps/took.ts';
import { requireNotElsewhere } from './find-pods.ts';
import type { GateReport } from './gate.ts';
import { hintToKeptLogs } from './kept-logs.ts';
import { machinePlans } from './machine-plan.ts';
import { machineSteps } from './machine-steps.ts';
import type { Pod, PodMachine } from './pod.ts';
import { lockPod } from './pod-lock.ts';
import { podPaths } from './pod-paths.ts';
import { readPodState, writePodState } from './pod-state.ts';
import { formatPool } from './prepare-pool.ts';
import { type EngineNeed, removePod } from './remove-pod.ts';
import { runGate } from './run-gate.ts';
import { closeAll, RunningPod } from './running-pod.ts';
import { saveFailedLogs } from './save-failed-logs.ts';

export interface UpOptions {
  readonly topology: Topology;
  readonly signal: AbortSignal;
  readonly quiet: boolean;
  /** For people; progress goes its own way. */
  say(text: string): void;
}

export interface UpPod {
  readonly pod: Pod;
  readonly gate: GateReport;
}

const stepDeadlineMs = 30_000;
/** Choosing an accelerator may boot a probe machine. */
const prepareDeadlineMs = 90_000;

/** Throws, with everything taken back, when any step fails or the operator interrupts. */
export async function upPod(options: UpOptions): Promise<UpPod> {
  const { topology, signal, quiet } = options;
  const lock = await lockPod(topology.name, 'up');
  try {
    const build = new Build(options, await findProvider(topology.provider));
    const plan = build.plan();
    const observer = await observerFor(plan, { quiet, key: keyOf(topology) });
    try {
      await runPlan(plan, { signal, observer, what: `up ${topology.name}` });
    } catch (error) {
      throw hintToKeptLogs(error, build.keptLogs);
    }
    return build.result();
  } finally {
    await lock.release();
  }
}

/** Pods that differ in their names only take as long as each other. */
function keyOf({ name: _, ...alike }: Topology): string {
  return `up ${alike.provider}, ${alike.machines.length} machines, ${shortHash(alike)}`;
}

/** What has been made so far. */
class Build {
  readonly #options: UpOptions;
  readonly #topology: Topology;
  readonly #provider: Provider;
  readonly #paths: PodPaths;
  readonly #machines = new Map<string, Machine>();
  readonly #connected: PodMachine[] = [];
  readonly #startedAt = new Date();
  #environment: Environment | null = null;
  #gate: GateReport | null = null;
  #leftoverProvider: ProviderName | null = null;
  /** Where what the machines of an `up` that failed wrote is kept. */
  keptLogs: string | null = null;

  constructor(options: UpOptions, provider: Provider) {
    this.#options = options;
    this.#topology = options.topology;
    this.#provider = provider;
    this.#paths = podPaths(options.topology.name);
  }

  plan(): Plan {
    const lanes = machinePlans(this.#topology.name, this.#topology, this.#paths).map((plan) => this.#lane(plan));
    return [
      this.#checkHost(),
      this.#clearLeftovers(),
      this.#createShared(),
      { name: 'machines', together: lanes },
      this.#format(),
      this.#coherence(),
      this.#declareUp(),
    ];
  }

  result(): UpPod {
    const pod = new RunningPod({
      name: this.#topology.name,
      topology: this.#topology,
      environment: this.#environment!,
      paths: this.#paths,
      machines: this.#connected,
    });
    return { pod, gate: this.#gate! };
  }

  #checkHost(): Step {
    return {
      name: 'check the host',
      deadlineMs: prepareDeadlineMs,
      run: async ({ signal, note }) => {
        await this.#refuseSecondUp();
        await requireNotElsewhere(this.#topology.name, this.#engineNeed());
        this.#environment = await this.#provider.prepare(this.#topology, signal);
        const { accelerator, acceleratorReason } = this.#environment;
        note(`${accelerator === 'none' ? 'no emulation' : `accelerator ${accelerator}`}: ${acceleratorReason}`);
      },
    };
  }

  /** Whatever an `up` that was killed, or a host that went down, has left of a pod with this name. */
  #clearLeftovers(): Step {
    return {
      name: 'clear leftovers',
      deadlineMs: stepDeadlineMs,
      run: async ({ note }) => {
        const removed = await removePod(this.#topology.name, this.#engineNeed());
        if (removed.length > 0) note(`removed ${removed.join(', ')}`);
        // Not before: leftovers may hold the very memory that is needed.
        requireFits(this.#topology, readHostMemory());
      },
    };
  }

  #createShared(): Step {
    return {
      name: 'create the shared memory',
      deadlineMs: stepDeadlineMs,
      run: async ({ signal }) => {
        await this.#writeState('starting');
        await this.#provider.createShared(this.#topology.name, this.#topology, this.#paths, signal);
      },
      undo: async () => {
        const machines = [...this.#machines.values()];
        this.keptLogs = await saveFailedLogs({ ...this.#options, machines, paths: this.#paths });
        // Not waited for: a connection to a guest that does not answer must not keep its container from being removed.
        const closed = Promise.allSettled([closeAll(this.#connected), ...machines.map((machine) => machine.close())]);
        await removePod(this.#topology.name, this.#engineNeed());
        await closed;
      },
    };
  }

  #lane(plan: MachinePlan): Lane {
    const machine = (): Machine => this.#machines.get(plan.name)!;
    return {
      name: plan.name,
      steps: [
        {
          name: 'start',
          deadlineMs: stepDeadlineMs,
          run: async ({ signal }) => {
            this.#machines.set(plan.name, await this.#provider.createMachine(plan, this.#environment!, signal));
          },
        },
        ...machineSteps(
          plan,
          machine,
          (connected) => this.#connected.push(connected),
          (registers) => this.#noteMemoryType(plan.name, registers),
        ),
      ],
    };
  }

  #noteMemoryType(machine: string, lines: readonly string[]): void {
    const environment = this.#environment!;
    const known = { ...environment.memoryType?.registers, [machine]: lines };
    const inOrder = this.#topology.machines.flatMap((name) => (known[name] === undefined ? [] : [[name, known[name]] as const]));
    const type = this.#topology.device.memoryType!;
    this.#environment = { ...environment, memoryType: { type, registers: Object.fromEntries(inOrder) } };
  }

  #format(): Step {
    return {
      name: 'format the pool',
      deadlineMs: stepDeadlineMs,
      run: async () => formatPool(this.#connected, this.#topology),
    };
  }

  #coherence(): Step {
    return {
      name: 'prove that the memory is coherent',
      deadlineMs: this.#topology.timeouts.gateMs,
      hint: 'a less busy host; see cxlpod doctor',
      run: async ({ signal, note }) => {
        const [topology, environment, machines] = [this.#topology, this.#environment!, this.#connected];
        this.#gate = await runGate({ topology, environment, machines, signal, note });
      },
    };
  }

  #declareUp(): Step {
    return { name: 'note that it is up', deadlineMs: stepDeadlineMs, run: async () => this.#writeState('up') };
  }

  async #writeState(phase: 'starting' | 'up'): Promise<void> {
    const bootRestarts = Object.fromEntries([...this.#machines.values()].map(({ name, bootRestarts }) => [name, bootRestarts]));
    await writePodState(this.#paths, {
      version: 2,
      pod: this.#topology.name,
      phase,
      topology: this.#topology,
      startedAt: this.#startedAt.toISOString(),
      environment: this.#environment,
      gate: this.#gate,
      bootRestarts,
    });
  }

  /** Also when the leftovers are of a pod of the same name that had containers. */
  #engineNeed(): EngineNeed {
    return this.#topology.provider === 'qemu' || this.#leftoverProvider === 'qemu' ? 'required' : 'no';
  }

  /** A pod that says it is up counts as up while any of its machines lives; a host that rebooted leaves only the saying. */
  async #refuseSecondUp(): Promise<void> {
    const state = await readPodState(this.#paths).catch(() => null);
    this.#leftoverProvider = state?.topology.provider ?? null;
    if (state === null || state.phase !== 'up') return;
    const provider = await findProvider(state.topology.provider);
    for (const plan of machinePlans(state.pod, state.topology, this.#paths)) {
      const machine = await provider.openMachine(plan);
      if (!(await machine.isAlive())) continue;
      throw usageError('POD_ALREADY_UP', `pod ${state.pod} is already up`, {
        hint: `cxlpod status --name ${state.pod}; or cxlpod down --name ${state.pod}; or another pod beside it with --name`,
      });
    }
  }
}
