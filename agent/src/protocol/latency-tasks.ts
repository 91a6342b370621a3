/** Tasks that measure calls, and what calls are compared with. They are part of `Tasks`. */
import type { CallSummary, LatencyCounts, Span } from './tasks.ts';

/** What a server does between two looks that find nothing: `WaitingStrategy`, as a scenario names it. */
export type Waiting = 'adaptive' | 'spin' | 'pause' | 'timed' | 'yield' | 'sleep';

export interface LatencyTasks {
  /** The echo of `tcp-serve` over a unix socket: both sides are on one host. */
  'unix-serve': { parameters: { readonly path: string }; result: { readonly served: number } };
  'unix-call': {
    parameters: { readonly path: string; readonly payloadBytes: number; readonly calls: number };
    result: CallSummary;
  };
  /** An echo over gRPC, requests and responses as bare bytes. */
  'grpc-serve': { parameters: { readonly host: string; readonly port: number }; result: { readonly served: number } };
  'grpc-call': {
    parameters: { readonly host: string; readonly port: number; readonly payloadBytes: number; readonly calls: number };
    result: CallSummary;
  };
  /** Serves several connections of one service in one thread, until all callers have closed them. */
  'sweep-serve': {
    parameters: {
      readonly service: string;
      readonly connections: number;
      readonly window: number;
      readonly payloadBytes: number;
      /**
       * `echo`: inside the core. `reference`: answers 8 bytes without touching the request. `touch`: reads a byte of every line, answers their
       * sum in 8 bytes.
       */
      readonly handler: 'echo' | 'reference' | 'touch';
      readonly layout?: 'hardened' | 'faithful';
      readonly sharing?: 'coherent' | 'lines' | 'fast' | 'non-temporal';
      readonly waiting?: Waiting;
    };
    result: {
      readonly served: number;
      readonly refused: number;
      /** From the first request to the end. */
      readonly elapsedNs: number;
      /** Processor time of the worker meanwhile, all its threads. */
      readonly cpuNs: number;
    };
  };
  /** Calls over connections that `sweep-serve` serves, as fast as they are answered; every response is verified. */
  'sweep-call': {
    parameters: {
      readonly service: string;
      readonly connections: number;
      /**
       * `echo`: inside the core, over one connection. `reference`, `touch`: one call at a time, as the handlers of `sweep-serve`. `shared`: echoes
       * from JavaScript that polls all connections in turn.
       */
      readonly manner: 'echo' | 'reference' | 'touch' | 'shared';
      /** Calls in flight on each connection, of `echo` and `shared`. */
      readonly depth: number;
      readonly payloadBytes: number;
      readonly batches: number;
      readonly callsPerBatch: number;
      /** Of the caller, while there is no answer. */
      readonly waiting?: Waiting;
    };
    result: CallSummary & { readonly elapsedNs: number };
  };
  /** Calls that arrive at random at a given rate, whatever becomes of those before. A latency counts from the intended start. */
  'open-loop-call': {
    parameters: {
      readonly service: string;
      readonly payloadBytes: number;
      readonly callsPerSecond: number;
      readonly calls: number;
      readonly seed: number;
    };
    result: {
      readonly latency: LatencyCounts;
      readonly calls: number;
      readonly elapsedNs: number;
      /** Calls that were to start while all slots were taken. */
      readonly delayed: number;
      readonly spans: readonly Span[];
    };
  };
  /** Single calls, each after the server had nothing to do for a while. */
  'idle-gap-call': {
    parameters: {
      readonly service: string;
      readonly payloadBytes: number;
      readonly gaps: readonly { readonly gapNs: number; readonly calls: number }[];
    };
    result: { readonly gaps: readonly { readonly gapNs: number; readonly latency: LatencyCounts }[] };
  };
}
