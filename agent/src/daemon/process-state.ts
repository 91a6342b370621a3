/** What the kernel tells of the processes of this machine. */
import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessState {
  readonly group: number;
  /** When it began, in ticks since the machine's boot: with its number the name of a process that nobody else ever has. */
  readonly startTicks: number;
  /** A zombie whose last thread is gone: it maps nothing any more, and waits for its parent to take notice. */
  readonly hasEnded: boolean;
}

/** Null for a process that is not there. */
export function readProcess(pid: number): ProcessState | null {
  try {
    // pid (name) state parent group ...; a name may hold anything, also a parenthesis.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\)/s, '').trim().split(' ');
    const hasEnded = fields[0] === 'X' || (fields[0] === 'Z' && readdirSync(`/proc/${pid}/task`).length <= 1);
    return { group: Number(fields[2]), startTicks: Number(fields[19]), hasEnded };
  } catch {
    return null;
  }
}

/** Whether this very process runs, and not another one that was given its number since. */
export function isRunning({ pid, startTicks }: { readonly pid: number; readonly startTicks: number }): boolean {
  const state = readProcess(pid);
  return state !== null && !state.hasEnded && state.startTicks === startTicks;
}

/** A dead process stays in its group until its parent has taken notice of it, and an orphan's may be slow at that. */
export function hasLivingMember(group: number): boolean {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .some((name) => {
      const state = readProcess(Number(name));
      return state !== null && state.group === group && !state.hasEnded;
    });
}
