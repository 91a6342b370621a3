/**
 * `cxlpod`, the package, as programs of users import it. In a worker these are the worker's own copies: a program that is
 * deployed brings none (`controller/src/workload/bundle-program.ts`).
 */
export type { Operation, Outcome } from '../history/index.ts';
export { bytes, defineService, json, RpcError } from '../rpc/index.ts';
export { HeapError, type Ref } from '../shm/index.ts';
export type { ProgramContext } from './program-context.ts';
export { defineWorkload, type WorkloadDefinition } from './workload-definition.ts';
