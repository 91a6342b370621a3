/** One word bounced between two machines, in the core. */
import { codes } from '../layout/index.ts';
import type { Core } from './core.ts';
import { pollUntil } from './poll.ts';

/** Bounces until the caller stops, the deadline passes (TIMEOUT) or the process aborts (ABORTED). Returns the rounds seen. */
export function pongWord(core: Core, options: { readonly deadlineMs: number }): number {
  core.exports.wordOpen();
  const code = pollUntil('bouncing the word', options.deadlineMs, (maxLooks) => core.exports.wordPong(maxLooks));
  if (code !== codes.CLOSED) throw new Error(`wordPong answered ${code}`);
  return core.exports.wordRounds();
}

/** Runs `rounds` round trips; time this call. Throws PoolError TIMEOUT, ABORTED. */
export function pingWord(core: Core, options: { readonly rounds: number; readonly deadlineMs: number }): void {
  core.exports.wordBegin(options.rounds);
  pollUntil('bouncing the word', options.deadlineMs, (maxLooks) => core.exports.wordPing(maxLooks));
}

/** Tells the other side that no more rounds follow. */
export function stopWord(core: Core): void {
  core.exports.wordStop();
}
