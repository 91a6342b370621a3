import type { Topology } from '../config/topology.ts';
import { usageError } from '../errors/cxlpod-error.ts';
import { nearest } from '../errors/nearest.ts';
import type { Environment, PodPaths } from '../provider/provider.ts';
import type { Pod, PodMachine } from './pod.ts';

/** Disposing of it closes this controller's connections; the pod stays up. */
export class RunningPod implements Pod {
  readonly name: string;
  readonly topology: Topology;
  readonly environment: Environment;
  readonly paths: PodPaths;
  readonly machines: readonly PodMachine[];

  constructor(pod: Omit<Pod, 'machine' | typeof Symbol.asyncDispose>) {
    this.name = pod.name;
    this.topology = pod.topology;
    this.environment = pod.environment;
    this.paths = pod.paths;
    this.machines = [...pod.machines].sort((a, b) => a.machine.number - b.machine.number);
  }

  machine(name: string): PodMachine {
    const found = this.machines.find(({ machine }) => machine.name === name);
    if (found !== undefined) return found;
    throw unknownMachine(this.name, name, this.topology);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closeAll(this.machines);
  }
}

export async function closeAll(machines: readonly PodMachine[]): Promise<void> {
  await Promise.allSettled(
    machines.map(async ({ agent, machine }) => {
      await agent.close();
      await machine.close();
    }),
  );
}

export function unknownMachine(pod: string, name: string, topology: Topology) {
  const suggestion = nearest(name, topology.machines);
  const known = `its machines are ${topology.machines.join(', ')}`;
  return usageError('NO_SUCH_MACHINE', `pod ${pod} has no machine ${JSON.stringify(name)}`, {
    hint: suggestion === null ? known : `did you mean ${suggestion}? ${known}`,
  });
}
