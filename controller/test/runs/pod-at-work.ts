/** A pod of a test's own, and what tests do with its workers by hand, without a run. */
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { inspectPoolFile, type PoolInspection } from '@cxlpod/agent/inspect';
import type { ClientIdentity, TaskName, Tasks } from '@cxlpod/agent/protocol';
import { openPod } from '../../src/cluster/open-pod.ts';
import type { Pod, PodMachine } from '../../src/cluster/pod.ts';
import type { Machine, MachineLog } from '../../src/provider/provider.ts';
import { Bench } from '../cluster/cxlpod.ts';

/** Starved cores are no failure. */
export const taskMs = 240_000;

const logLimitMs = 20_000;

export interface OwnPod extends AsyncDisposable {
  readonly pod: Pod;
}

export async function upOwnPod(topology: string): Promise<OwnPod> {
  const bench = new Bench();
  const name = bench.newPod();
  await bench.mustRun(['up', topology, '--name', name]);
  process.env.XDG_STATE_HOME = join(bench.folder, 'state');
  const pod = await openPod(name);
  return {
    pod,
    [Symbol.asyncDispose]: async () => {
      await pod[Symbol.asyncDispose]();
      await bench.clear();
    },
  };
}

export function inspect(pod: Pod): PoolInspection {
  return inspectPoolFile(pod.paths.poolFile);
}

/** Rejects with what the machine and its agent said last: a machine of a test is gone by the time that somebody reads of its failure. */
export async function startWorker({ machine, agent }: PodMachine, worker: string): Promise<ClientIdentity> {
  try {
    return (await agent.request('startWorker', { worker }, { timeoutMs: taskMs })).client;
  } catch (error) {
    const logs = await Promise.all((['console', 'agent'] as const).map((log) => lastLines(machine, log)));
    throw new Error(`${machine.name} starts no worker ${worker}\n${logs.join('\n')}`, { cause: error });
  }
}

async function lastLines(machine: Machine, log: MachineLog): Promise<string> {
  const late = after(logLimitMs, '(no answer)', { ref: false });
  const text = await Promise.race([machine.readLog(log).then(String, String), late]);
  return `its ${log} log ends with:\n${text.split('\n').slice(-40).join('\n')}`;
}

/** Its failure is of interest only where it is awaited. */
export function runTask<Task extends TaskName>(
  { agent }: PodMachine,
  worker: string,
  task: Task,
  parameters: Tasks[Task]['parameters'],
): Promise<unknown> {
  const running = agent.request('runTask', { worker, task, parameters, deadlineMs: taskMs });
  running.catch(() => {});
  return running;
}

export async function until(state: string, holds: () => boolean): Promise<void> {
  const endsAt = performance.now() + taskMs;
  while (!holds()) {
    if (performance.now() > endsAt) throw new Error(`waited ${taskMs} ms until ${state}`);
    await after(50);
  }
}
