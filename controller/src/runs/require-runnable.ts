import type { Scenario } from '../config/scenario.ts';
import { usageError } from '../errors/cxlpod-error.ts';
import type { Fault } from '../faults/fault.ts';
import { unnamedWorker } from '../faults/fault.ts';
import { createFaults } from '../faults/index.ts';
import type { ProviderName } from '../provider/provider.ts';
import { workloads } from '../workload/index.ts';
import type { Workload } from '../workload/workload.ts';
import type { Post } from './crew/hand.ts';
import { type PoolOfProgram, requireOwnProgram } from './require-own-program.ts';

export interface RunnablePod {
  readonly name: string;
  readonly provider: ProviderName;
  readonly machines: readonly string[];
  readonly joinLater?: readonly string[];
  readonly pool: PoolOfProgram;
}

/** Refuses, before anything is started, what this pod cannot run. `scenario`: with its random parts drawn. */
export function requireRunnable(scenario: Scenario, topology: RunnablePod): void {
  const workload: Workload = workloads[scenario.workload.name] as unknown as Workload;
  requireNeeds(workload, scenario.topology, topology);
  requireOwnProgram(scenario, topology.pool);
  const faults = createFaults(scenario);
  for (const fault of faults) requireFault(fault, scenario.name, topology);
  // Of a pod that grows, who is where is known only then.
  const posts = topology.joinLater?.length === 0 ? workload.posts(scenario.workload, topology.machines) : undefined;
  for (const { needs } of faults)
    if (posts !== undefined && needs.post !== undefined) requirePost(needs.post, posts, scenario.name);
}

function requirePost({ machine, worker }: Post, posts: readonly Post[], scenario: string): void {
  if (posts.some((each) => each.machine === machine && each.worker === worker)) return;
  const elsewhere = posts.find((each) => each.worker === worker);
  const there = posts.filter((each) => each.machine === machine).map((each) => each.worker);
  throw usageError('NO_SUCH_WORKER', `a fault of ${scenario} is about ${worker} on ${machine}, which there will not be`, {
    ...(worker === unnamedWorker ? { cause: new Error(`a fault without worker: is about ${unnamedWorker}`) } : {}),
    hint: elsewhere === undefined ? `the workers on ${machine} are ${there.join(', ')}` : `${worker} is on ${elsewhere.machine}`,
  });
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
