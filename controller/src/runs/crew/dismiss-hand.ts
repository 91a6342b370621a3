/** A worker is asked to leave, and killed when it does not. */
import type { Pod } from '../../cluster/pod.ts';
import type { Journal } from '../journal.ts';
import { type Ends, exitSeenWithinMs, exitWithin } from './ends.ts';
import type { Hand } from './hand.ts';

const stopTimeoutMs = 30_000;

/** Resolves when its end was seen: `stubborn` had to be killed. */
export async function dismissHand(
  { pod, ends, journal }: { readonly pod: Pod; readonly ends: Ends; readonly journal: Journal },
  hand: Hand,
  how: 'graceful' | 'kill',
): Promise<'left' | 'stubborn'> {
  const { post, key } = hand;
  ends.ask(key);
  journal.dismiss(key);
  const { agent } = pod.machine(post.machine);
  const stop = (means: 'graceful' | 'kill') =>
    agent.request('stopWorker', { worker: post.worker, how: means }, { timeoutMs: stopTimeoutMs });
  let manner: 'left' | 'stubborn' = 'left';
  const exit = await stop(how).catch(() => {
    manner = 'stubborn';
    return stop('kill');
  });
  ends.see(post.machine, exit);
  await exitWithin(hand, exitSeenWithinMs);
  return manner;
}
