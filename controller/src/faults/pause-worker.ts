/** `pauseWorker`: a worker is stopped by SIGSTOP, for less or for more than a lease, and goes on where it was. It must not be fenced meanwhile. */
import type { z } from 'zod';
import { name } from '../config/names.ts';
import { laneOf, type Post } from '../runs/crew/hand.ts';
import { type Fault, type FaultKind, seenToFire, unnamedWorker } from './fault.ts';
import { onLiving } from './on-living.ts';
import { scheduled, scheduleOf } from './schedule.ts';
import { seeStopped, signalWorker } from './signal-worker.ts';

const parameters = scheduled({
  /** The machine. */
  on: name,
  worker: name.default(unnamedWorker),
});

export const pauseWorker: FaultKind<z.output<typeof parameters>> = { parameters, create };

const pausedMs = 500;

function create({ on, worker, healAfter, ...when }: z.output<typeof parameters>): Fault {
  const post: Post = { machine: on, worker };
  return {
    kind: 'pauseWorker',
    sentence: `SIGSTOP to ${worker} on ${on} for ${healAfter ?? pausedMs} ms`,
    needs: { machines: [on], post },
    schedule: scheduleOf(when),
    healAfterMs: healAfter ?? pausedMs,
    lane: laneOf(post),
    strike: (context, signal) =>
      onLiving(context, post, signal, async ({ pid }) => {
        const { agent } = context.pod.machine(on);
        await signalWorker(agent, pid, 'STOP');
        await seeStopped(agent, pid);
        return { sentence: `${worker} on ${on} was seen stopped`, evidence: { pid } };
      }),
    heal: async ({ crew, pod }) => {
      const hand = crew.handAt(post);
      if (hand === null) return undefined;
      await signalWorker(pod.machine(on).agent, hand.pid, 'CONT');
      return `${worker} on ${on} goes on`;
    },
    fired: (_, outcome) => seenToFire(outcome),
  };
}
