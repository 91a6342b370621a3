/** Every fault that a scenario can name. */
import type { Scenario } from '../config/scenario.ts';
import type { Fault } from './fault.ts';
import { killWorker } from './kill-worker.ts';

export const faultKinds = { killWorker } as const;

export function createFaults({ faults }: Pick<Scenario, 'faults'>): Fault[] {
  return faults.flatMap(({ killWorker: kill }) => (kill === undefined ? [] : [killWorker.create(kill)]));
}
