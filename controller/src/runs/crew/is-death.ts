/** Whether a request failed because the worker that it was about has died. */
import { CxlpodError } from '../../errors/cxlpod-error.ts';
import { exitSeenWithinMs, exitWithin } from './ends.ts';
import type { Hand } from './hand.ts';

/** A request that ended with one of these says nothing of the worker. */
const agentLost: ReadonlySet<string> = new Set([
  'AGENT_DIED',
  'AGENT_REPLACED',
  'CHANNEL_CLOSED',
  'CHANNEL_LOST',
  'GUEST_PANIC',
  'MACHINE_ENDED',
]);

/** Of a worker that can no longer be asked: it may work on without an agent, until the next one of its machine tells its end. */
const orphanEndsWithinMs = 150_000;

/** A worker that died took its task with it, and so did its machine, or the agent that was to tell what came of it. */
export function isDeath(error: unknown): boolean {
  return error instanceof CxlpodError && (error.code === 'WORKER_DIED' || agentLost.has(error.code));
}

/** The same, once its end was seen: an agent that is gone says nothing of who works on without it. */
export async function isDeathOf(hand: Hand, error: unknown): Promise<boolean> {
  if (!isDeath(error)) return false;
  const isTold = (error as CxlpodError).code === 'WORKER_DIED';
  return (await exitWithin(hand, isTold ? exitSeenWithinMs : orphanEndsWithinMs)) !== null;
}
