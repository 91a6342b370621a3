/** `cutLink`: the cable of one network of a machine is pulled, and plugged again. The other network and the pool are not touched. */
import { z } from 'zod';
import { name } from '../config/names.ts';
import { environmentError } from '../errors/cxlpod-error.ts';
import type { WorkloadContext } from '../workload/workload.ts';
import { type Fault, type FaultKind, seenToFire } from './fault.ts';
import { laneOfMachine } from './machine-life.ts';
import { scheduled, scheduleOf } from './schedule.ts';

const parameters = scheduled({
  machine: name,
  /** `pod`: between machines; `control`: to the controller, whose agent is then silent while its workers work on. */
  network: z.enum(['pod', 'control']).default('pod'),
});

type Parameters = z.output<typeof parameters>;

const pluggedAfterMs = 1_000;
const silentMs = 1_000;
const cutLimitMs = 30_000;

export const cutLink: FaultKind<Parameters> = { parameters, create };

function create({ machine, network, healAfter, ...when }: Parameters): Fault {
  return {
    kind: 'cutLink',
    sentence: `cut the ${network} network of ${machine}`,
    needs: { machines: [machine], providers: ['qemu'] },
    schedule: scheduleOf(when),
    healAfterMs: healAfter ?? pluggedAfterMs,
    lane: laneOfMachine(machine),
    strike: async (context) => {
      await context.pod.machine(machine).machine.setLink(network, false);
      const isCut = network === 'pod' ? podIsCut : controlIsCut;
      const endMs = performance.now() + cutLimitMs;
      while (!(await isCut(context, machine))) {
        if (performance.now() < endMs) continue;
        throw environmentError('NOT_CUT', `the ${network} network of ${machine} was cut, and it still answers there`);
      }
      return { sentence: `${machine} does not answer on its ${network} network`, evidence: { machine, network } };
    },
    heal: async ({ pod }) => {
      await pod.machine(machine).machine.setLink(network, true);
      return `the ${network} network of ${machine} is plugged`;
    },
    fired: (_, outcome) => seenToFire(outcome),
  };
}

async function podIsCut({ pod }: WorkloadContext, name: string): Promise<boolean> {
  const other = pod.machines.find(({ machine }) => machine.name !== name)!;
  const { exitCode } = await other.machine.exec(['ping', '-c', '1', '-W', '1', pod.machine(name).machine.podAddress]);
  return exitCode !== 0;
}

async function controlIsCut({ pod }: WorkloadContext, name: string): Promise<boolean> {
  return pod
    .machine(name)
    .agent.request('status', {}, { timeoutMs: silentMs })
    .then(
      () => false,
      () => true,
    );
}
