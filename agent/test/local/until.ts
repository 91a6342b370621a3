import { readFileSync } from 'node:fs';
import { setTimeout as after } from 'node:timers/promises';

const limitMs = 60_000;
const pollMs = 10;

/** Waits for a state, never for a time; the limit only ends a test that would wait for ever. */
export async function until(state: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited ${limitMs} ms until ${state}`);
    await after(pollMs);
  }
}

/** The process is gone, or a zombie that waits for its parent. */
export function isGone(pid: number): boolean {
  try {
    return /^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}
