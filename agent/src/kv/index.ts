/**
 * A key-value store in the heap of the pool, shared by clients on all machines, that survives the death of any of them.
 *
 *     using store = openStore(heap, 'users', { partitions: 4, buckets: 1024 });
 *     store.claim(store.partitionOf(7));        // one client writes a partition; all read
 *     store.put(7, bytes);
 *     store.get(7);                             // a copy
 *     store.read(7, (value) => value[0]);       // the device's own bytes, as long as the function runs
 *     store.delete(7);
 */
export { checkKvHistory, type KvHistory, type KvViolation, kvProblems } from './check-history.ts';
export { KvError, type KvErrorCode } from './kv-error.ts';
export type { Key, KvStore } from './kv-store.ts';
export type { KvOperation } from './linearize/read-operations.ts';
export { openStore, type StoreShape } from './open-store.ts';
