/** `slow`: all of a machine may use a share of one CPU only. It is slow, not dead: nobody may take it for dead. */

import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { name } from '../config/names.ts';
import { environmentError } from '../errors/cxlpod-error.ts';
import type { Hand } from '../runs/crew/hand.ts';
import type { WorkloadContext } from '../workload/workload.ts';
import { type Fault, type FaultKind, type Strike, seenToFire } from './fault.ts';
import { laneOfMachine } from './machine-life.ts';
import { onLiving } from './on-living.ts';
import { scheduled, scheduleOf } from './schedule.ts';

const parameters = scheduled({
  machine: name,
  /** Of that machine; without one, all of it. */
  worker: name.optional(),
  /** Of one CPU of the host, in hundredths. */
  percent: z.number().int().min(1).max(99).default(20),
});

type Parameters = z.output<typeof parameters>;

const fullSpeedAfterMs = 2_000;
const throttledWithinMs = 30_000;
const lookAgainAfterMs = 20;

export const slow: FaultKind<Parameters> = {
  parameters,
  create,
  draw: (random, { machines }) => ({ machine: random.oneOf(machines), percent: random.between(10, 50) }),
};

function create({ machine, worker, percent, healAfter, ...when }: Parameters): Fault {
  const who = worker === undefined ? machine : `${worker} on ${machine}`;
  return {
    kind: 'slow',
    sentence: `${who} gets ${percent} % of a CPU`,
    needs: { machines: [machine], ...(worker === undefined ? {} : { post: { machine, worker } }) },
    schedule: scheduleOf(when),
    healAfterMs: healAfter ?? fullSpeedAfterMs,
    lane: laneOfMachine(machine),
    strike: (context, signal) => {
      if (worker === undefined) return holdBack(context);
      return onLiving(context, { machine, worker }, signal, async (hand) => {
        try {
          return await holdBack(context, hand);
        } catch (error) {
          await context.pod
            .machine(machine)
            .machine.limitCpu(null, hand.pid)
            .catch(() => {});
          throw error;
        }
      });
    },
    heal: async ({ crew, pod }) => {
      const hand = worker === undefined ? undefined : crew.handAt({ machine, worker });
      // One that has died is held back by nobody.
      if (hand === null || (hand !== undefined && !crew.handsOn(machine).includes(hand))) return undefined;
      await pod.machine(machine).machine.limitCpu(null, hand?.pid);
      return `${who} runs at full speed`;
    },
    fired: (_, outcome) => seenToFire(outcome),
  };

  async function holdBack({ pod, crew }: WorkloadContext, hand?: Hand): Promise<Strike> {
    const slowed = pod.machine(machine).machine;
    const before = await slowed.throttledPeriods(hand?.pid);
    await slowed.limitCpu(percent / 100, hand?.pid);
    const endMs = performance.now() + throttledWithinMs;
    let throttled = 0;
    while (throttled === 0) {
      if (performance.now() > endMs) throw environmentError('NOT_SLOWED', `${who} has not been held back yet`);
      await delay(lookAgainAfterMs);
      throttled = (await slowed.throttledPeriods(hand?.pid)) - before;
      const isGone = hand !== undefined && !crew.handsOn(machine).includes(hand);
      if (isGone) throw environmentError('NOT_SLOWED', `${who} died before it was held back`);
    }
    return { sentence: `${who} was held back at ${percent} % of a CPU`, evidence: { machine, percent, throttled } };
  }
}
