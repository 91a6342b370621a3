/** Measures how far the clocks of two machines are apart, over the pool, for the time line; and what reading a clock costs there. */
import type { Hand } from '../runs/crew/hand.ts';
import { both } from './both.ts';
import type { WorkloadContext } from './workload.ts';

const rounds = 100;
const deadlineMs = 60_000;

/** `server`'s machine is the reference. To be called at the start and at the end: two measurements show the drift. */
export async function measureClocks(
  server: Hand,
  caller: Hand,
  context: WorkloadContext,
): Promise<readonly { readonly machine: string; readonly ns: number }[]> {
  const sent = context.timeline.now();
  const [served, asked] = await both(
    server.task('clock', { role: 'server', rounds }, { deadlineMs, label: 'clock' }),
    caller.task('clock', { role: 'caller', rounds }, { deadlineMs, label: 'clock' }),
  );
  const received = context.timeline.now();
  context.timeline.offsets.push({
    clock: caller.post.machine,
    controllerNs: (sent.ns + received.ns) / 2,
    behindNs: asked.offsetNs,
    errorNs: asked.errorNs,
  });
  return [
    { machine: server.post.machine, ns: served.clockReadNs },
    { machine: caller.post.machine, ns: asked.clockReadNs },
  ];
}
