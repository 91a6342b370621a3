/** How faults end machines and boot them again, and what the rest of the run must be told of it. */

import type { PodMachine } from '../cluster/pod.ts';
import { powerOn, recoverMachine } from '../cluster/recover-machine.ts';
import type { Machine } from '../provider/provider.ts';
import type { SeenExit } from '../runs/evidence.ts';
import { drawSteps } from '../traces/draw-steps.ts';
import type { Lane } from '../traces/timeline.ts';
import type { WorkloadContext } from '../workload/workload.ts';

/** As many workers as a machine may have. */
export const killsAll = 1_000;

export function laneOfMachine(machine: string): Lane {
  return { machine, name: 'machine' };
}

export function diedWith(machine: string): (exit: SeenExit) => boolean {
  return (exit) => exit.machine === machine && exit.withMachine === true;
}

/** `end` resolves when the end of the machine has been seen. Resolves with how many workers ended with it. */
export async function endMachine(
  { pod, crew }: WorkloadContext,
  name: string,
  end: (machine: Machine) => Promise<void>,
): Promise<number> {
  const { machine, agent } = pod.machine(name);
  await end(machine);
  const exits = crew.machineEnded(name);
  await agent.close();
  return exits.length;
}

/**
 * The machine has ended, so whoever lives may fence and recover those of its clients that the recovery service has not. How many they were;
 * null when nobody lives.
 */
async function recoverEnded({ pod }: WorkloadContext, name: string): Promise<number | null> {
  const survivor = await livingBeside(pod.machines, [name]);
  if (survivor === null) return null;
  const clients = await recoverMachine(pod.machine(name).machine, survivor);
  return clients.length;
}

/** Boots machines that have ended, all at once, and fills their posts again. What is told of it. */
export async function bootAgain(context: WorkloadContext, names: readonly string[]): Promise<string> {
  const { pod, crew, timeline, signal } = context;
  const startMs = performance.now();
  for (const name of names) {
    const { machine } = pod.machine(name);
    // Booted by half, by a controller that is gone.
    if (await machine.isAlive()) await endMachine(context, name, (each) => each.powerOff());
    await recoverEnded(context, name);
  }
  // Also after an interruption: a pod whose machine stays off is of no use to the next run.
  const patient = new AbortController().signal;
  const settled = await Promise.allSettled(
    names.map((name) => {
      const observer = drawSteps(timeline, laneOfMachine(name));
      return powerOn(pod.machine(name).machine, pod.topology, { signal: patient, quiet: true, observer });
    }),
  );
  const bootedMs = performance.now() - startMs;
  const booted = settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  for (const machine of booted) {
    if (pod.topology.provider === 'qemu') timeline.bootedAgain(machine.machine.name);
    pod.admit(machine);
  }
  const failed = settled.find((each) => each.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  if (booted.length === pod.machines.length) await recoverEachOther(booted);
  const recoveredMs = performance.now() - startMs;
  if (signal.aborted) return `${names.join(' and ')} booted again`;
  const hands = await Promise.all(names.map((name) => crew.restartOn(name)));
  const workers = hands.flat().length;
  return (
    `${names.join(' and ')} booted again in ${seconds(bootedMs)}, recovered after ${seconds(recoveredMs)}, ` +
    `${workers} worker${workers === 1 ? '' : 's'} at work after ${seconds(performance.now() - startMs)}`
  );
}

/** After a failure of all: nobody joined since, so each can recover what the others were before. */
async function recoverEachOther(machines: readonly PodMachine[]): Promise<void> {
  for (const { machine } of machines) {
    const other = machines.find((each) => each.machine !== machine)!;
    await other.agent.request('recoverMachine', { machineNumber: machine.number });
  }
}

async function livingBeside(machines: readonly PodMachine[], names: readonly string[]): Promise<PodMachine | null> {
  for (const each of machines) {
    if (!names.includes(each.machine.name) && (await each.machine.isAlive())) return each;
  }
  return null;
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
