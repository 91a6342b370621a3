/** Polls a bounded loop of the core until it is done, the deadline passes, or the process aborts. */
import { codes } from '../layout/index.ts';
import { PoolError } from './pool-error.ts';

/** Long enough to amortise the call, short enough to look at deadline and abort word often (some 100 us). */
export const looksPerPoll = 20_000;

/** The first code other than PENDING. Throws PoolError: TIMEOUT naming `what`, ABORTED. */
export function pollUntil(what: string, deadlineMs: number, poll: (maxLooks: number) => number): number {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const code = poll(looksPerPoll);
    if (code === codes.ABORTED) throw new PoolError('ABORTED', `${what} was aborted`);
    if (code !== codes.PENDING) return code;
    if (performance.now() >= deadline) {
      throw new PoolError('TIMEOUT', `${what} did not finish within ${deadlineMs} ms`, { hint: 'is the other side running?' });
    }
  }
}
