/** A machine ends while the others work on: what its clients left in the pool is finished by one of those, then it may boot again. */
import type { ClientIdentity } from '@cxlpod/agent/protocol';
import type { Topology } from '../config/topology.ts';
import { environmentError } from '../errors/cxlpod-error.ts';
import type { Machine } from '../provider/provider.ts';
import { observerFor } from '../steps/observer.ts';
import { runPlan } from '../steps/run-plan.ts';
import type { Plan, StepObserver } from '../steps/step.ts';
import { machineSteps } from './machine-steps.ts';
import type { PodMachine } from './pod.ts';

export interface RecoveredMachine {
  /** Those that had neither left nor been recovered. */
  readonly clients: readonly ClientIdentity[];
  /** From its end, as the controller saw it, to the answer that the last of them is recovered. */
  readonly tookMs: number;
}

/** Powers a machine off as a power cut does, and has a living one recover its clients. The connection to its agent is closed. */
export async function powerOffAndRecover({ machine, agent }: PodMachine, survivor: PodMachine): Promise<RecoveredMachine> {
  await machine.powerOff();
  const endedMs = performance.now();
  const clients = await recoverMachine(machine, survivor);
  const tookMs = performance.now() - endedMs;
  await agent.close();
  return { clients, tookMs };
}

/**
 * For a machine that has ended, however it did. Refuses one that lives: to fence clients that still write damages the pool.
 * Can be repeated, also with another survivor. Until it has answered the machine must not be powered on.
 */
export async function recoverMachine(ended: Machine, survivor: PodMachine): Promise<readonly ClientIdentity[]> {
  if (await ended.isAlive()) {
    throw environmentError('MACHINE_ALIVE', `${ended.name} lives, so its clients cannot be recovered`, {
      cause: new Error('a client may be fenced only after its end was seen'),
      hint: `power ${ended.name} off first`,
    });
  }
  const { clients } = await survivor.agent.request('recoverMachine', { machineNumber: ended.number });
  return clients;
}

const startDeadlineMs = 30_000;

export interface PowerOnOptions {
  readonly signal: AbortSignal;
  readonly quiet: boolean;
  /** Sees the steps instead of the operator. */
  readonly observer?: StepObserver;
}

/** Boots a machine again that was powered off and recovered, with a new agent. */
export async function powerOn(
  machine: Machine,
  topology: Topology,
  { signal, quiet, observer }: PowerOnOptions,
): Promise<PodMachine> {
  let connected: PodMachine | undefined;
  const attached = (each: PodMachine): void => {
    connected = each;
  };
  const plan: Plan = [
    {
      name: 'power on',
      deadlineMs: startDeadlineMs,
      run: async () => machine.powerOn(),
      undo: async () => {
        await connected?.agent.close();
        await machine.powerOff();
      },
    },
    ...machineSteps({ name: machine.name, topology }, () => machine, attached),
  ];
  await runPlan(plan, { signal, observer: observer ?? (await observerFor(plan, { quiet })), what: `power on ${machine.name}` });
  return connected!;
}
