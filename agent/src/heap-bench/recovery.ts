/** How long it takes to recover a client, against how many objects it held. */
import { type Core, grantFence, instantiateCore, joinPool, type MappedPool, recoverClient } from '../pool/pool.ts';
import { openHeap } from '../shm/index.ts';
import { machineNumber } from './bench-pool.ts';

export interface RecoveryTiming {
  readonly objects: number;
  readonly ms: readonly number[];
}

const sizes = [10_000, 100_000, 1_000_000];

/** The same process plays both: nothing of the dead one's is left in caches that another process would not have. */
export function timeRecoveries(mapped: MappedPool, rounds: number): readonly RecoveryTiming[] {
  const survivor = instantiateCore(mapped, { thread: 0 });
  joinPool(survivor, { machineNumber });
  openHeap(survivor);
  return sizes.map((objects) => ({
    objects,
    ms: Array.from({ length: rounds }, () => timeRecovery(mapped, survivor, objects)),
  }));
}

function timeRecovery(mapped: MappedPool, survivor: Core, objects: number): number {
  const client = prepareDead(mapped, objects);
  grantFence(survivor, client);
  const startedMs = performance.now();
  recoverClient(survivor, client);
  return performance.now() - startedMs;
}

/** A client that holds so many objects of 64 bytes, each by a root of its own, and does nothing more. */
export function prepareDead(mapped: MappedPool, objects: number): { readonly id: number; readonly incarnation: number } {
  const core = instantiateCore(mapped, { thread: 1 });
  // A thread that never left: this instance is another occupant of its scratch.
  core.exports.forget();
  const client = joinPool(core, { machineNumber });
  const heap = openHeap(core, { leakReports: 'off' });
  for (let held = 0; held < objects; held++) heap.alloc(64);
  return client;
}
