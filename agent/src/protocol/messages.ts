/**
 * The conversation between controller and agent: JSON lines over one byte stream, one message a line.
 *
 * The first line each way is a hello; a peer of another protocol or layout version is refused by name. After it the
 * controller sends requests, the agent answers each once, and sends numbered events. Events are kept by the agent (the last
 * `eventBacklog`), so that a controller that attaches again misses none.
 *
 * The agent says its hello first. A controller that attaches again in the same session sends its unanswered requests again,
 * with their ids: the agent does none of them twice, and answers each on that controller's newest channel.
 */
import type { WireError } from './agent-error.ts';

/** Raised with every change of a message. */
export const protocolVersion = 6;

/** Longest line either side accepts, in bytes; a longer one ends the channel. */
export const lineLimitBytes = 8 * 1024 * 1024;

/** How many events an agent keeps for a controller that attaches again. */
export const eventBacklog = 4096;

/** How many answers an agent keeps for a session that sends a request again after it lost its channel. */
export const answerBacklog = 64;

export interface AgentHello {
  readonly hello: 'cxlpod-agent';
  readonly protocol: number;
  /** Hash of the declared layout (generated from the core): both sides must mean the same bytes. */
  readonly layout: string;
  readonly machine: string;
  readonly pid: number;
  /** Random per start of the daemon, so that a controller notices a new one. */
  readonly instance: string;
}

export interface ControllerHello {
  readonly hello: 'cxlpod-controller';
  readonly protocol: number;
  readonly layout: string;
  /** Random per controller; ids of requests are its own and grow. Kept when it attaches again. */
  readonly session: string;
  /** The number of the last event this controller has seen from `instance`; 0 for none. */
  readonly lastEvent: number;
}

/** Of a crash point, the so-manieth from 1. */
export interface Passage {
  readonly point: string;
  readonly hit: number;
}

export interface Requests {
  /** Maps pool and history. Once per daemon; the same again is a no-op. */
  configure: {
    parameters: {
      readonly machine: string;
      /** From 1. */
      readonly machineNumber: number;
      readonly pool: { readonly path: string; readonly sizeBytes: number };
      readonly history: { readonly path: string; readonly sizeBytes: number };
    };
    result: { readonly client: ClientIdentity | null };
  };
  /** Formats the pool exactly once; a pool that is formatted already is checked instead, and keeps the heap it has. */
  format: { parameters: { readonly heap?: HeapParameters }; result: { readonly formatted: boolean } };
  /** Starts a worker process in a cgroup of its own; answers when its pool thread has joined the pool. */
  startWorker: {
    parameters: {
      readonly worker: string;
      /**
       * Dies at the `hit`-th passage (from 1) of this crash point, by SIGKILL, after writing its last words. With `until` it stands still there by
       * SIGSTOP, and dies at that passage, once it was continued.
       */
      readonly crash?: Passage & { readonly until?: Passage };
      /** Dies by SIGKILL before its so-manieth access (from 1) to shared memory in its tasks, clocks aside. Its core is the traced one, which is slow. */
      readonly dieAtAccess?: number;
      /** A deliberate mistake of docs/mutants.md, in its core, which is the traced one then, and in whoever recovers it on this machine. */
      readonly mutant?: number;
    };
    result: { readonly pid: number; readonly client: ClientIdentity };
  };
  /** Runs one task in a worker's pool thread; the answer is the task's result. */
  runTask: {
    parameters: { readonly worker: string; readonly task: string; readonly parameters: unknown; readonly deadlineMs: number };
    result: unknown;
  };
  /** `graceful`: leave the pool, exit 0. `kill`: SIGKILL the whole cgroup, wait until it is empty, grant the fence. */
  stopWorker: { parameters: { readonly worker: string; readonly how: 'graceful' | 'kill' }; result: WorkerExit };
  /**
   * Only after the end of that *other* machine was seen: grants the fences of all its clients, then finishes in their names. Whoever
   * joins from that machine afterwards is another one, so it is started again after the answer. Idempotent: a client that is recovered
   * is not named again.
   */
  recoverMachine: { parameters: { readonly machineNumber: number }; result: { readonly clients: readonly ClientIdentity[] } };
  /**
   * The end of that *other* machine was seen after these clients of it had been listed, so they write no more: grants their fences, then
   * finishes in their names. Those that are not there any more are passed over; the answer names those that were recovered.
   */
  grantFence: {
    parameters: { readonly machineNumber: number; readonly clients: readonly ClientIdentity[] };
    result: { readonly clients: readonly ClientIdentity[] };
  };
  /**
   * The agent itself dies while it recovers somebody: at a passage of a crash point of recovery, after its last words, or before its so-manieth
   * access (from 1) to shared memory from now on, with the traced core. With neither it is disarmed.
   */
  armRecoverer: {
    parameters: { readonly crash?: Passage; readonly dieAtAccess?: number };
    result: Record<string, never>;
  };
  /** How long a client's heart may stand still before it is suspected; for all clients of other machines. */
  watchHeartbeats: { parameters: { readonly leaseMs: number }; result: Record<string, never> };
  /** Runs a program of the machine to its end, e.g. the C floor. `{agent}` in an argument is the folder of the agent. */
  exec: {
    parameters: {
      readonly argv: readonly string[];
      readonly timeoutMs: number;
      readonly environment?: Readonly<Record<string, string>>;
    };
    result: {
      readonly exitCode: number | null;
      readonly signal: string | null;
      readonly stdout: string;
      readonly stderr: string;
    };
  };
  status: { parameters: Record<string, never>; result: AgentStatus };
  /** Kills all workers and ends the daemon. */
  shutdown: { parameters: Record<string, never>; result: Record<string, never> };
}

export type RequestName = keyof Requests;

/** What heap a pool is formatted with. What is not given follows the size of the pool, or is the agent's default. */
export interface HeapParameters {
  /** How many clients may open it. */
  readonly clients?: number;
  readonly pageBytes?: number;
  readonly segmentBytes?: number;
  /** Named roots. */
  readonly names?: number;
  readonly queues?: number;
  /** References that a queue holds. */
  readonly queueCapacity?: number;
  readonly flushPolicy?: FlushPolicy;
  readonly coherence?: Coherence;
}

export const flushPolicies = ['none', 'process', 'host'] as const;
/** Whose death the pool is written back against: nobody's, that of processes, that of whole machines with their caches. */
export type FlushPolicy = (typeof flushPolicies)[number];

export const coherences = ['hardware', 'none'] as const;
/** What the device promises between machines. With `none`, two may win the same compare-and-swap: nobody opens a heap. */
export type Coherence = (typeof coherences)[number];

/** Beats come every 100 ms; a dead machine is suspected within two seconds. */
export const defaultLeaseMs = 1_500;
export const shortestLeaseMs = 500;

/** Who a pool thread is in the client table: the slot and which occupation of that slot. */
export interface ClientIdentity {
  readonly id: number;
  readonly incarnation: number;
}

export interface WorkerExit {
  readonly worker: string;
  readonly pid: number;
  /** Null with `signal` for an adopted worker: how it ended is told to nobody but who started it. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** The end was seen (cgroup empty) and a fence grant for this incarnation stands in the pool. Null for one that left, and where `worker-fenced` follows. */
  readonly fenced: ClientIdentity | null;
  /** The worker's machine clock, ns, when its end was seen. */
  readonly atNs: number;
}

export interface AgentStatus {
  readonly machine: string;
  readonly pid: number;
  readonly uptimeMs: number;
  readonly residentBytes: number;
  /** How the end of a worker is enforced and seen; `process-group` where no cgroup v2 can be made. */
  readonly fence: 'cgroup' | 'process-group';
  readonly pool: { readonly path: string; readonly sizeBytes: number; readonly formatted: boolean } | null;
  /** Machines with suspects, as of now. */
  readonly suspicions: readonly Suspicion[];
  readonly workers: readonly {
    readonly worker: string;
    readonly pid: number;
    /** Null while it starts. */
    readonly client: ClientIdentity | null;
    readonly task: string | null;
    /** Started by an earlier agent of this machine, which died: it ends what it was at and leaves; it can be stopped. */
    readonly adopted: boolean;
  }[];
  /** Processes that stand ready to become workers at once. An agent that has nothing to do starts them until there are as many as wanted. */
  readonly spareWorkers: { readonly loaded: number; readonly wanted: number };
}

/** Clients of another machine that may be dead, or only slow: their hearts stand still. Decides nothing. */
export interface Suspicion {
  readonly machineNumber: number;
  readonly suspects: readonly ClientIdentity[];
  /** Everybody of that machine who was there at that time, the suspects among them: whom the end of the machine would end. */
  readonly clients: readonly ClientIdentity[];
}

export type AgentEvent =
  /** Sent when somebody is suspected; what is suspected at any time stands in the status. `atNs`: this machine's clock. */
  | ({ readonly event: 'suspected'; readonly atNs: number } & Suspicion)
  /** No longer, since they `beat` again, or are `gone`: they left, or somebody has recovered them. */
  | {
      readonly event: 'unsuspected';
      readonly atNs: number;
      readonly machineNumber: number;
      readonly clients: readonly (ClientIdentity & { readonly because: 'beats' | 'gone' })[];
    }
  | ({ readonly event: 'worker-exited' } & WorkerExit)
  /** For a worker whose end was not seen in time: that it is gone after all. */
  | {
      readonly event: 'worker-fenced';
      readonly worker: string;
      readonly pid: number;
      readonly fenced: ClientIdentity | null;
      readonly atNs: number;
    }
  /** Free-form progress of a task, e.g. `{ calls: 1000 }` or one latency sample batch. */
  | { readonly event: 'task-progress'; readonly worker: string; readonly task: string; readonly progress: unknown }
  | { readonly event: 'log'; readonly level: 'info' | 'warn' | 'error'; readonly message: string };

export interface RequestLine {
  /** Grows within a session. */
  readonly id: number;
  readonly request: RequestName;
  readonly parameters: unknown;
}

export type AnswerLine =
  | { readonly id: number; readonly result: unknown }
  | {
      readonly id: number;
      readonly error: WireError;
    };

/** The last line of a side that cannot go on: a mismatch of versions, a line that is not JSON, a newer controller. */
export interface RefusalLine {
  readonly refused: WireError;
}

export interface EventLine {
  /** From 1, without gaps, per daemon instance. */
  readonly event: number;
  readonly body: AgentEvent;
}
