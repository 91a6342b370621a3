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

export { type SeenClient, seeClients } from './clients.ts';
export { type ArmedCrash, arm, type Core, instantiateCore } from './core.ts';
export { fenceMachine, fenceProcess, grantFence, introduceTo, isFenced, recoverClient, recoverClientSoon } from './fence.ts';
export { checkPool, type FormatOptions, formatPool } from './format.ts';
export type { HeapOptions } from './heap-shape.ts';
export { joinPool, leavePool, startHeartbeat } from './join.ts';
export { abort, clearAbort, isAborted, type MapOptions, type MappedPool, mapPool } from './map.ts';
export { PoolError, type PoolErrorCode } from './pool-error.ts';
