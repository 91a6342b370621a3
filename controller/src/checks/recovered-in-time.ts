import type { RecoveryOutcome } from '../recovery/index.ts';
import { type Check, unknown, valid } from './check.ts';

/** From the end that was seen to the end of the recovery, at the default lease. */
const barMs = 3_000;
const nsPerMs = 1e6;

/** Never invalid: slow is not wrong, and on a busy host says nothing. */
export const recoveredInTime: Check = {
  name: 'recovered-in-time',
  sentence: `Whoever died with its machine is recovered within ${barMs / 1000} s of the end being seen.`,
  check: ({ recoveries }) => {
    const times = recoveries.filter(({ state }) => state === 'recovered').map(timesOf);
    if (times.length === 0) return unknown('Nobody was recovered with a machine.', { recoveries });
    const slowest = times.reduce((a, b) => ((b.recoveredAfterMs ?? 0) > (a.recoveredAfterMs ?? 0) ? b : a));
    const { client, machine, recoveredAfterMs } = slowest;
    if (recoveredAfterMs === null) return unknown('No end of a machine was seen before its clients were recovered.', { times });
    const sentence = `Client ${client} of ${machine} was recovered ${Math.round(recoveredAfterMs)} ms after the end of its machine was seen`;
    if (recoveredAfterMs > barMs) return unknown(`${sentence}: later than ${barMs} ms.`, { times });
    return valid(`${sentence}, the slowest of ${times.length}.`, { times });
  },
};

/** From the end seen, so that the lease is not counted; null where the one or the other was not seen. */
function timesOf({ id, incarnation, machine, suspectedAt, endSeenAt, fencedAt, recoveredAt }: RecoveryOutcome) {
  const after = (stamp: RecoveryOutcome['fencedAt']): number | null =>
    stamp === null || endSeenAt === null ? null : (stamp.ns - endSeenAt.ns) / nsPerMs;
  return {
    client: id,
    incarnation,
    machine,
    suspectedAfterMs: after(suspectedAt),
    fencedAfterMs: after(fencedAt),
    recoveredAfterMs: after(recoveredAt),
  };
}
