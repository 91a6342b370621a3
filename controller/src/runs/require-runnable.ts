import type { Coherence } from '@cxlpod/agent/protocol';
import type { Scenario } from '../config/scenario.ts';
import { usageError } from '../errors/cxlpod-error.ts';
import { createFaults } from '../faults/index.ts';
import { workloads } from '../workload/index.ts';
import type { Workload } from '../workload/workload.ts';

export interface RunnablePod {
  readonly name: string;
  readonly machines: readonly string[];
  readonly pool: { readonly heap: { readonly coherence: Coherence } };
}

/** Refuses, before anything is started, what this pod cannot run. */
export function requireRunnable(scenario: Scenario, topology: RunnablePod): void {
  requireNeeds(workloads[scenario.workload.name], scenario.topology, topology);
  for (const fault of createFaults(scenario)) {
    const missing = fault.needs.machines.find((machine) => !topology.machines.includes(machine));
    if (missing === undefined) continue;
    throw usageError(
      'NO_SUCH_MACHINE',
      `a fault of ${scenario.name} is on ${missing}, which pod ${topology.name} does not have`,
      {
        hint: `its machines are ${topology.machines.join(', ')}`,
      },
    );
  }
}

/** `other`: a topology that would do. */
export function requireNeeds({ name, needs }: Pick<Workload, 'name' | 'needs'>, other: string, topology: RunnablePod): void {
  if (topology.machines.length < needs.machines) {
    throw usageError('TOO_FEW_MACHINES', `workload ${name} needs ${needs.machines} machines`, {
      cause: new Error(`pod ${topology.name} has ${topology.machines.length}`),
      hint: `cxlpod up ${other}`,
    });
  }
  if (needs.heap === true && topology.pool.heap.coherence === 'none') {
    throw usageError('NOT_COHERENT', `workload ${name} needs the heap of the pool, which ${topology.name} refuses`, {
      cause: new Error('its topology says pool.heap.coherence: none, and there two machines may win the same compare-and-swap'),
      hint: 'a device that is coherent between machines: coherence: hardware, as the gate proves it of every pod; or a workload of calls',
    });
  }
}
