import type { MemoryType, Topology } from '../config/topology.ts';
import { attachToMachine, uploadAgent } from '../deploy/deploy-agent.ts';
import type { Machine } from '../provider/provider.ts';
import type { Step } from '../steps/step.ts';
import { setMemoryType } from './memory-type.ts';
import type { PodMachine } from './pod.ts';
import { configureAgent } from './prepare-pool.ts';

const memoryTypeDeadlineMs = 60_000;

/** From a machine that was started to one whose agent knows the pool; `attached` is told as soon as there is a connection to close. */
export function machineSteps(
  { name, topology }: { readonly name: string; readonly topology: Topology },
  machine: () => Machine,
  attached: (machine: PodMachine) => void,
  typed: (registers: readonly string[]) => void = () => {},
): readonly Step[] {
  const { timeouts, device } = topology;
  return [
    {
      name: 'boot',
      deadlineMs: timeouts.bootMs,
      hint: `read .runs/latest/machines/${name}/console.log; on a busy host, a longer timeouts.boot in the topology`,
      run: async ({ signal, note }) => machine().ready(signal, note),
    },
    ...(device.memoryType === null ? [] : [memoryTypeStep(device.memoryType, machine, typed)]),
    {
      name: 'agent',
      deadlineMs: timeouts.agentMs,
      hint: `read .runs/latest/machines/${name}/agent.log; on a busy host, a longer timeouts.agent in the topology`,
      run: async ({ signal, note }) => {
        await uploadAgent(machine());
        note('uploaded');
        await machine().startAgent();
        note('started');
        const agent = await attachToMachine(machine(), { attachWithinMs: timeouts.agentMs, signal });
        const connected = { machine: machine(), agent };
        attached(connected);
        note('attached');
        await configureAgent(connected, topology);
      },
    },
  ];
}

/** Before the agent: a worker that mapped the pool earlier would keep the type that it had. */
function memoryTypeStep(type: MemoryType, machine: () => Machine, typed: (registers: readonly string[]) => void): Step {
  return {
    name: 'memory type',
    deadlineMs: memoryTypeDeadlineMs,
    run: async ({ note }) => {
      const registers = await setMemoryType(machine(), type);
      note(registers.join('; '));
      typed(registers);
    },
  };
}
