import { codes } from '../layout/index.ts';
import { monotonicNs } from '../pool/clock.ts';
import { AgentError } from '../protocol/agent-error.ts';
import { integer, name, object } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { type Connection, connect } from '../rpc/index.ts';
import { Random } from './heap-random.ts';
import { LatencyRecorder, SpanRecorder } from './latency.ts';
import { EchoPayload } from './payload.ts';
import type { Workload } from './workload.ts';

type Parameters = Tasks['open-loop-call']['parameters'];

const warmUpCalls = 1_000;
const firstCallAfterNs = 1e6;
const callsPerSpan = 100;

/**
 * Calls that start when they are to start and not when the one before was answered (no coordinated omission): a server that stops for a second
 * makes every call late that was to start in that second.
 */
export const openLoopCall: Workload<'open-loop-call'> = {
  parameters: object<Parameters>({
    service: name,
    payloadBytes: integer(4, 65_536),
    callsPerSecond: integer(1, 100_000_000),
    calls: integer(1, 100_000_000),
    seed: integer(0),
  }),
  run: ({ core, remainingMs }, parameters) => {
    const connection = connect(core, parameters.service, { deadlineMs: remainingMs() });
    try {
      connection.callBatch(warmUpCalls, parameters.payloadBytes, { deadlineMs: remainingMs() });
      return callOpenLoop(connection, parameters, core.bytes.buffer, remainingMs());
    } finally {
      connection.close();
    }
  },
};

function callOpenLoop(
  connection: Connection,
  wanted: Parameters,
  pool: ArrayBufferLike,
  deadlineMs: number,
): Tasks['open-loop-call']['result'] {
  const { payloadBytes, calls, callsPerSecond, seed } = wanted;
  const payload = new EchoPayload(payloadBytes, pool);
  const latency = new LatencyRecorder(1);
  const spans = new SpanRecorder();
  const gaps = new Gaps(callsPerSecond, seed);
  const intendedNs = new Float64Array(connection.window);
  const callIn = new Uint32Array(connection.window);
  const startNs = monotonicNs();
  const deadlineNs = startNs + deadlineMs * 1e6;
  let nextNs = startNs + firstCallAfterNs;
  let [sent, answered, delayed, lastDelayed, spanNs] = [0, 0, 0, -1, startNs];
  while (answered < calls) {
    const nowNs = monotonicNs();
    while (sent < calls && nextNs <= nowNs) {
      const slot = connection.begin();
      if (slot === undefined) {
        if (lastDelayed !== sent) delayed++;
        lastDelayed = sent;
        break;
      }
      connection.request(slot).set(payload.number(++sent));
      connection.send(slot, payloadBytes, 0);
      intendedNs[slot] = nextNs;
      callIn[slot] = sent;
      nextNs += gaps.next();
    }
    const slot = connection.pollAny();
    if (slot === undefined) {
      if (nowNs >= deadlineNs) throw new AgentError('DEADLINE', `${answered} of ${calls} calls were answered in time`);
      continue;
    }
    const response = connection.poll(slot);
    if (response === undefined) continue;
    const endNs = monotonicNs();
    latency.record(endNs - intendedNs[slot]!);
    const call = callIn[slot]!;
    if (response.status !== codes.OK) throw new AgentError('WRONG_ANSWER', `call ${call} got status ${response.status}`);
    payload.number(call);
    payload.verify(response.bytes, call);
    connection.finish(slot);
    if (++answered % callsPerSpan !== 0) continue;
    spans.record(`${callsPerSpan} calls`, spanNs, endNs);
    spanNs = endNs;
  }
  return { latency: latency.counts(), calls, elapsedNs: monotonicNs() - startNs, delayed, spans: spans.spans() };
}

/** Times between arrivals that know nothing of each other (a Poisson process). */
export class Gaps {
  readonly #meanNs: number;
  readonly #random: Random;

  constructor(perSecond: number, seed: number) {
    this.#meanNs = 1e9 / perSecond;
    this.#random = new Random(seed);
  }

  next(): number {
    // From just above 0 to 1, so that the logarithm is finite.
    const chance = (this.#random.below(2 ** 32) + 1) / 2 ** 32;
    return -Math.log(chance) * this.#meanNs;
  }
}
