/**
 * When a fault strikes: the keys that every scheduled fault has beside its own. One of them, or none: then it strikes as soon as the
 * workload is at work, that is when its first worker was given something to do.
 */
import { z } from 'zod';
import { duration, printDuration } from '../config/quantities.ts';

export type Schedule =
  /** So long after the workload was first at work. */
  | { readonly when: 'after'; readonly ms: number }
  /** Once so many operations of this run have ended: those in the history, or where there are none, transactions of the heap. */
  | { readonly when: 'atOperations'; readonly count: number }
  /** The fault itself waits, e.g. for a crash point that a worker was armed with. */
  | { readonly when: 'armed' };

const operationLimit = 1_000_000_000;
const timeKeys = ['after', 'atOperations', 'between'] as const;

const scheduleKeys = {
  after: duration.optional(),
  atOperations: z.number().int().min(1).max(operationLimit).optional(),
  /** A moment drawn from the seed. */
  between: z.tuple([duration, duration]).optional(),
  /** So long after it struck the harm is undone; otherwise as the fault has it by default. Never later than the end of the workload. */
  healAfter: duration.optional(),
};

export interface ScheduleParameters {
  readonly after?: number | undefined;
  readonly atOperations?: number | undefined;
  readonly between?: readonly [number, number] | undefined;
  readonly healAfter?: number | undefined;
}

/** The parameters of a fault with a schedule: its own keys and those above. */
export function scheduled<Shape extends z.ZodRawShape>(own: Shape) {
  return z.strictObject({ ...own, ...scheduleKeys }).superRefine((parameters, context) => {
    const given = parameters as ScheduleParameters;
    const times = timeKeys.filter((key) => given[key] !== undefined);
    if (times.length > 1) {
      context.addIssue({ code: 'custom', path: [times[1]!], message: `a fault strikes once: ${times.join(' or ')}, not both` });
    }
    if (given.between !== undefined && given.between[0] > given.between[1]) {
      context.addIssue({ code: 'custom', path: ['between'], message: 'must be two durations, the shorter one first' });
    }
  });
}

/** Of the concrete parameters of a run, in which no `between` is left. */
export function scheduleOf({ after, atOperations }: ScheduleParameters): Schedule {
  return atOperations === undefined ? { when: 'after', ms: after ?? 0 } : { when: 'atOperations', count: atOperations };
}

export function describeSchedule(schedule: Schedule): string {
  if (schedule.when === 'atOperations') return `after ${schedule.count.toLocaleString('en-US')} operations`;
  if (schedule.when === 'armed') return 'when it is reached';
  return schedule.ms === 0 ? 'as soon as work begins' : `${printDuration(schedule.ms)} after work began`;
}
