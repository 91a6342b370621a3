import type { Coherence } from '@cxlpod/agent/protocol';
import type { Scenario } from '../config/scenario.ts';
import { usageError } from '../errors/cxlpod-error.ts';
import type { Fault } from '../faults/fault.ts';
import { createFaults } from '../faults/index.ts';
import type { ProviderName } from '../provider/provider.ts';
import { workloads } from '../workload/index.ts';
import type { Workload } from '../workload/workload.ts';

export interface RunnablePod {
  readonly name: string;
  readonly provider: ProviderName;
  readonly machines: readonly string[];
  readonly pool: { readonly heap: { readonly coherence: Coherence } };
}

/** Refuses, before anything is started, what this pod cannot run. `scenario`: with its random parts drawn. */
export function requireRunnable(scenario: Scenario, topology: RunnablePod): void {
  requireNeeds(workloads[scenario.workload.name], scenario.topology, topology);
  for (const fault of createFaults(scenario)) requireFault(fault, scenario.name, topology);
}

function requireFault({ kind, needs }: Fault, scenario: string, { name, provider, machines }: RunnablePod): void {
  const missing = needs.machines.find((machine) => !machines.includes(machine));
  if (missing !== undefined) {
    throw usageError('NO_SUCH_MACHINE', `a fault of ${scenario} is on ${missing}, which pod ${name} does not have`, {
      hint: `its machines are ${machines.join(', ')}`,
    });
  }
  if (needs.providers?.includes(provider) === false) {
    throw usageError(
      'FAULT_NEEDS_PROVIDER',
      `${kind} cannot be done to pod ${name}, whose machines are of provider ${provider}`,
      {
        hint: `a topology with provider: ${needs.providers.join(' or ')}`,
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
