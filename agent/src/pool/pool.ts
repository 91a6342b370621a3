/**
 * The pool as one thread of one worker uses it: map, instantiate, format or check, join, heartbeat, leave; and, for whoever
 * has seen a client's end, fence and recover it.
 *
 *     const mapped = mapPool({ poolPath, poolSizeBytes, historyPath, historySizeBytes });   // once per process
 *     const core = instantiateCore(mapped, { thread: 0 });                                  // once per thread
 *     checkPool(core);                                                                      // or formatPool(core, ...)
 *     const self = joinPool(core, { machineNumber: 1 });
 *     const heartbeat = startHeartbeat(mapped, self, { intervalMs: 100 });
 */
import type { ClientIdentity } from '../protocol/messages.ts';
import type { ArmedCrash, Core } from './core.ts';
import type { MappedPool } from './map.ts';

export type { ArmedCrash, Core } from './core.ts';
export type { MapOptions, MappedPool } from './map.ts';
export { abort, clearAbort, mapPool } from './map.ts';
export { PoolError, type PoolErrorCode } from './pool-error.ts';

/** One instance per thread; `thread` from 0, unique in the process, below 16. Throws PoolError: CORE_MISSING, UNKNOWN_CRASH_POINT. */
export function instantiateCore(_mapped: MappedPool, _options: { readonly thread: number; readonly crash?: ArmedCrash }): Core {
  throw new Error('not built yet');
}

/**
 * Formats a blank pool (and its history) exactly once; returns whether this call did it. A pool that is formatted already is
 * checked as by `checkPool`. Takes over from a formatter of the same machine whose process is gone; a live or remote one is
 * refused with FORMAT_IN_PROGRESS, unless `deadFormatter` names it, which the caller may do only after seeing its end.
 */
export function formatPool(
  _core: Core,
  _options: {
    readonly machineNumber: number;
    readonly deadFormatter?: { readonly machineNumber: number; readonly pid: number };
  },
): boolean {
  throw new Error('not built yet');
}

/** Throws PoolError: POOL_NOT_FORMATTED, POOL_WRONG_MAGIC, POOL_WRONG_LAYOUT, POOL_WRONG_SIZE, HISTORY_WRONG_MAGIC, FORMAT_IN_PROGRESS. */
export function checkPool(_core: Core): void {
  throw new Error('not built yet');
}

/** Takes a free slot of the client table for this thread. Throws PoolError: CLIENT_TABLE_FULL. */
export function joinPool(_core: Core, _options: { readonly machineNumber: number }): ClientIdentity {
  throw new Error('not built yet');
}

/** Closes this client's connections and frees its slot. */
export function leavePool(_core: Core): void {
  throw new Error('not built yet');
}

/** Bumps the client's heartbeat word from a native thread, also while JavaScript is busy. At least 100 ms apart. */
export function startHeartbeat(
  _mapped: MappedPool,
  _client: ClientIdentity,
  _options: { readonly intervalMs: number },
): { stop(): void } {
  throw new Error('not built yet');
}

/**
 * Says in the pool that this incarnation will never write again. Only for who has *seen* its end (design D7); idempotent.
 * Recovery is a step of its own, see `recoverClient`.
 */
export function grantFence(_core: Core, _client: ClientIdentity): void {
  throw new Error('not built yet');
}

export function isFenced(_core: Core, _client: ClientIdentity): boolean {
  throw new Error('not built yet');
}

/**
 * Finishes what a fenced client left: its connections are closed in its name, its slot becomes free. Idempotent, restartable,
 * safe to run from several machines at once. Throws PoolError NOT_FENCED-like `FENCED` never; refuses an unfenced client.
 */
export function recoverClient(_core: Core, _client: ClientIdentity): void {
  throw new Error('not built yet');
}
