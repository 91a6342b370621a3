/** What a run left on its pod, looked for after the drain. What `down` leaves is a matter of `down`. */
import type { PoolInspection } from '@cxlpod/agent/inspect';
import type { Pod } from '../cluster/pod.ts';
import type { Leftovers } from './evidence.ts';

const askWithinMs = 10_000;

/** `pool`: as it was read after the drain; null when it could not be. */
export async function lookForLeftovers(pod: Pick<Pod, 'machines'>, pool: PoolInspection | null): Promise<Leftovers> {
  const found: string[] = [];
  const unseen: string[] = [];
  await Promise.all(
    pod.machines.map(async ({ machine, agent }) => {
      try {
        const { workers } = await agent.request('status', {}, { timeoutMs: askWithinMs });
        found.push(...workers.map(({ worker, pid }) => `worker ${worker} (pid ${pid}) on ${machine.name}`));
      } catch (error) {
        unseen.push(`${machine.name}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }),
  );
  if (pool === null) unseen.push('the pool');
  const joined = (pool?.clients ?? []).filter(({ state }) => state !== 'free');
  found.push(...joined.map(({ id, machine, state }) => `client ${id} of machine ${machine}, ${state}, in the pool`));
  return { found, unseen };
}
