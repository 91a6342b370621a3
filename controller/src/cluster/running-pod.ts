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
  #machines: readonly PodMachine[];
  readonly #listeners = new Set<(machine: PodMachine) => void>();

  constructor(pod: Pick<Pod, 'name' | 'topology' | 'environment' | 'paths' | 'machines'>) {
    this.name = pod.name;
    this.topology = pod.topology;
    this.environment = pod.environment;
    this.paths = pod.paths;
    this.#machines = inOrder(pod.machines);
  }

  get machines(): readonly PodMachine[] {
    return this.#machines;
  }

  machine(name: string): PodMachine {
    const found = this.machines.find(({ machine }) => machine.name === name);
    if (found !== undefined) return found;
    throw unknownMachine(this.name, name, this.topology);
  }

  admit(admitted: PodMachine): void {
    this.#machines = inOrder([...this.#machines.filter(({ machine }) => machine.name !== admitted.machine.name), admitted]);
    for (const listener of this.#listeners) listener(admitted);
  }

  onAdmitted(listener: (machine: PodMachine) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closeAll(this.machines);
  }
}

function inOrder(machines: readonly PodMachine[]): readonly PodMachine[] {
  return [...machines].sort((a, b) => a.machine.number - b.machine.number);
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
