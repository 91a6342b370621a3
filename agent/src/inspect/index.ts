export { inspectPool, inspectPoolFile, type PoolInspection } from './inspect.ts';
