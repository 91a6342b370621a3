/** A machine that `up` did not start joins the pod while the others work. */
import { environmentError } from '../errors/cxlpod-error.ts';
import { findProvider } from '../provider/find-provider.ts';
import type { Machine } from '../provider/provider.ts';
import { observerFor } from '../steps/observer.ts';
import { runPlan } from '../steps/run-plan.ts';
import type { Plan } from '../steps/step.ts';
import { allMachinePlans } from './machine-plan.ts';
import { machineSteps } from './machine-steps.ts';
import type { Pod, PodMachine } from './pod.ts';
import { noteJoined } from './pod-state.ts';

const startDeadlineMs = 30_000;

export async function joinMachine(pod: Pod, name: string, signal: AbortSignal): Promise<PodMachine> {
  const { topology, paths, environment } = pod;
  if (pod.machines.some(({ machine }) => machine.name === name)) {
    throw environmentError('ALREADY_JOINED', `${name} is in pod ${pod.name} already`, {
      hint: `bring the pod up anew, from a topology with joinLater: [${name}]`,
    });
  }
  const machinePlan = allMachinePlans(pod.name, topology, paths).find((each) => each.name === name)!;
  const provider = await findProvider(topology.provider);
  let machine: Machine | undefined;
  let joined: PodMachine | undefined;
  const plan: Plan = [
    {
      name: 'start',
      deadlineMs: startDeadlineMs,
      run: async (step) => {
        machine = await provider.createMachine(machinePlan, environment, step.signal);
      },
      undo: async () => {
        await joined?.agent.close();
        await machine?.powerOff();
      },
    },
    ...machineSteps(
      { name, topology },
      () => machine!,
      (connected) => {
        joined = connected;
      },
    ),
    {
      name: 'find the pool',
      deadlineMs: startDeadlineMs,
      run: async () => {
        const { formatted } = await joined!.agent.request('format', {});
        if (!formatted) return;
        throw environmentError('NOT_SHARED', `${name} does not see the pool of the others`, {
          cause: new Error(`${name} found it blank, and formatted memory of its own`),
        });
      },
    },
  ];
  await runPlan(plan, { signal, observer: await observerFor(plan, { quiet: true }), what: `join ${name}` });
  await noteJoined(paths, name);
  pod.admit(joined!);
  return joined!;
}
