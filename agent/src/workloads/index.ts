/** Every task by its name. */
import type { TaskName } from '../protocol/tasks.ts';
import { clock } from './clock.ts';
import { demand } from './demand.ts';
import { exec } from './exec.ts';
import { gate } from './gate.ts';
import { grpcCall } from './grpc-call.ts';
import { grpcServe } from './grpc-serve.ts';
import { handOver } from './hand-over.ts';
import { heapChurn } from './heap-churn.ts';
import { heapFill } from './heap-fill.ts';
import { heapMix } from './heap-mix.ts';
import { idleGapCall } from './idle-gap-call.ts';
import { kMeans } from './k-means.ts';
import { kvCheck } from './kv-check.ts';
import { kvLoad } from './kv-load.ts';
import { kvRemove } from './kv-remove.ts';
import { kvRun } from './kv-run.ts';
import { lockHeap } from './lock-heap.ts';
import { naiveCounting } from './naive-counting.ts';
import { openLoopCall } from './open-loop-call.ts';
import { partitionServe } from './partition-serve.ts';
import { partitionTake } from './partition-take.ts';
import { pipelinedCall } from './pipelined-call.ts';
import { pipelinedServe } from './pipelined-serve.ts';
import { program } from './program.ts';
import { programMemory } from './program-memory.ts';
import { recordRead } from './record-read.ts';
import { recordServe } from './record-serve.ts';
import { rpcCall } from './rpc-call.ts';
import { rpcCallThroughCrash } from './rpc-call-through-crash.ts';
import { rpcForge } from './rpc-forge.ts';
import { rpcServe } from './rpc-serve.ts';
import { shbench } from './shbench.ts';
import { sweepCall } from './sweep-call.ts';
import { sweepServe } from './sweep-serve.ts';
import { tcpCall } from './tcp-call.ts';
import { tcpServe } from './tcp-serve.ts';
import { threadtest } from './threadtest.ts';
import { unixCall } from './unix-call.ts';
import { unixServe } from './unix-serve.ts';
import { wordCount } from './word-count.ts';
import { wordPingPong } from './word-ping-pong.ts';
import type { TaskContext, Workload } from './workload.ts';

const byName: { readonly [Name in TaskName]: Workload<Name> } = {
  gate,
  'rpc-serve': rpcServe,
  'rpc-call': rpcCall,
  'rpc-call-through-crash': rpcCallThroughCrash,
  'rpc-forge': rpcForge,
  'pipelined-serve': pipelinedServe,
  'pipelined-call': pipelinedCall,
  'word-ping-pong': wordPingPong,
  clock,
  'tcp-serve': tcpServe,
  'tcp-call': tcpCall,
  'unix-serve': unixServe,
  'unix-call': unixCall,
  'grpc-serve': grpcServe,
  'grpc-call': grpcCall,
  'sweep-serve': sweepServe,
  'sweep-call': sweepCall,
  'open-loop-call': openLoopCall,
  'idle-gap-call': idleGapCall,
  threadtest,
  shbench,
  'hand-over': handOver,
  'word-count': wordCount,
  'k-means': kMeans,
  'lock-heap': lockHeap,
  'heap-churn': heapChurn,
  'heap-fill': heapFill,
  'heap-mix': heapMix,
  'naive-counting': naiveCounting,
  'kv-load': kvLoad,
  'kv-run': kvRun,
  'kv-check': kvCheck,
  'kv-remove': kvRemove,
  'record-serve': recordServe,
  'record-read': recordRead,
  demand,
  'partition-serve': partitionServe,
  'partition-take': partitionTake,
  'program-memory': programMemory,
  exec,
  program,
};

/** As the worker sees them: a name from the wire, parameters that only the task's own reader can type. */
export interface AnyWorkload {
  parameters(value: unknown, place: string): unknown;
  run(context: TaskContext, parameters: unknown): unknown;
}

export const workloads: Readonly<Record<string, AnyWorkload | undefined>> = Object.assign(
  Object.create(null) as Record<string, AnyWorkload>,
  byName,
);
