import { stringify } from 'yaml';
import { printHeap } from './heap.ts';
import { printDuration, printSize } from './quantities.ts';
import type { Topology } from './topology.ts';

/** The topology as a file that says every value aloud; reading it back gives the same topology. */
export function printTopology(topology: Topology): string {
  const { machine, timeouts } = topology;
  return stringify({
    name: topology.name,
    provider: topology.provider,
    machines: topology.machines,
    joinLater: topology.joinLater,
    pool: { size: printSize(topology.pool.sizeBytes), heap: printHeap(topology.pool.heap) },
    history: { size: printSize(topology.history.sizeBytes) },
    device: topology.device,
    machine: {
      memory: printSize(machine.memoryBytes),
      cpus: machine.cpus,
      maxCpus: machine.maxCpus,
      translationCache: printSize(machine.translationCacheBytes),
    },
    accelerator: topology.accelerator,
    kernel: topology.kernel,
    qemuArguments: topology.qemuArguments,
    guestPackages: topology.guestPackages,
    timeouts: {
      boot: printDuration(timeouts.bootMs),
      consoleSilence: printDuration(timeouts.consoleSilenceMs),
      agent: printDuration(timeouts.agentMs),
      gate: printDuration(timeouts.gateMs),
    },
  });
}
