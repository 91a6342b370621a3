import type { Topology } from '../config/topology.ts';
import { attachToMachine } from '../deploy/deploy-agent.ts';
import { CxlpodError, environmentError, usageError } from '../errors/cxlpod-error.ts';
import { findProvider } from '../provider/find-provider.ts';
import type { Machine } from '../provider/provider.ts';
import { machinePlans } from './machine-plan.ts';
import type { Pod, PodMachine } from './pod.ts';
import { knownPods, podPaths } from './pod-paths.ts';
import { type PodState, readPodState } from './pod-state.ts';
import { agentDied, restartAgent } from './restart-agent.ts';
import { closeAll, RunningPod, unknownMachine } from './running-pod.ts';

/** An emulated machine on starved cores takes its time to shake hands; one that is known to be dead is not waited for. */
const attachWithinMs = 45_000;

interface OpenOptions {
  readonly signal?: AbortSignal;
  /** Starts a new agent where one has died; else that is an error. */
  readonly restartAgents?: boolean;
}

/** Connects to every agent of a pod that is up. */
export async function openPod(pod: string, options: OpenOptions = {}): Promise<Pod> {
  const state = await requireUp(pod);
  const found = await openMachines(state);
  const opened = await Promise.allSettled(found.map((machine) => connect(machine, state.topology, options)));
  const machines = opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const failed = opened.find((each) => each.status === 'rejected');
  if (failed !== undefined) {
    await closeAll(machines);
    throw failed.reason;
  }
  const { topology, environment } = state;
  return new RunningPod({ name: pod, topology, environment: environment!, paths: podPaths(pod), machines });
}

/** One machine, for what needs no agent. Refuses one that does not live. */
export async function openMachine(pod: string, name: string): Promise<Machine> {
  const state = await requireUp(pod);
  const plan = machinePlans(pod, state.topology, podPaths(pod), state.joined).find((each) => each.name === name);
  if (plan === undefined) throw unknownMachine(pod, name, state.topology);
  return (await findProvider(state.topology.provider)).openMachine(plan);
}

export async function openMachines(state: PodState): Promise<readonly Machine[]> {
  const provider = await findProvider(state.topology.provider);
  return Promise.all(
    machinePlans(state.pod, state.topology, podPaths(state.pod), state.joined).map((plan) => provider.openMachine(plan)),
  );
}

export async function requireUp(pod: string): Promise<PodState> {
  const state = await readPodState(podPaths(pod));
  if (state === null) {
    const others = knownPods();
    throw usageError('POD_NOT_UP', `there is no pod ${pod}`, {
      hint: others.length > 0 ? `cxlpod up; or --name with one of ${others.join(', ')}` : 'cxlpod up',
    });
  }
  if (state.phase === 'up') return state;
  throw environmentError('POD_HALF_UP', `pod ${pod} did not come up`, {
    cause: new Error('its controller is still at it, or was killed'),
    hint: `cxlpod down --name ${pod}, then cxlpod up`,
  });
}

/** Refuses a pod whose last gate did not pass, or was cut short: what runs on it would prove nothing. */
export async function requireProved(pod: string): Promise<void> {
  const { gate } = await requireUp(pod);
  if (gate?.verdict === 'passed') return;
  throw environmentError('POD_NOT_PROVED', `pod ${pod} is not proved coherent`, {
    cause: new Error(gate === null ? 'a reset or a gate on it was cut short' : `its last gate: ${gate.verdict}`),
    hint: `cxlpod doctor --pod --name ${pod}; or cxlpod down and up`,
  });
}

async function connect(machine: Machine, topology: Topology, { signal, restartAgents }: OpenOptions): Promise<PodMachine> {
  const stop = signal === undefined ? {} : { signal };
  try {
    return { machine, agent: await attachToMachine(machine, { attachWithinMs, ...stop }) };
  } catch (error) {
    const isDead = error instanceof CxlpodError && error.code === agentDied;
    if (isDead && restartAgents === true) return await restartAgent(machine, topology, stop);
    await machine.close();
    throw error;
  }
}
