/**
 * Slows the processes of a machine that has no container: they are stopped for a part of each period. Every thread of theirs is slowed, and
 * whoever may send signals may do it, which is not so of cgroups.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { continueProcesses, findProcesses, sendSignal } from '../processes.ts';

export interface Brake {
  /** How often they were stopped so far. */
  stops(): number;
  /** Resolves when all of them run. */
  release(): Promise<void>;
}

const periodMs = 100;
/** Looking for them reads all of /proc. */
const lookAgainAfterPeriods = 10;

/** `share`: of the time, between 0 and 1, in which they may run. With `pid` that one alone. */
export function brakeProcesses(pod: string, machine: string, share: number, pid?: number): Brake {
  const released = new AbortController();
  let stops = 0;
  const braking = (async () => {
    let pids: number[] = [];
    for (let period = 0; !released.signal.aborted; period++) {
      // Also for one alone: when it has died, another process may get its number.
      if (period % lookAgainAfterPeriods === 0) {
        pids = findProcesses(pod, machine).flatMap((each) => (pid === undefined || each.pid === pid ? [each.pid] : []));
      }
      for (const each of pids) sendSignal(each, 'SIGSTOP');
      if (pids.length > 0) stops++;
      await pause((1 - share) * periodMs, released.signal);
      for (const each of pids) sendSignal(each, 'SIGCONT');
      await pause(share * periodMs, released.signal);
    }
  })();
  return {
    stops: () => stops,
    release: async () => {
      released.abort();
      await braking;
      if (pid === undefined) continueProcesses(pod, machine);
    },
  };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {});
}
