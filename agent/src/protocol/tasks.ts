/**
 * The tasks that a worker's pool thread can run: name, parameters, result. All times are of the machine's own monotonic clock in
 * ns (`startNs`, `endNs`), to be aligned by the controller with `clock-*`; durations are in ns as well.
 */
import type { LatencyTasks, Waiting } from './latency-tasks.ts';
import type { ClientIdentity } from './messages.ts';
import type { PaperTasks } from './paper-tasks.ts';
import type { ProgramTasks } from './program-tasks.ts';

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

/**
 * OUTCOME_UNKNOWN: published, never answered, the server is fenced. PEER_LOST: refused before it was published. FAILED: the handler threw.
 * TOO_LARGE: the response does not fit.
 */
export type RpcErrorCode =
  | 'OUTCOME_UNKNOWN'
  | 'PEER_LOST'
  | 'TIMEOUT'
  | 'REFUSED'
  | 'FAILED'
  | 'UNKNOWN_METHOD'
  | 'TOO_LARGE'
  | 'CLOSED';

/** Of a KV store: fixed when it is made. */
export interface KvShape {
  readonly partitions: number;
  readonly buckets: number;
}

/** Values in a store, and the sum of their versions: no update is missing where both are what they must be. */
export interface KvLeft {
  readonly found: number;
  readonly versionSum: number;
}

/** Operations by kind. */
export interface KvCounts {
  readonly read: number;
  readonly update: number;
  readonly insert: number;
  readonly scan: number;
  readonly readModifyWrite: number;
  readonly delete: number;
}

export interface Tasks extends LatencyTasks, PaperTasks, ProgramTasks {
  /** The coherence gate (design D1); run on all machines at once. */
  gate: {
    parameters: { readonly machines: number; readonly machineNumber: number; readonly iterations: number };
    result: GateResult;
  };
  /** Serves one connection of `service` until the caller closes it or dies. */
  'rpc-serve': {
    parameters: { readonly service: string; readonly handler: 'core' | 'javascript'; readonly waiting?: Waiting };
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
      readonly waiting?: Waiting;
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
      /** As fast as they are answered when not given. */
      readonly callsPerSecond?: number;
      /** A call that timed out is given up, and the connection stays; otherwise it is closed. */
      readonly staysAfterTimeout?: boolean;
    };
    result: CallSummary & {
      readonly answered: number;
      readonly failures: readonly CallFailure[];
      readonly longestStallNs: number;
    };
  };
  /** Serves several connections of a service until all are closed; answers out of order, and each execution is in the history. */
  'pipelined-serve': {
    parameters: {
      readonly service: string;
      readonly connections: number;
      /** At most, so that callers always wait for it. */
      readonly callsPerSecond: number;
    };
    result: { readonly executed: number };
  };
  /**
   * `depth` calls in flight on each connection, every call in the history, until the server was lost and so many calls were answered by the
   * next ones.
   */
  'pipelined-call': {
    parameters: {
      readonly service: string;
      readonly connections: number;
      readonly depth: number;
      readonly payloadBytes: number;
      readonly callsAfterLoss: number;
    };
    result: {
      readonly begun: number;
      readonly answered: number;
      /** Sent to a server that is fenced and did not answer. */
      readonly unknown: number;
      /** Refused before it was sent. */
      readonly notSent: number;
      readonly connectionsLost: number;
      readonly answeredAfterLoss: number;
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
  /** Allocates a batch of objects and drops it, again and again (CXL-SHM, figure 5); a batch of each client is checked before and after. */
  threadtest: {
    parameters: {
      readonly meeting: MeetingPlace;
      readonly iterations: number;
      /** Of a batch of this client. */
      readonly objects: number;
      readonly objectBytes: number;
    };
    result: Allocated;
  };
  /** Objects of random sizes and lifetimes (CXL-SHM, figure 5). */
  shbench: {
    parameters: {
      readonly meeting: MeetingPlace;
      readonly calls: number;
      readonly checkedCalls: number;
      /** Objects that live at once. */
      readonly slots: number;
      readonly leastBytes: number;
      readonly mostBytes: number;
      readonly seed: number;
    };
    result: Allocated;
  };
  /** Linked structures go through a queue to another client, who reads all of them and drops them. */
  'hand-over': {
    parameters: {
      readonly role: 'sender' | 'receiver';
      readonly peer: ClientIdentity;
      readonly tag: number;
      readonly structures: number;
      /** Of one structure. */
      readonly objects: number;
      readonly objectBytes: number;
      readonly manner: 'copy' | 'move' | 'batch';
      readonly batch: number;
      /** Every structure goes into the history as an item of the queue, see `queueItem`. */
      readonly history?: boolean;
      /** The peer may die: then the task ends with what was handed over until then, instead of an error. */
      readonly mayLose?: boolean;
    };
    result: {
      /** Sent, or received. */
      readonly structures: number;
      readonly objects: number;
      /** The peer died, or was dead, before all were. */
      readonly isLost: boolean;
      readonly elapsedNs: number;
      readonly spans: readonly Span[];
    };
  };
  /** Map and reduce over chunks of a text in the heap; each reducer compares with a plain count. `peers`: the other role, all of them. */
  'word-count': {
    parameters: {
      readonly role: 'mapper' | 'reducer';
      readonly text: string;
      /** To which the text is repeated. */
      readonly sizeBytes: number;
      readonly chunkBytes: number;
      /** Number of this worker among those of its role, from 0, and how many there are. */
      readonly share: number;
      readonly shares: number;
      readonly peers: readonly ClientIdentity[];
      readonly tag: number;
    };
    result: {
      readonly words: number;
      /** Of a reducer. */
      readonly distinct: number;
      readonly sourceBytes: number;
      readonly elapsedNs: number;
      readonly spans: readonly Span[];
    };
  };
  /** Points in the heap, means and partial sums by reference; the coordinator compares with a plain computation from the same start. */
  'k-means': {
    parameters: {
      readonly role: 'coordinator' | 'worker';
      /** Of the coordinator: all workers; of a worker: the coordinator. */
      readonly peers: readonly ClientIdentity[];
      readonly tag: number;
      readonly points: number;
      readonly pointsPerBlock: number;
      readonly clusters: number;
      readonly iterations: number;
      readonly seed: number;
    };
    result: {
      readonly points: number;
      readonly iterations: number;
      readonly elapsedNs: number;
      /** Of the coordinator, in micrometres. */
      readonly means: readonly number[];
      readonly spans: readonly Span[];
    };
  };
  /** The heap with a lock and a redo log, while a client dies; and after everybody stopped. */
  'lock-heap': { parameters: DeathParameters; result: DeathResult };
  /** The same operations on CXL-SHM. */
  'heap-churn': { parameters: DeathParameters; result: DeathResult };
  /** Everything that the heap can do, mixed, until those that are to die are dead and the others have done `operations`. */
  'heap-mix': {
    parameters: {
      readonly role: 'work' | 'clear';
      /** Of this mix: nobody meets those of another one. */
      readonly token: number;
      readonly member: number;
      readonly members: number;
      readonly operations: number;
      /** It works until it is killed. */
      readonly dies: boolean;
      /** Objects of whole pages and segments as well. */
      readonly large: boolean;
      /** All of them refer to the same few objects, and let go of them, all the time; nothing else. */
      readonly hot: boolean;
      readonly seed: number;
    };
    result: { readonly operations: number /** Objects that were got hold of and found whole. */; readonly looks: number };
  };
  /** Takes all memory of the heap, and holds it until the worker leaves. */
  'heap-fill': { parameters: { readonly objectBytes: number }; result: { readonly objects: number; readonly bytes: number } };
  /** The negative controls: what a death between two steps leaves must be seen. */
  'naive-counting': {
    parameters: {
      readonly role: 'prepare' | 'victim' | 'recover';
      readonly order: 'leaks' | 'dangles';
      readonly partners: readonly ClientIdentity[];
    };
    result: { readonly problems: readonly string[]; readonly liveBlocks: number; readonly references: number };
  };
  /** Puts those of the records 0 to `records` - 1 that are in the claimed partitions, all with this version. */
  'kv-load': {
    parameters: {
      readonly store: string;
      readonly shape: KvShape;
      /** Partitions that this worker writes; nobody else does while it is there. */
      readonly claims: readonly number[];
      readonly records: number;
      readonly valueBytes: number;
      readonly version: number;
    };
    result: { readonly loaded: number; readonly elapsedNs: number };
  };
  /** YCSB A to F on what was loaded: reads of everything, writes in the claimed partitions. Ends after `operations`, or `seconds`. */
  'kv-run': {
    parameters: {
      readonly store: string;
      readonly shape: KvShape;
      readonly claims: readonly number[];
      readonly mix: 'a' | 'b' | 'c' | 'd' | 'e' | 'f';
      readonly distribution: 'uniform' | 'zipfian';
      readonly records: number;
      readonly valueBytes: number;
      readonly operations: number;
      /** Larger than any that was written to the claimed partitions before. */
      readonly firstVersion: number;
      readonly seed: number;
      readonly seconds?: number;
      /** So many of a hundred updates delete instead. */
      readonly deletePercent?: number;
      /** Gets in the longest scan. */
      readonly scanLength?: number;
      /** Every put, get and delete goes into the history, for `checkKvHistory`. */
      readonly history?: boolean;
      /** Where the clients wait for each other before they are measured. */
      readonly meeting?: MeetingPlace;
    };
    result: {
      readonly operations: number;
      readonly elapsedNs: number;
      readonly counts: KvCounts;
      /** Gets that found no value. */
      readonly notFound: number;
      /** Values that were torn, of another key, older than one seen before, or missing; the first of them in words. */
      readonly flawCount: number;
      readonly flaws: readonly string[];
      readonly lastVersion: number;
      readonly ownRecords: number;
      /** Values that were looked at as a whole, beside those of the first reading of everything. */
      readonly checked: number;
      /** What this client left in its partitions, of the records that were loaded: how many have a value, and the sum of their versions. */
      readonly left: KvLeft;
      /** Keys from this one on were not inserted by this client. */
      readonly nextKey: number;
      readonly latency: LatencyCounts;
      readonly spans: readonly Span[];
    };
  };
  /** Reads every record and looks at all of its bytes. */
  'kv-check': {
    parameters: { readonly store: string; readonly shape: KvShape; readonly records: number; readonly valueBytes: number };
    result: {
      readonly found: number;
      readonly missing: number;
      readonly flaws: readonly string[];
      readonly lastVersion: number;
      readonly versionSum: number;
    };
  };
  /** Takes a store away: its name at once, its memory when the last client that has it open leaves. */
  'kv-remove': {
    parameters: { readonly store: string };
    /** `removed`: there was one. */
    result: { readonly removed: boolean };
  };
}

export type TaskName = keyof Tasks;

/** Where clients of one task meet. `token`: another one each time, so that nobody meets those of another run. */
export interface MeetingPlace {
  readonly token: number;
  readonly members: number;
  /** From 0. Whoever does a dead member's task anew is the same member. */
  readonly member: number;
}

export interface Allocated {
  /** Allocated and dropped while it was measured. */
  readonly objects: number;
  readonly elapsedNs: number;
  /** Processor time of the worker meanwhile: what the same costs on a machine where others are at work. */
  readonly cpuNs: number;
  /** Objects written all over and read again, beside what was measured. */
  readonly checked: number;
  readonly spans: readonly Span[];
}

export interface DeathParameters {
  /** `victim` works until it is killed, `survivor` until `afterMs` after its partner's end was seen, `restart` once all are dead. */
  readonly role: 'victim' | 'survivor' | 'restart';
  readonly partners: readonly ClientIdentity[];
  readonly bucketMs: number;
  readonly afterMs: number;
  readonly seed: number;
}

export interface DeathResult {
  /** Of a survivor. */
  readonly survival: Survival | null;
  /** Of a restart: what the recount finds wrong, how many of the partners' objects are there, what is left after they are dropped. */
  readonly restart: { readonly problems: readonly string[]; readonly found: number; readonly left: number } | null;
}

/** How a survivor got on: only whole buckets of time count, in which both worked, or in which the other's end was seen. */
export interface Survival {
  readonly operations: number;
  readonly before: { readonly operations: number; readonly ms: number };
  readonly after: { readonly operations: number; readonly ms: number };
  /** Refusals because somebody who is dead holds the lock. */
  readonly blocked: number;
  readonly longestStallNs: number;
  readonly spans: readonly Span[];
}

export interface GateResult {
  readonly iterations: number;
  /** Of this machine: CASes that won and lost. */
  readonly casWon: number;
  readonly casLost: number;
  /** Totals read after the last barrier, the same on every machine. */
  readonly totals: { readonly fetchAdd: number; readonly casWon: number; readonly casCounter: number; readonly plain: number };
  readonly litmus: readonly { readonly name: string; readonly runs: number; readonly forbidden: number }[];
}
