/** `freeze`: a machine stands still for a while, with everything it has mapped, and goes on. It is slow, not dead. */
import { z } from 'zod';
import { name } from '../config/names.ts';
import { environmentError } from '../errors/cxlpod-error.ts';
import { type Fault, type FaultKind, seenToFire } from './fault.ts';
import { laneOfMachine } from './machine-life.ts';
import { scheduled, scheduleOf } from './schedule.ts';

const parameters = scheduled({
  machine: name,
  /** `cpus`: QEMU stops the machine's CPUs; `container`: QEMU itself is frozen with its monitor and its networks. */
  how: z.enum(['cpus', 'container']).default('cpus'),
});

type Parameters = z.output<typeof parameters>;

const goesOnAfterMs = 1_000;

export const freeze: FaultKind<Parameters> = {
  parameters,
  create,
  draw: (random, { machines }) => ({ machine: random.oneOf(machines), healAfter: `${random.between(50, 1500)}ms` }),
};

function create({ machine, how, healAfter, ...when }: Parameters): Fault {
  return {
    kind: 'freeze',
    sentence: `freeze ${machine} (${how})`,
    needs: { machines: [machine] },
    schedule: scheduleOf(when),
    healAfterMs: healAfter ?? goesOnAfterMs,
    lane: laneOfMachine(machine),
    strike: async ({ pod }) => {
      const frozen = pod.machine(machine).machine;
      await frozen.pause(how);
      if (!(await frozen.isFrozen())) throw environmentError('NOT_FROZEN', `${machine} was paused and does not stand still`);
      return { sentence: `${machine} stands still`, evidence: { machine, how } };
    },
    heal: async ({ pod }) => {
      await pod.machine(machine).machine.resume(how);
      return `${machine} goes on`;
    },
    fired: (_, outcome) => seenToFire(outcome),
  };
}
