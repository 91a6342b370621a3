/** `joinMachine`: a machine of the topology that `up` did not start (`joinLater`) boots and joins the pod, while the others work. */
import type { z } from 'zod';
import { joinMachine as join } from '../cluster/join-machine.ts';
import { name } from '../config/names.ts';
import { type Fault, type FaultKind, seenToFire } from './fault.ts';
import { laneOfMachine } from './machine-life.ts';
import { scheduled, scheduleOf } from './schedule.ts';

const parameters = scheduled({ machine: name });

type Parameters = z.output<typeof parameters>;

export const joinMachine: FaultKind<Parameters> = { parameters, create };

function create({ machine, healAfter, ...when }: Parameters): Fault {
  return {
    kind: 'joinMachine',
    sentence: `${machine} joins`,
    needs: { machines: [machine] },
    schedule: scheduleOf(when),
    healAfterMs: healAfter ?? 0,
    lane: laneOfMachine(machine),
    strike: async ({ pod, signal }) => {
      const startMs = performance.now();
      const { agent } = await join(pod, machine, signal);
      const tookMs = Math.round(performance.now() - startMs);
      return {
        sentence: `${machine} found the pool as the others have formatted it`,
        evidence: { machine, tookMs, agent: agent.hello.pid },
      };
    },
    // It is no harm: it stays.
    heal: async () => undefined,
    fired: (_, outcome) => seenToFire(outcome),
  };
}
