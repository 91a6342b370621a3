export { inspectPool, inspectPoolFile, type PoolInspection } from './inspect.ts';
export { type InspectedLockHeap, type InspectedNaiveHeap, inspectLockHeap, inspectNaiveHeap } from './inspect-baselines.ts';
