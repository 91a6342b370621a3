/** What `cxlpod status` prints of a pod. */
import { effectOf } from '../cluster/memory-type.ts';
import type { PodStatus } from '../cluster/pod-status.ts';
import type { Environment } from '../provider/provider.ts';
import { table } from './table.ts';

const madeOf: Readonly<Record<Environment['accelerator'], string>> = {
  tcg: 'virtual machines on emulated CPUs (TCG)',
  kvm: 'virtual machines (KVM)',
  none: 'processes of this host',
};

export function describeStatus({ pod, phase, provider, environment, startedAt, machines }: PodStatus): string {
  const about =
    environment === null ? provider : `${provider}: ${madeOf[environment.accelerator]}, ${environment.hostCores} cores`;
  const rows = machines.map(({ machine, alive, podAddress, agent, problem }) => [
    machine,
    alive ? 'runs' : 'ended',
    podAddress,
    agent === null ? (problem?.message ?? '') : `up ${Math.round(agent.uptimeMs / 1000)} s, ${mebibytes(agent.residentBytes)}`,
    agent === null ? '' : agent.pool === null ? 'not mapped' : agent.pool.formatted ? 'formatted' : 'blank',
    agent === null
      ? ''
      : agent.workers.map((each) => `${each.worker} (${each.client === null ? 'starts' : (each.task ?? 'idle')})`).join(', ') ||
        'none',
  ]);
  const heading = ['machine', 'state', 'pod address', 'agent', 'pool', 'workers'];
  return `pod ${pod}: ${phase} since ${startedAt} (${about})${describeMemoryType(environment)}\n\n${table([heading, ...rows])}`;
}

function describeMemoryType(environment: Environment | null): string {
  if (environment?.memoryType === undefined) return '';
  const { type, registers } = environment.memoryType;
  const each = Object.entries(registers).map(([machine, lines]) => `\n  ${machine} ${lines.join('; ')}`);
  return `\ndevice: ${type}. ${effectOf(environment.accelerator)}${each.join('')}`;
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2)} MiB`;
}
