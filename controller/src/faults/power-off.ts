/** `powerOff`: QEMU is told to quit, as when the power is cut; `killContainer`: its container is killed. Both are seen to end, then boot again. */
import type { z } from 'zod';
import { name } from '../config/names.ts';
import { type Fault, type FaultKind, seenToFire } from './fault.ts';
import { bootAgain, diedWith, endMachine, killsAll, laneOfMachine } from './machine-life.ts';
import { scheduled, scheduleOf } from './schedule.ts';

const parameters = scheduled({ machine: name });

type Parameters = z.output<typeof parameters>;

/** Longer than the lease: until then those who live have suspected its clients, and recovered them. */
const bootAfterMs = 3_000;

export const powerOff: FaultKind<Parameters> = {
  parameters,
  create: (given) => endOf('powerOff', given, { sentence: `power off ${given.machine}`, how: 'monitor' }),
  draw: (random, { machines }) => ({ machine: random.oneOf(machines) }),
};

export const killContainer: FaultKind<Parameters> = {
  parameters,
  create: (given) => endOf('killContainer', given, { sentence: `SIGKILL to all of ${given.machine}`, how: 'kill' }),
  draw: (random, { machines }) => ({ machine: random.oneOf(machines) }),
};

function endOf(
  kind: string,
  { machine, healAfter, ...when }: Parameters,
  { sentence, how }: { readonly sentence: string; readonly how: 'monitor' | 'kill' },
): Fault {
  return {
    kind,
    sentence,
    needs: { machines: [machine] },
    takesDown: true,
    schedule: scheduleOf(when),
    healAfterMs: healAfter ?? bootAfterMs,
    lane: laneOfMachine(machine),
    strike: async (context) => {
      const startMs = performance.now();
      const workers = await endMachine(context, machine, (each) => each.powerOff(how));
      const endMs = performance.now();
      return {
        sentence: `${machine} was seen to end with ${workers} worker${workers === 1 ? '' : 's'}`,
        evidence: { machine, how, workers, endSeenAfterMs: Math.round(endMs - startMs) },
      };
    },
    heal: (context) => bootAgain(context, [machine]),
    fired: (_, outcome) => seenToFire(outcome),
    explains: diedWith(machine),
    kills: killsAll,
  };
}
