/**
 * A worker stands still at a crash point until the others have got on, and dies there, or at another one that it passes after that: what
 * happens only to who was too slow, such as a swap that fails, happens to it for certain.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Passage } from '@cxlpod/agent/protocol';
import type { Crash, Post } from '../runs/crew/hand.ts';
import { openProgress } from '../runs/progress.ts';
import { untilLastWords } from '../runs/until-last-words.ts';
import type { WorkloadContext } from '../workload/workload.ts';
import type { Fault } from './fault.ts';
import { judgeLastWords } from './kill-at-point.ts';
import { seeStopped, signalWorker } from './signal-worker.ts';

export interface Hold extends Passage {
  /** Of the others, while it stands still. */
  readonly operations: number;
}

/** Who waits for the one that stands still, or has nothing more to do, does not get on either. */
const stalledMs = 1_000;
const lookEveryMs = 10;

/** `death`: where it dies once it goes on, counted from there; null: where it stands. */
export function killHeld(
  post: Post,
  { operations, ...hold }: Hold,
  death: Passage | null,
): Pick<Fault, 'sentence' | 'schedule' | 'arm' | 'strike' | 'fired'> {
  const { machine, worker } = post;
  const crash: Crash = { ...hold, until: death ?? hold };
  const stood = `stood still at ${hold.point}, passage ${hold.hit}`;
  const dies = death === null ? 'there' : `at ${death.point}, passage ${death.hit} from there`;
  return {
    sentence: `SIGKILL to ${worker} on ${machine} that ${stood}, for ${operations} operations of the others, ${dies}`,
    schedule: { when: 'armed' },
    arm: (other) => (other.machine === machine && other.worker === worker ? crash : null),
    strike: async (context, signal) => {
      const { crew, pod, firstTicket } = context;
      const hand = await crew.armedWith(crash, signal);
      if (hand === null) return null;
      const { agent, machine: where } = pod.machine(machine);
      const process = { machineNumber: where.number, pid: hand.pid };
      if ((await untilLastWords(process, { historyFile: pod.paths.historyFile, firstTicket }, signal)) === null) return null;
      try {
        await seeStopped(agent, hand.pid);
        await othersGetOn(context, operations, signal);
        if (death === null) await signalWorker(agent, hand.pid, 'KILL');
      } finally {
        await signalWorker(agent, hand.pid, 'CONT');
      }
      const exit = await crew.exitOfArmed(crash, signal);
      if (exit === null || exit.asked) return null;
      return {
        sentence: `${worker} on ${machine} ${stood}, and died by ${exit.signal ?? `exit code ${exit.exitCode}`} ${dies}`,
        evidence: {
          stoodAt: hold.point,
          passage: hold.hit,
          operations,
          diedAt: death?.point ?? hold.point,
          signal: exit.signal,
          pid: exit.pid,
        },
        at: { clock: machine, ns: exit.atNs },
      };
    },
    fired: (evidence, outcome) => judgeLastWords(evidence, outcome, post, death ?? hold),
  };
}

async function othersGetOn({ pod, firstTicket }: WorkloadContext, operations: number, signal: AbortSignal): Promise<void> {
  const progress = openProgress(pod.paths, firstTicket);
  try {
    let reached = progress.operations();
    let reachedAt = performance.now();
    const enough = reached + operations;
    while (!signal.aborted && reached < enough && performance.now() - reachedAt < stalledMs) {
      await delay(lookEveryMs, undefined, { signal }).catch(() => {});
      const now = progress.operations();
      if (now > reached) reachedAt = performance.now();
      reached = Math.max(reached, now);
    }
  } finally {
    progress.close();
  }
}
