/** A worker dies wherever it is, at the moment of the schedule. */
import { CxlpodError } from '../errors/cxlpod-error.ts';
import type { Hand, Post } from '../runs/crew/hand.ts';
import type { SeenExit } from '../runs/evidence.ts';
import { givenUp } from '../runs/given-up.ts';
import { hold } from '../steps/hold.ts';
import type { WorkloadContext } from '../workload/workload.ts';
import { type Fault, seenToFire } from './fault.ts';
import { type ScheduleParameters, scheduleOf } from './schedule.ts';

const killTimeoutMs = 30_000;
/** Whom one of these faults kills: one death is one fault's doing, so another one waits for the successor. */
const claimed = new WeakSet<Hand>();

export function killNow(post: Post, when: ScheduleParameters): Pick<Fault, 'sentence' | 'schedule' | 'strike' | 'fired'> {
  const { machine, worker } = post;
  return {
    sentence: `SIGKILL to ${worker} on ${machine}`,
    schedule: scheduleOf(when),
    strike: async (context, signal, isAgain) => {
      for (;;) {
        const hand = (isAgain ? killedBefore(context, post) : null) ?? (await context.crew.living(post, signal));
        if (hand === null) return null;
        const exit = claimed.has(hand) ? null : await kill(context, hand, isAgain);
        if (exit !== null) {
          return {
            sentence: `${worker} on ${machine} died by ${exit.signal ?? `exit code ${exit.exitCode}`}`,
            evidence: { pid: exit.pid, signal: exit.signal, fenced: exit.fenced !== null },
            at: { clock: machine, ns: exit.atNs },
          };
        }
        await Promise.race([hand.exit, givenUp(signal)]);
      }
    },
    fired: (_, outcome) => seenToFire(outcome),
  };
}

/** Who was killed by a controller that did not live to see it: who was not armed, and is dead. */
function killedBefore({ crew }: WorkloadContext, post: Post): Hand | null {
  const hand = crew.handAt(post);
  const isIt = hand !== null && hand.crash === null && !claimed.has(hand) && !crew.handsOn(post.machine).includes(hand);
  return isIt ? hand : null;
}

/**
 * Null when it was dead already, or ended with its machine or while that had no agent: that was another fault. With `isAgain` it may be dead by
 * this one.
 */
async function kill({ crew, pod, say }: WorkloadContext, hand: Hand, isAgain: boolean): Promise<SeenExit | null> {
  claimed.add(hand);
  const { machine, worker } = hand.post;
  try {
    await pod.machine(machine).agent.request('stopWorker', { worker, how: 'kill' }, { timeoutMs: killTimeoutMs });
  } catch (error) {
    if (error instanceof CxlpodError && error.code === 'WORKER_UNKNOWN' && !isAgain) return null;
    if (!(await crew.hasDied(hand))) throw error;
  }
  await hold(`kill ${worker}`, say);
  const exit = await hand.exit;
  return exit.withMachine === true || exit.untold === true || exit.asked ? null : exit;
}
