/**
 * The tasks that a worker's pool thread can run: name, parameters, result. All times are of the machine's own monotonic clock in
 * ns (`startNs`, `endNs`), to be aligned by the controller with `clock-*`; durations are in ns as well.
 */

/** Latencies in ns: each sample is the mean of `callsPerSample` back-to-back calls, given as [value, how often]. */
export interface LatencyCounts {
  readonly unit: 'ns';
  readonly callsPerSample: number;
  readonly counts: readonly (readonly [valueNs: number, count: number])[];
}

/** Something a lane did from `startNs` to `endNs`; drawn in the trace. An instant has both equal. */
export interface Span {
  readonly name: string;
  readonly startNs: number;
  readonly endNs: number;
}

export interface CallSummary {
  readonly latency: LatencyCounts;
  readonly calls: number;
  /** At most 2,000, evenly thinned; a span covers one batch of `callsPerSample` calls. */
  readonly spans: readonly Span[];
}

export interface CallFailure {
  /** Number of the call, from 1. */
  readonly call: number;
  readonly code: RpcErrorCode;
  readonly startNs: number;
  readonly endNs: number;
}

/** OUTCOME_UNKNOWN: published, never answered, the server is fenced. PEER_LOST: refused before it was published. */
export type RpcErrorCode = 'OUTCOME_UNKNOWN' | 'PEER_LOST' | 'TIMEOUT' | 'REFUSED' | 'CLOSED';

export interface Tasks {
  /** The coherence gate (design D1); run on all machines at once. */
  gate: {
    parameters: { readonly machines: number; readonly machineNumber: number; readonly iterations: number };
    result: GateResult;
  };
  /** Serves one connection of `service` until the caller closes it or dies. */
  'rpc-serve': {
    parameters: { readonly service: string; readonly handler: 'core' | 'javascript' };
    result: { readonly served: number; readonly refused: number };
  };
  /** 64-byte (or so) echo calls in batches; verifies each response. */
  'rpc-call': {
    parameters: {
      readonly service: string;
      readonly caller: 'core' | 'javascript';
      readonly payloadBytes: number;
      readonly batches: number;
      readonly callsPerBatch: number;
    };
    result: CallSummary;
  };
  /** Calls one by one, every call in the history, across deaths of the server; ends after `calls` calls were answered. */
  'rpc-call-through-crash': {
    parameters: {
      readonly service: string;
      readonly calls: number;
      readonly payloadBytes: number;
      readonly callDeadlineMs: number;
      readonly reconnectWithinMs: number;
    };
    result: CallSummary & {
      readonly answered: number;
      readonly failures: readonly CallFailure[];
      readonly longestStallNs: number;
    };
  };
  /** Publishes deliberately forged requests (offset or length out of range); the server must refuse each and live. */
  'rpc-forge': { parameters: { readonly service: string }; result: { readonly sent: number; readonly refused: number } };
  /** One word bounced between two machines. */
  'word-ping-pong': {
    parameters: { readonly role: 'caller' | 'server'; readonly batches: number; readonly roundsPerBatch: number };
    result: { readonly latency: LatencyCounts };
  };
  /** NTP-style over the pool: the caller learns `serverClock - callerClock`. */
  clock: {
    parameters: { readonly role: 'caller' | 'server'; readonly rounds: number };
    result: { readonly offsetNs: number; readonly errorNs: number; readonly clockReadNs: number };
  };
  'tcp-serve': { parameters: { readonly host: string; readonly port: number }; result: { readonly served: number } };
  'tcp-call': {
    parameters: { readonly host: string; readonly port: number; readonly payloadBytes: number; readonly calls: number };
    result: CallSummary;
  };
}

export type TaskName = keyof Tasks;

export interface GateResult {
  readonly iterations: number;
  /** Of this machine: CASes that won and lost. */
  readonly casWon: number;
  readonly casLost: number;
  /** Totals read after the last barrier, the same on every machine. */
  readonly totals: { readonly fetchAdd: number; readonly casWon: number; readonly casCounter: number; readonly plain: number };
  readonly litmus: readonly { readonly name: string; readonly runs: number; readonly forbidden: number }[];
}
