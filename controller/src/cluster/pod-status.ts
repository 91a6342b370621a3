import type { AgentStatus } from '@cxlpod/agent/protocol';
import { attachToMachine } from '../deploy/deploy-agent.ts';
import { CxlpodError } from '../errors/cxlpod-error.ts';
import type { Environment, Machine } from '../provider/provider.ts';
import type { GateReport } from './gate.ts';
import { openMachines } from './open-pod.ts';
import { podPaths } from './pod-paths.ts';
import { type PodState, readPodState } from './pod-state.ts';

export interface PodStatus {
  readonly pod: string;
  readonly phase: PodState['phase'];
  readonly provider: string;
  readonly startedAt: string;
  readonly environment: Environment | null;
  readonly gate: GateReport | null;
  readonly machines: readonly MachineStatus[];
}

export interface MachineStatus {
  readonly machine: string;
  readonly alive: boolean;
  readonly podAddress: string;
  readonly bootRestarts: number;
  readonly agent: AgentStatus | null;
  /** Why there is no agent's status. */
  readonly problem: { readonly code: string; readonly message: string } | null;
}

const attachWithinMs = 3_000;

/** Null when there is no pod of this name. A machine that does not answer is part of the answer. */
export async function podStatus(pod: string): Promise<PodStatus | null> {
  const state = await readPodState(podPaths(pod));
  if (state === null) return null;
  const machines = await openMachines(state);
  try {
    const { phase, topology, startedAt, environment, gate, bootRestarts } = state;
    const each = await Promise.all(machines.map((machine) => machineStatus(machine, bootRestarts[machine.name] ?? 0)));
    return { pod, phase, provider: topology.provider, startedAt, environment, gate, machines: each };
  } finally {
    await Promise.allSettled(machines.map((machine) => machine.close()));
  }
}

async function machineStatus(machine: Machine, bootRestarts: number): Promise<MachineStatus> {
  const { name, podAddress } = machine;
  const alive = await machine.isAlive();
  const known = { machine: name, alive, podAddress, bootRestarts };
  if (!alive) return { ...known, agent: null, problem: { code: 'MACHINE_ENDED', message: `${name} does not run` } };
  try {
    const agent = await attachToMachine(machine, { attachWithinMs });
    try {
      return { ...known, agent: await agent.request('status', {}), problem: null };
    } finally {
      await agent.close();
    }
  } catch (error) {
    const code = error instanceof CxlpodError ? error.code : 'AGENT_FAILED';
    return { ...known, agent: null, problem: { code, message: error instanceof Error ? error.message : String(error) } };
  }
}
