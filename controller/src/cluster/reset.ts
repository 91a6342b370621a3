/** Makes a running pod as new without booting it: all workers ended, pool and history zero, formatted, proved again. */
import { setTimeout as delay } from 'node:timers/promises';
import { attachToMachine } from '../deploy/deploy-agent.ts';
import type { Machine } from '../provider/provider.ts';
import { zeroSharedFile } from '../provider/shared-files.ts';
import { forgetLiveRun } from '../runs/live-run.ts';
import { observerFor } from '../steps/observer.ts';
import { runPlan } from '../steps/run-plan.ts';
import type { Plan } from '../steps/step.ts';
import type { GateReport } from './gate.ts';
import { openPod } from './open-pod.ts';
import type { PodMachine } from './pod.ts';
import { lockPod } from './pod-lock.ts';
import { noteGate } from './pod-state.ts';
import { configureAgent, formatPool } from './prepare-pool.ts';
import { runGate } from './run-gate.ts';
import { closeAll } from './running-pod.ts';

const stepDeadlineMs = 30_000;
const lookAgainAfterMs = 50;

export async function resetPod(name: string, options: { signal: AbortSignal; quiet: boolean }): Promise<GateReport> {
  const lock = await lockPod(name, 'reset');
  try {
    return await reset(name, options);
  } finally {
    await lock.release();
  }
}

async function reset(name: string, { signal, quiet }: { signal: AbortSignal; quiet: boolean }): Promise<GateReport> {
  const { topology, environment, paths, machines: before } = await openPod(name, { signal, restartAgents: true });
  const machines: PodMachine[] = [];
  let report: GateReport | undefined;
  const plan: Plan = [
    {
      name: 'end all workers and agents',
      deadlineMs: stepDeadlineMs,
      // An agent maps the pool and keeps a heartbeat in it, so it is started anew over the blank one.
      run: async (step) => {
        await noteGate(paths, null);
        forgetLiveRun(paths);
        await Promise.all(before.map(({ agent }) => agent.request('shutdown', {}, { signal: step.signal })));
        await Promise.all(before.map(({ agent }) => agent.close()));
        // One that still lives would write its heartbeat into the blank pool.
        await Promise.all(before.map(({ machine }) => agentGone(machine, step.signal)));
      },
    },
    {
      name: 'blank pool and history',
      deadlineMs: stepDeadlineMs,
      run: async () => {
        await zeroSharedFile(paths.poolFile, topology.pool.sizeBytes);
        await zeroSharedFile(paths.historyFile, topology.history.sizeBytes);
      },
    },
    {
      name: 'start the agents',
      deadlineMs: topology.timeouts.agentMs,
      run: async (step) => {
        await Promise.all(
          before.map(async ({ machine }) => {
            await machine.startAgent();
            const agent = await attachToMachine(machine, { attachWithinMs: topology.timeouts.agentMs, signal: step.signal });
            machines.push({ machine, agent });
            await configureAgent({ machine, agent }, topology);
          }),
        );
      },
    },
    { name: 'format the pool', deadlineMs: stepDeadlineMs, run: async () => formatPool(machines, topology) },
    {
      name: 'prove that the memory is coherent',
      deadlineMs: topology.timeouts.gateMs,
      run: async (step) => {
        const decided = (found: GateReport) => noteGate(paths, found);
        report = await runGate({ topology, environment, machines, signal: step.signal, note: step.note, decided });
      },
    },
  ];
  try {
    await runPlan(plan, { signal, observer: await observerFor(plan, { quiet }), what: `reset ${name}` });
    return report!;
  } finally {
    await closeAll(machines);
    await Promise.allSettled(before.map(({ machine }) => machine.close()));
  }
}

async function agentGone(machine: Machine, signal: AbortSignal): Promise<void> {
  while ((await machine.whyUnreachable()) === null) await delay(lookAgainAfterMs, undefined, { signal });
}
