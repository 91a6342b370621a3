/** Every workload that a scenario can name. */
import { calls } from './calls.ts';
import { ping } from './ping.ts';

export const workloads = { ping, calls } as const;
export type WorkloadName = keyof typeof workloads;
