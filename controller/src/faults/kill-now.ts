/** A worker dies wherever it is, at the moment of the schedule. */
import type { Post } from '../runs/crew/hand.ts';
import { type Fault, seenToFire } from './fault.ts';
import { type ScheduleParameters, scheduleOf } from './schedule.ts';

const killTimeoutMs = 30_000;

export function killNow(post: Post, when: ScheduleParameters): Pick<Fault, 'sentence' | 'schedule' | 'strike' | 'fired'> {
  const { machine, worker } = post;
  return {
    sentence: `SIGKILL to ${worker} on ${machine}`,
    schedule: scheduleOf(when),
    strike: async ({ crew, pod }, signal) => {
      const hand = await crew.living(post, signal);
      if (hand === null) return null;
      await pod.machine(machine).agent.request('stopWorker', { worker, how: 'kill' }, { timeoutMs: killTimeoutMs });
      const exit = await hand.exit;
      return {
        sentence: `${worker} on ${machine} died by ${exit.signal ?? `exit code ${exit.exitCode}`}`,
        evidence: { pid: exit.pid, signal: exit.signal, fenced: exit.fenced !== null },
        at: { clock: machine, ns: exit.atNs },
      };
    },
    fired: (_, outcome) => seenToFire(outcome),
  };
}
