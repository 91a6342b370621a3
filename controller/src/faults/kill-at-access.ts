/** A worker that runs the traced core dies before its n-th access to shared memory, wherever that is. */
import { environmentError } from '../errors/cxlpod-error.ts';
import type { Crash, Post } from '../runs/crew/hand.ts';
import { type Fault, seenToFire } from './fault.ts';

export function killAtAccess(post: Post, access: number): Pick<Fault, 'sentence' | 'schedule' | 'arm' | 'strike' | 'fired'> {
  const { machine, worker } = post;
  const crash: Crash = { access };
  return {
    sentence: `SIGKILL to ${worker} on ${machine} at its access ${access} to shared memory`,
    schedule: { when: 'armed' },
    arm: (other) => (other.machine === machine && other.worker === worker ? crash : null),
    strike: async ({ crew, pod }, signal) => {
      const exit = await crew.exitOfArmed(crash, signal);
      if (exit === null || exit.asked) return null;
      const log = (await pod.machine(machine).machine.readLog('agent')).toString();
      const said = log.match(new RegExp(`worker ${exit.pid} dies at access ${access} .*`))?.[0];
      if (said === undefined || exit.signal !== 'SIGKILL') {
        throw environmentError('DIED_ELSEWHERE', `${worker} on ${machine} died, and not at access ${access}`, {
          cause: new Error(exit.signal ?? `exit code ${exit.exitCode}`),
        });
      }
      const evidence = { access, pid: exit.pid, signal: exit.signal, fenced: exit.fenced !== null, said };
      return { sentence: `${worker} on ${machine} died at access ${access}`, evidence, at: { clock: machine, ns: exit.atNs } };
    },
    fired: (_, outcome) => seenToFire(outcome),
  };
}
