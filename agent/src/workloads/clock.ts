import { askClock, clockReadNs, serveClock } from '../pool/clock.ts';
import { integer, object, oneOf } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import type { Workload } from './workload.ts';

/** Estimates the offset between two machines' clocks over the pool. */
export const clock: Workload<'clock'> = {
  parameters: object<Tasks['clock']['parameters']>({ role: oneOf('caller', 'server'), rounds: integer(1, 1_000_000) }),
  run: (context, { role, rounds }) => {
    if (role === 'caller') return askClock(context.core, { rounds, deadlineMs: context.remainingMs() });
    serveClock(context.core, { deadlineMs: context.remainingMs() });
    return { offsetNs: 0, errorNs: 0, clockReadNs: clockReadNs() };
  },
};
