import { monotonicNs } from '../pool/clock.ts';
import { AgentError } from '../protocol/agent-error.ts';
import { integer, name, object, oneOf } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { type Connection, connect } from '../rpc/index.ts';
import { waitingStrategies } from '../rpc/wait.ts';
import { LatencyRecorder, SpanRecorder } from './latency.ts';
import { SharedCalls } from './shared-calls.ts';
import { readAnswer } from './sweep-answers.ts';
import type { Workload } from './workload.ts';

type Parameters = Tasks['sweep-call']['parameters'];

const warmUpBatches = 10;

/** Calls as fast as they are answered, over the connections that `sweep-serve` serves. */
export const sweepCall: Workload<'sweep-call'> = {
  parameters: object<Parameters>(
    {
      service: name,
      connections: integer(1, 32),
      manner: oneOf('echo', 'reference', 'touch', 'shared'),
      depth: integer(1, 64),
      payloadBytes: integer(1, 65_536),
      batches: integer(1, 1_000_000),
      callsPerBatch: integer(1, 100_000),
    },
    { waiting: oneOf(...waitingStrategies) },
  ),
  run: ({ core, remainingMs }, parameters) => {
    const { service, batches, callsPerBatch, waiting = 'adaptive' } = parameters;
    const connections: Connection[] = [];
    try {
      for (let number = 1; number <= parameters.connections; number++) {
        connections.push(connect(core, service, { deadlineMs: remainingMs(), waiting }));
      }
      const callBatch = batchOf(connections, parameters, core.bytes.buffer);
      const latency = new LatencyRecorder(callsPerBatch);
      const spans = new SpanRecorder();
      let firstNs = 0;
      for (let batch = -warmUpBatches; batch < batches; batch++) {
        const deadlineMs = remainingMs();
        const startNs = monotonicNs();
        callBatch(callsPerBatch, deadlineMs);
        const endNs = monotonicNs();
        if (batch < 0) continue;
        if (batch === 0) firstNs = startNs;
        latency.record(endNs - startNs);
        spans.record(`${callsPerBatch} calls`, startNs, endNs);
      }
      const elapsedNs = monotonicNs() - firstNs;
      return { latency: latency.counts(), calls: batches * callsPerBatch, spans: spans.spans(), elapsedNs };
    } finally {
      for (const connection of connections) connection.close();
    }
  },
};

type Batch = (calls: number, deadlineMs: number) => void;

function batchOf(connections: readonly Connection[], { manner, depth, payloadBytes }: Parameters, pool: ArrayBufferLike): Batch {
  const [first] = connections;
  switch (manner) {
    case 'echo':
      return (calls, deadlineMs) => first!.callBatch(calls, payloadBytes, { deadlineMs, depth });
    case 'shared': {
      const shared = new SharedCalls(connections, depth, payloadBytes, pool);
      return (calls, deadlineMs) => shared.run(calls, deadlineMs);
    }
    case 'reference':
      return oneByOne(first!, () => ({ sum: payloadBytes, fill: () => payloadBytes }));
    case 'touch':
      return oneByOne(first!, (call) => touching(payloadBytes, call));
  }
}

/** What is written for a call, and what a server that saw it answers. */
type Request = (call: number) => { readonly sum: number; readonly fill: (buffer: Uint8Array) => number };

function oneByOne(connection: Connection, request: Request): Batch {
  let call = 0;
  return (calls, deadlineMs) => {
    const options = { deadlineMs };
    for (let index = 0; index < calls; index++) {
      const { sum, fill } = request(++call);
      const answer = readAnswer(connection.callSync(fill, options));
      if (answer === sum) continue;
      throw new AgentError('WRONG_ANSWER', `the answer to call ${call} is ${answer}, not ${sum}`, {
        hint: 'memory that is not shared coherently, or a bug: run the coherence gate, keep the pool for a post-mortem',
      });
    }
  };
}

/** A byte of every line, other ones for each call. */
function touching(payloadBytes: number, call: number): ReturnType<Request> {
  let sum = 0;
  for (let at = 0; at < payloadBytes; at += 64) sum += (call + (at >> 6)) & 0xff;
  const fill = (buffer: Uint8Array): number => {
    for (let at = 0; at < payloadBytes; at += 64) buffer[at] = call + (at >> 6);
    return payloadBytes;
  };
  return { sum, fill };
}
