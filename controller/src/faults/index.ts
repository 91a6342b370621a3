/** Every fault that a scenario can name: a new one is a file and a line here. */
import type { Scenario } from '../config/scenario.ts';
import { exhaustPool } from './exhaust-pool.ts';
import type { Fault, FaultKind } from './fault.ts';
import { killWorker } from './kill-worker.ts';
import { pauseWorker } from './pause-worker.ts';

export const faultKinds = {
  exhaustPool,
  killWorker,
  pauseWorker,
} as const;

export type FaultName = keyof typeof faultKinds;

/** Of a scenario whose random parts were drawn (`concrete-scenario.ts`), in its order. */
export function createFaults({ faults }: Pick<Scenario, 'faults'>): Fault[] {
  return faults.map((named) => {
    const [kind, parameters] = Object.entries(named).find(([, value]) => value !== undefined)!;
    return (faultKinds[kind as FaultName] as unknown as FaultKind).create(parameters);
  });
}
