import { type Outcome, recordEnd, recordInvoke } from '../history/record.ts';
import { monotonicNs } from '../pool/clock.ts';
import type { Core } from '../pool/core.ts';
import { AgentError } from '../protocol/agent-error.ts';
import { boolean, integer, name, object } from '../protocol/shape.ts';
import type { CallFailure, RpcErrorCode, Tasks } from '../protocol/tasks.ts';
import { type Connection, connect, RpcError } from '../rpc/index.ts';
import { LatencyRecorder, SpanRecorder } from './latency.ts';
import { EchoPayload } from './payload.ts';
import type { TaskContext, Workload } from './workload.ts';

type Parameters = Tasks['rpc-call-through-crash']['parameters'];

const callsPerSample = 100;
/** Nobody wakes who waits on it. */
const never = new Int32Array(new SharedArrayBuffer(4));
/** A run that fails more often has another fault than the death of a server. */
const failureLimit = 1_000;

/** What the history says of a call that was not answered. */
const outcomeOf: Readonly<Record<RpcErrorCode, Outcome>> = {
  OUTCOME_UNKNOWN: 'unknown',
  PEER_LOST: 'peer-lost',
  TIMEOUT: 'timeout',
  REFUSED: 'refused',
  FAILED: 'failed',
  UNKNOWN_METHOD: 'refused',
  TOO_LARGE: 'failed',
  CLOSED: 'closed',
};

/**
 * Calls one by one until `calls` were answered, each in the history. When the server dies, the call in flight fails once it is
 * fenced, and the next one goes to whoever serves the name by then.
 */
export const rpcCallThroughCrash: Workload<'rpc-call-through-crash'> = {
  parameters: object<Parameters>(
    {
      service: name,
      calls: integer(0, 10_000_000),
      payloadBytes: integer(1, 65_536),
      callDeadlineMs: integer(1, 600_000),
      reconnectWithinMs: integer(1, 600_000),
    },
    { callsPerSecond: integer(1, 1_000_000), staysAfterTimeout: boolean },
  ),
  run: (context, parameters) => {
    const series = new CallSeries(context, parameters);
    try {
      if (parameters.calls === 0) series.sayGoodbye();
      while (series.answered < parameters.calls) series.callOnce();
      return series.result();
    } finally {
      series.close();
    }
  },
};

class CallSeries {
  answered = 0;
  readonly #core: Core;
  readonly #context: TaskContext;
  readonly #parameters: Parameters;
  readonly #payload: EchoPayload;
  readonly #latency = new LatencyRecorder(callsPerSample);
  readonly #spans = new SpanRecorder();
  readonly #failures: CallFailure[] = [];
  #connection: Connection | null = null;
  #call = 0;
  /** Answered calls since the sample began; a failure throws a begun sample away. */
  #inSample = 0;
  #sampleStartNs = 0;
  readonly #startMs = performance.now();
  #lastAnswerNs: number | null = null;
  #longestStallNs = 0;

  constructor(context: TaskContext, parameters: Parameters) {
    this.#context = context;
    this.#core = context.core;
    this.#parameters = parameters;
    this.#payload = new EchoPayload(parameters.payloadBytes, context.core.bytes.buffer);
  }

  callOnce(): void {
    const { callDeadlineMs } = this.#parameters;
    this.#awaitTurn();
    this.#connection ??= this.#connect();
    const call = ++this.#call;
    const startNs = monotonicNs();
    if (this.#inSample === 0) this.#sampleStartNs = startNs;
    this.#record(recordInvoke(this.#core, { operation: 'rpc-call', call }));
    try {
      const deadlineMs = Math.min(callDeadlineMs, this.#context.remainingMs());
      this.#payload.verify(this.#connection.callSync(this.#payload.number(call), { deadlineMs }), call);
    } catch (error) {
      this.#fail(error, call, startNs);
      return;
    }
    this.#record(recordEnd(this.#core, { operation: 'rpc-call', call, outcome: 'ok' }));
    this.#succeed(monotonicNs());
  }

  /** For a server that still waits for somebody who closes. */
  sayGoodbye(): void {
    this.#connection = this.#connect();
  }

  result(): Tasks['rpc-call-through-crash']['result'] {
    return {
      latency: this.#latency.counts(),
      calls: this.#call,
      spans: this.#spans.spans(),
      answered: this.answered,
      failures: this.#failures,
      longestStallNs: this.#longestStallNs,
    };
  }

  close(): void {
    this.#connection?.close();
    this.#connection = null;
  }

  /** The task ends by its own deadline even while nobody serves. */
  #connect(): Connection {
    const { service, reconnectWithinMs } = this.#parameters;
    return connect(this.#core, service, { deadlineMs: Math.min(reconnectWithinMs, this.#context.remainingMs()) });
  }

  /** A call is due so long after the first one, whatever became of those between; one that is late goes at once. */
  #awaitTurn(): void {
    const { callsPerSecond } = this.#parameters;
    if (callsPerSecond === undefined) return;
    const dueMs = this.#startMs + (this.#call / callsPerSecond) * 1000;
    for (let nowMs = performance.now(); nowMs < dueMs; nowMs = performance.now()) Atomics.wait(never, 0, 0, dueMs - nowMs);
  }

  #succeed(endNs: number): void {
    this.answered++;
    if (this.#lastAnswerNs !== null) this.#longestStallNs = Math.max(this.#longestStallNs, endNs - this.#lastAnswerNs);
    this.#lastAnswerNs = endNs;
    if (++this.#inSample < callsPerSample) return;
    this.#latency.record(endNs - this.#sampleStartNs);
    this.#spans.record(`${callsPerSample} calls`, this.#sampleStartNs, endNs);
    this.#inSample = 0;
  }

  #fail(error: unknown, call: number, startNs: number): void {
    const code = error instanceof RpcError ? error.code : null;
    const outcome = code !== null && code in outcomeOf ? outcomeOf[code as RpcErrorCode] : null;
    if (outcome === null) throw error;
    this.#record(recordEnd(this.#core, { operation: 'rpc-call', call, outcome }));
    const endNs = monotonicNs();
    this.#failures.push({ call, code: code as RpcErrorCode, startNs, endNs });
    this.#spans.record(code as string, startNs, endNs);
    this.#context.progress({ failed: call, code, answered: this.answered });
    if (this.#failures.length >= failureLimit) {
      throw new AgentError('TOO_MANY_FAILURES', `${failureLimit} calls failed`, { cause: error });
    }
    this.#inSample = 0;
    if (code !== 'TIMEOUT' || this.#parameters.staysAfterTimeout !== true) this.close();
  }

  #record(written: boolean): void {
    if (written) return;
    throw new AgentError('HISTORY_FULL', 'the history has no room for another record', {
      hint: 'make fewer calls, or a larger history file',
    });
  }
}
