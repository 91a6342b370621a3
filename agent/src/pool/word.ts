/** One word bounced between two machines, in the core. */
import type { Core } from './core.ts';

/** Bounces until the caller stops, the deadline passes (TIMEOUT) or the process aborts (ABORTED). Returns the rounds seen. */
export function pongWord(_core: Core, _options: { readonly deadlineMs: number }): number {
  throw new Error('not built yet');
}

/** Runs `rounds` round trips; time this call. Throws PoolError TIMEOUT, ABORTED. */
export function pingWord(_core: Core, _options: { readonly rounds: number; readonly deadlineMs: number }): void {
  throw new Error('not built yet');
}

/** Tells the other side that no more rounds follow. */
export function stopWord(_core: Core): void {
  throw new Error('not built yet');
}
