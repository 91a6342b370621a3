/** Clock offset between two machines, estimated over the pool; and the machine's own monotonic clock. */
import type { Core } from './core.ts';

/** CLOCK_MONOTONIC of this machine in ns. */
export function monotonicNs(): number {
  throw new Error('not built yet');
}

/** The price of one `monotonicNs`, in ns, measured over a batch. */
export function clockReadNs(): number {
  throw new Error('not built yet');
}

/** Answers the caller's asks until it stops, the deadline passes (TIMEOUT) or the process aborts (ABORTED). Returns how many. */
export function serveClock(_core: Core, _options: { readonly deadlineMs: number }): number {
  throw new Error('not built yet');
}

/** `offsetNs` = server clock - this clock, from the fastest of `rounds`; the truth lies within +- `errorNs`. Ends the server. */
export function askClock(
  _core: Core,
  _options: { readonly rounds: number; readonly deadlineMs: number },
): { readonly offsetNs: number; readonly errorNs: number; readonly clockReadNs: number } {
  throw new Error('not built yet');
}
