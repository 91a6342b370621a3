import type { Scenario } from '../config/scenario.ts';
import { usageError } from '../errors/cxlpod-error.ts';
import { createFaults } from '../faults/index.ts';
import { workloads } from '../workload/index.ts';

/** Refuses, before anything is started, what this pod cannot run. */
export function requireRunnable(
  scenario: Scenario,
  topology: { readonly name: string; readonly machines: readonly string[] },
): void {
  const { needs } = workloads[scenario.workload.name];
  if (topology.machines.length < needs.machines) {
    throw usageError('TOO_FEW_MACHINES', `workload ${scenario.workload.name} needs ${needs.machines} machines`, {
      cause: new Error(`pod ${topology.name} has ${topology.machines.length}`),
      hint: `cxlpod up ${scenario.topology}`,
    });
  }
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
