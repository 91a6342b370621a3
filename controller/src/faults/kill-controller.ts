/**
 * `killController`: the controller of the run is killed by SIGKILL in the middle of it. Machines, agents and workers go on; what is dead stays
 * quarantined, until another controller comes back after `healAfter`. It strikes once the faults in front of it have. Such a run has a process
 * of its own (`runs/supervise-run.ts`).
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { FaultOutcome } from '../runs/evidence.ts';
import { type Fault, type FaultKind, seenToFire } from './fault.ts';
import { type ScheduleParameters, scheduled, scheduleOf } from './schedule.ts';

const parameters = scheduled({});
const kind = 'killController';
const backAfterMs = 4_000;
const lookEveryMs = 5;

export const killController: FaultKind<ScheduleParameters> = { parameters, create };

function create({ healAfter, ...when }: ScheduleParameters): Fault {
  return {
    kind,
    sentence: 'SIGKILL to the controller of the run',
    needs: { machines: [] },
    schedule: scheduleOf(when),
    healAfterMs: healAfter ?? backAfterMs,
    strike: async ({ faults }, signal) => {
      // Whoever has struck half-way would be found half-way by the next one.
      while (!signal.aborted && inFront(faults()).some(({ seen, error }) => seen === null && error === null)) {
        await delay(lookEveryMs, undefined, { signal }).catch(() => {});
      }
      if (signal.aborted) return null;
      process.kill(process.pid, 'SIGKILL');
      return new Promise(() => {});
    },
    heal: async () => undefined,
    fired: (_, outcome) => seenToFire(outcome),
  };
}

function inFront(outcomes: readonly FaultOutcome[]): readonly FaultOutcome[] {
  return outcomes.slice(
    0,
    outcomes.findIndex((outcome) => outcome.kind === kind),
  );
}
