import { expect } from 'vitest';
import type { RunRecord } from '../../src/runs/run-record.ts';
import { workloads } from '../../src/workload/index.ts';
import type { Workload } from '../../src/workload/workload.ts';

/** A fault of a worker that a workload does not declare is refused: so it hires those that it declares, and no others. */
export function expectDeclaredWorkers({ scenario, topology, exits, workload }: RunRecord): void {
  const { posts } = workloads[scenario.workload.name] as unknown as Workload;
  const named = (all: readonly { machine: string; worker: string }[]) => [
    ...new Set(all.map(({ machine, worker }) => `${worker} on ${machine}`)),
  ];
  const declared = named(posts(scenario.workload, topology.machines));
  expect(declared).toEqual(expect.arrayContaining(named(exits)));
  if (workload !== null) expect(named(exits).sort()).toEqual(declared.sort());
}
