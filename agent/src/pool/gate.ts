/** The coherence gate (design D1): run on all machines of the pod at once; each gets the same totals. */
import type { GateResult } from '../protocol/tasks.ts';
import type { Core } from './core.ts';

/** Throws PoolError: BARRIER_TIMEOUT naming the machines that never arrived, ABORTED. Machine 1 opens the session. */
export function runGate(
  _core: Core,
  _options: {
    readonly machines: number;
    readonly machineNumber: number;
    readonly iterations: number;
    readonly deadlineMs: number;
  },
): GateResult {
  throw new Error('not built yet');
}
