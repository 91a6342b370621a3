import { runGate } from '../pool/gate.ts';
import { integer, object } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import type { Workload } from './workload.ts';

/** The coherence gate (design D1), on all machines at once. */
export const gate: Workload<'gate'> = {
  parameters: object<Tasks['gate']['parameters']>({
    machines: integer(1, 16),
    machineNumber: integer(1, 64),
    iterations: integer(1, 2 ** 34),
  }),
  run: (context, parameters) => runGate(context.core, { ...parameters, deadlineMs: context.remainingMs() }),
};
