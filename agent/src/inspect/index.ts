export { type HeapUse, readHeapUse } from './heap/heap-use.ts';
export type { InspectedHeap, InspectedSegment } from './heap/inspect-heap.ts';
export type { InspectedHeapClient } from './heap/inspect-heap-clients.ts';
export { openTransactionCount, type TransactionCount } from './heap/transaction-count.ts';
export { type InspectedClient, inspectPool, inspectPoolFile, type PoolInspection } from './inspect.ts';
export { type InspectedLockHeap, type InspectedNaiveHeap, inspectLockHeap, inspectNaiveHeap } from './inspect-baselines.ts';
export { type Finding, type ProblemKind, problemKinds } from './problems.ts';
