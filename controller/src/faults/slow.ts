/** `slow`: all of a machine may use a share of one CPU only. It is slow, not dead: nobody may take it for dead. */

import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { name } from '../config/names.ts';
import { environmentError } from '../errors/cxlpod-error.ts';
import { type Fault, type FaultKind, seenToFire } from './fault.ts';
import { laneOfMachine } from './machine-life.ts';
import { scheduled, scheduleOf } from './schedule.ts';

const parameters = scheduled({
  machine: name,
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

function create({ machine, percent, healAfter, ...when }: Parameters): Fault {
  return {
    kind: 'slow',
    sentence: `${machine} gets ${percent} % of a CPU`,
    needs: { machines: [machine] },
    schedule: scheduleOf(when),
    healAfterMs: healAfter ?? fullSpeedAfterMs,
    lane: laneOfMachine(machine),
    strike: async ({ pod }) => {
      const slowed = pod.machine(machine).machine;
      const before = await slowed.throttledPeriods();
      await slowed.limitCpu(percent / 100);
      const endMs = performance.now() + throttledWithinMs;
      let throttled = 0;
      while (throttled === 0) {
        if (performance.now() > endMs) throw environmentError('NOT_SLOWED', `${machine} has not been held back yet`);
        await delay(lookAgainAfterMs);
        throttled = (await slowed.throttledPeriods()) - before;
      }
      return { sentence: `${machine} was held back at ${percent} % of a CPU`, evidence: { machine, percent, throttled } };
    },
    heal: async ({ pod }) => {
      await pod.machine(machine).machine.limitCpu(null);
      return `${machine} runs at full speed`;
    },
    fired: (_, outcome) => seenToFire(outcome),
  };
}
