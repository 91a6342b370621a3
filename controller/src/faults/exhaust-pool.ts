/** `exhaustPool`: a worker of its own takes all memory of the heap and holds it; whoever allocates is told HEAP_FULL. */
import type { z } from 'zod';
import { name } from '../config/names.ts';
import { laneOf, type Post } from '../runs/crew/hand.ts';
import { type Fault, type FaultKind, seenToFire } from './fault.ts';
import { scheduled, scheduleOf } from './schedule.ts';

const parameters = scheduled({
  /** The machine of the worker that takes it. */
  on: name,
});

export const exhaustPool: FaultKind<z.output<typeof parameters>> = {
  parameters,
  create,
  draw: (random, { machines }) => ({ on: random.oneOf(machines) }),
};

const largestBytes = 1024 ** 2;
const fillTimeoutMs = 60_000;

function create({ on, healAfter, ...when }: z.output<typeof parameters>): Fault {
  const post: Post = { machine: on, worker: 'hog' };
  return {
    kind: 'exhaustPool',
    sentence: `all memory of the heap taken by a worker on ${on}`,
    needs: { machines: [on] },
    schedule: scheduleOf(when),
    healAfterMs: healAfter ?? null,
    lane: laneOf(post),
    strike: async ({ crew }) => {
      const hog = await crew.hire(post);
      const task = hog.task('heap-fill', { objectBytes: largestBytes }, { deadlineMs: fillTimeoutMs, label: 'fill the heap' });
      const { objects, bytes } = await task;
      return {
        sentence: `a worker on ${on} holds ${objects} objects of the heap, and got no more`,
        evidence: { objects, bytes },
      };
    },
    heal: async ({ crew }) => {
      const hog = crew.handAt(post);
      if (hog === null) return undefined;
      await crew.release(hog);
      return `the worker on ${on} gave its memory back`;
    },
    fired: (_, outcome) => seenToFire(outcome),
  };
}
