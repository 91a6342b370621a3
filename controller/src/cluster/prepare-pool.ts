import { heapParameters } from '../config/heap.ts';
import type { Topology } from '../config/topology.ts';
import { environmentError } from '../errors/cxlpod-error.ts';
import type { PodMachine } from './pod.ts';

/** Tells an agent who it is and lets it map pool and history. */
export async function configureAgent({ machine, agent }: PodMachine, topology: Topology): Promise<void> {
  await agent.request('configure', {
    machine: machine.name,
    machineNumber: machine.number,
    pool: { path: machine.poolPath, sizeBytes: topology.pool.sizeBytes },
    history: { path: machine.historyPath, sizeBytes: topology.history.sizeBytes },
  });
}

/** One machine formats; that the others find it formatted is the first proof that they share it. */
export async function formatPool(machines: readonly PodMachine[], topology: Topology): Promise<void> {
  const parameters = { heap: heapParameters(topology.pool.heap) };
  const [first, ...others] = [...machines].sort((a, b) => a.machine.number - b.machine.number);
  await first!.agent.request('format', parameters);
  const answers = await Promise.all(others.map(({ agent }) => agent.request('format', parameters)));
  answers.forEach(({ formatted }, index) => {
    if (!formatted) return;
    const name = others[index]!.machine.name;
    throw environmentError('NOT_SHARED', `${name} does not see the pool that ${first!.machine.name} formatted`, {
      cause: new Error(`${name} found it blank, and formatted memory of its own`),
      hint: `cxlpod down --name ${topology.name}, then up again; if it stays so, compare the qemu.cmd of ${first!.machine.name} and ${name} in .runs/latest/machines`,
    });
  });
}
