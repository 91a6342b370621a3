/** One thread with calls in flight on several connections, which it polls in turn. */
import { codes } from '../layout/index.ts';
import { AgentError } from '../protocol/agent-error.ts';
import type { Connection } from '../rpc/index.ts';
import { EchoPayload } from './payload.ts';

/** Turns without an answer between two looks at the clock. */
const turnsPerCheck = 4096;

interface Lane {
  readonly connection: Connection;
  /** In flight, oldest first. */
  readonly sent: { readonly slot: number; readonly call: number }[];
}

export class SharedCalls {
  readonly #lanes: readonly Lane[];
  readonly #depth: number;
  readonly #payload: EchoPayload;
  #call = 0;

  /** `depth`: calls in flight on each connection. */
  constructor(connections: readonly Connection[], depth: number, payloadBytes: number, pool: ArrayBufferLike) {
    this.#lanes = connections.map((connection) => ({ connection, sent: [] }));
    this.#depth = depth;
    this.#payload = new EchoPayload(payloadBytes, pool);
  }

  /** Makes so many calls, each verified, and leaves none in flight. */
  run(calls: number, deadlineMs: number): void {
    const deadline = performance.now() + deadlineMs;
    let [toSend, toReceive, idle] = [calls, calls, 0];
    while (toReceive > 0) {
      let received = 0;
      for (const lane of this.#lanes) {
        while (toSend > 0 && lane.sent.length < this.#depth && this.#send(lane)) toSend--;
        if (lane.sent.length > 0 && this.#receive(lane)) received++;
      }
      toReceive -= received;
      idle = received > 0 ? 0 : idle + 1;
      if (idle % turnsPerCheck === turnsPerCheck - 1 && performance.now() >= deadline) {
        throw new AgentError('DEADLINE', `${toReceive} of ${calls} calls were not answered within ${deadlineMs} ms`);
      }
    }
  }

  #send({ connection, sent }: Lane): boolean {
    const slot = connection.begin();
    if (slot === undefined) return false;
    const call = ++this.#call;
    const bytes = this.#payload.number(call);
    connection.request(slot).set(bytes);
    connection.send(slot, bytes.length, 0);
    sent.push({ slot, call });
    return true;
  }

  #receive({ connection, sent }: Lane): boolean {
    const { slot, call } = sent[0]!;
    const response = connection.poll(slot);
    if (response === undefined) return false;
    if (response.status !== codes.OK) {
      throw new AgentError('WRONG_ANSWER', `call ${call} of ${connection.service} was answered with status ${response.status}`);
    }
    this.#payload.number(call);
    this.#payload.verify(response.bytes, call);
    connection.finish(slot);
    sent.shift();
    return true;
  }
}
