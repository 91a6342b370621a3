import { type Outcome, recordEnd, recordInvoke } from '../history/record.ts';
import { codes } from '../layout/index.ts';
import { isAborted } from '../pool/map.ts';
import { AgentError } from '../protocol/agent-error.ts';
import { integer, name, object } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { type Connection, connect, RpcError, Waiter } from '../rpc/index.ts';
import { EchoPayload } from './payload.ts';
import type { TaskContext, Workload } from './workload.ts';

type Parameters = Tasks['pipelined-call']['parameters'];

const idleMs = 20;
/** Turns without an answer between two attempts to connect again. */
const turnsPerConnect = 16;

/**
 * Calls in flight on several connections, each call in the history as it is begun and as it ends. When the server is lost, all that was in
 * flight is told its outcome, and the connections go to whoever serves the name next.
 */
export const pipelinedCall: Workload<'pipelined-call'> = {
  parameters: object<Parameters>({
    service: name,
    connections: integer(1, 16),
    depth: integer(1, 64),
    payloadBytes: integer(4, 1024),
    callsAfterLoss: integer(1, 1_000_000),
  }),
  run: (context, parameters) => {
    const calls = new PipelinedCalls(context, parameters);
    try {
      calls.run();
      return calls.result();
    } finally {
      calls.close();
    }
  },
};

interface Lane {
  connection: Connection | undefined;
  turns: number;
  /** Calls by slot. */
  readonly inFlight: Map<number, number>;
}

class PipelinedCalls {
  readonly #context: TaskContext;
  readonly #parameters: Parameters;
  readonly #payload: EchoPayload;
  readonly #lanes: readonly Lane[];
  readonly #waiter: Waiter;
  readonly #ends = { answered: 0, unknown: 0, notSent: 0 };
  #begun = 0;
  #lost = 0;
  #answeredAfterLoss = 0;

  constructor(context: TaskContext, parameters: Parameters) {
    this.#context = context;
    this.#parameters = parameters;
    this.#payload = new EchoPayload(parameters.payloadBytes, context.core.bytes.buffer);
    this.#waiter = new Waiter(context.core);
    this.#lanes = Array.from({ length: parameters.connections }, () => ({
      connection: undefined,
      turns: 0,
      inFlight: new Map(),
    }));
  }

  run(): void {
    for (;;) {
      const isEnough = this.#answeredAfterLoss >= this.#parameters.callsAfterLoss;
      let worked = false;
      for (const lane of this.#lanes) if (this.#turn(lane, !isEnough)) worked = true;
      if (isEnough && this.#lanes.every(({ inFlight }) => inFlight.size === 0)) return;
      if (worked) this.#waiter.worked();
      else this.#waiter.idle(Math.min(idleMs, this.#context.remainingMs()));
      // Asked to stop, or late: a connection that stands says so itself, the search for the next one does not.
      if (isAborted(this.#context.core.mapped) || (!worked && this.#context.remainingMs() <= 1)) {
        throw new AgentError(
          'DEADLINE',
          `${this.#answeredAfterLoss} calls were answered after ${this.#lost} connections were lost`,
        );
      }
    }
  }

  result(): Tasks['pipelined-call']['result'] {
    return { begun: this.#begun, ...this.#ends, connectionsLost: this.#lost, answeredAfterLoss: this.#answeredAfterLoss };
  }

  close(): void {
    this.#waiter.stop();
    for (const { connection } of this.#lanes) connection?.close();
  }

  /** Whether there was work. */
  #turn(lane: Lane, mayBegin: boolean): boolean {
    lane.connection ??= this.#connect(lane);
    if (lane.connection === undefined) return false;
    try {
      return this.#work(lane, lane.connection, mayBegin);
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      this.#lose(lane, lane.connection, error);
      return true;
    }
  }

  #connect(lane: Lane): Connection | undefined {
    if (lane.turns-- > 0) return undefined;
    lane.turns = turnsPerConnect;
    try {
      return connect(this.#context.core, this.#parameters.service, { deadlineMs: 0 });
    } catch (error) {
      if (error instanceof RpcError && error.code === 'NOT_FOUND') return undefined;
      throw error;
    }
  }

  #work(lane: Lane, connection: Connection, mayBegin: boolean): boolean {
    let worked = false;
    while (mayBegin && lane.inFlight.size < this.#parameters.depth) {
      const slot = connection.begin();
      if (slot === undefined) break;
      this.#send(lane, connection, slot);
      worked = true;
    }
    for (let slot = connection.pollAny(); slot !== undefined; slot = connection.pollAny()) {
      this.#receive(lane, connection, slot);
      worked = true;
    }
    return worked;
  }

  #send(lane: Lane, connection: Connection, slot: number): void {
    const call = ++this.#begun;
    if (!recordInvoke(this.#context.core, { operation: 'rpc-call', call, argument: connection.connection })) throw historyFull();
    connection.request(slot).set(this.#payload.number(call));
    try {
      connection.send(slot, this.#payload.bytes.length, 0);
    } catch (error) {
      this.#ends.notSent++;
      this.#end(call, 'peer-lost');
      throw error;
    }
    lane.inFlight.set(slot, call);
  }

  #receive(lane: Lane, connection: Connection, slot: number): void {
    const call = lane.inFlight.get(slot)!;
    const { status, bytes } = connection.poll(slot)!;
    if (status !== codes.OK) throw new AgentError('WRONG_ANSWER', `call ${call} was answered with status ${status}`);
    this.#payload.number(call);
    this.#payload.verify(bytes, call);
    lane.inFlight.delete(slot);
    connection.finish(slot);
    this.#ends.answered++;
    if (this.#lost > 0) this.#answeredAfterLoss++;
    this.#end(call, 'ok');
  }

  #end(call: number, outcome: Outcome): void {
    if (!recordEnd(this.#context.core, { operation: 'rpc-call', call, outcome })) throw historyFull();
  }

  /** What was answered before the end is taken; of the rest nobody knows. */
  #lose(lane: Lane, connection: Connection, error: RpcError): void {
    if (error.code !== 'OUTCOME_UNKNOWN' && error.code !== 'PEER_LOST') throw error;
    for (const [slot, call] of lane.inFlight) {
      try {
        this.#receive(lane, connection, slot);
      } catch (end) {
        if (!(end instanceof RpcError) || end.code !== 'OUTCOME_UNKNOWN') throw end;
        this.#ends.unknown++;
        this.#end(call, 'unknown');
      }
    }
    lane.inFlight.clear();
    connection.close();
    lane.connection = undefined;
    lane.turns = 0;
    this.#lost++;
    this.#context.progress({ lost: connection.connection, code: error.code });
  }
}

function historyFull(): AgentError {
  return new AgentError('HISTORY_FULL', 'the history has no room for another call', {
    hint: 'end the server earlier, or take a larger history file',
  });
}
