/** `allPowerOff`: every machine ends at once, as when the rack loses its power. The pool lives on; those who boot find what was in it. */
import { type Fault, type FaultKind, seenToFire } from './fault.ts';
import { bootAgain, endMachine, killsAll } from './machine-life.ts';
import { type ScheduleParameters, scheduled, scheduleOf } from './schedule.ts';

const parameters = scheduled({});

const bootAfterMs = 500;

export const allPowerOff: FaultKind<ScheduleParameters> = { parameters, create };

function create({ healAfter, ...when }: ScheduleParameters): Fault {
  return {
    kind: 'allPowerOff',
    sentence: 'power off every machine at once',
    needs: { machines: [] },
    takesDown: true,
    schedule: scheduleOf(when),
    healAfterMs: healAfter ?? bootAfterMs,
    strike: async (context) => {
      const names = context.pod.machines.map(({ machine }) => machine.name);
      const ended = await Promise.all(names.map((name) => endMachine(context, name, (machine) => machine.powerOff())));
      const workers = ended.reduce((sum, each) => sum + each, 0);
      return {
        sentence: `${names.join(', ')} were seen to end with ${workers} workers`,
        evidence: { machines: names.join(' '), workers },
      };
    },
    heal: (context) =>
      bootAgain(
        context,
        context.pod.machines.map(({ machine }) => machine.name),
      ),
    fired: (_, outcome) => seenToFire(outcome),
    explains: ({ withMachine }) => withMachine === true,
    kills: killsAll,
  };
}
