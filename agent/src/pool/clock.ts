/** Clock offset between two machines, estimated over the pool; and the machine's own monotonic clock. */
import { codes } from '../layout/index.ts';
import type { Core } from './core.ts';
import { native } from './native.ts';
import { pollUntil } from './poll.ts';

/** CLOCK_MONOTONIC of this machine in ns. */
export function monotonicNs(): number {
  return native().monotonicNs();
}

/** The price of one read of the clock in native code, in ns, measured over a batch. */
export function clockReadNs(): number {
  return native().clockReadNs(10_000);
}

/** Answers the caller's asks until it stops, the deadline passes (TIMEOUT) or the process aborts (ABORTED). Returns how many. */
export function serveClock(core: Core, options: { readonly deadlineMs: number }): number {
  core.exports.clockBegin();
  for (let answered = 0; ; answered++) {
    const code = pollUntil('answering clock questions', options.deadlineMs, (maxLooks) => core.exports.clockServe(maxLooks));
    if (code === codes.CLOSED) return answered;
  }
}

/** `offsetNs` = server clock - this clock, from the fastest of `rounds`; the truth lies within +- `errorNs`. Ends the server. */
export function askClock(
  core: Core,
  options: { readonly rounds: number; readonly deadlineMs: number },
): { readonly offsetNs: number; readonly errorNs: number; readonly clockReadNs: number } {
  const { exports } = core;
  let best = { offsetNs: 0, errorNs: Number.POSITIVE_INFINITY };
  for (let round = 0; round < options.rounds; round++) {
    // A question that nobody answered is asked again, under a new number.
    pollUntil('asking for the other clock', options.deadlineMs, (maxLooks) => exports.clockAsk(maxLooks));
    const sentNs = exports.clockSentNs();
    const receivedNs = exports.clockReceivedNs();
    const errorNs = (receivedNs - sentNs) / 2;
    if (errorNs < best.errorNs) best = { offsetNs: exports.clockServerNs() - (sentNs + receivedNs) / 2, errorNs };
  }
  exports.clockStop();
  return { ...best, clockReadNs: clockReadNs() };
}
