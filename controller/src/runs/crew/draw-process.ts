/** A worker process on the time line, from its start to its end, and what its end says of its machine's clock. */
import type { Stamp } from '../../traces/align-clocks.ts';
import type { Timeline } from '../../traces/timeline.ts';
import type { SeenExit } from '../evidence.ts';
import { type Hand, laneOf } from './hand.ts';

/** `sentNs`: when it was asked for. */
export function drawProcess(
  timeline: Timeline,
  { post, pid, client, clock }: Pick<Hand, 'post' | 'pid' | 'client' | 'clock'>,
  { start, sentNs, seen }: { readonly start: Stamp; readonly sentNs: number; readonly seen: SeenExit },
): void {
  const isOwnStamp = seen.withMachine !== true && seen.untold !== true;
  const end = isOwnStamp ? { clock, ns: seen.atNs } : timeline.now();
  if (isOwnStamp) {
    timeline.observations.push({ clock, sentNs, machineNs: seen.atNs, receivedNs: timeline.now().ns });
  }
  const name = `pid ${pid}${seen.signal === null ? '' : ` · ${seen.signal}`}`;
  const detail = { pid, client: client.id, incarnation: client.incarnation, signal: seen.signal, exitCode: seen.exitCode };
  timeline.spans.push({ lane: laneOf(post), kind: 'process', name, start, end, detail });
}
