import { monotonicNs } from '../pool/clock.ts';
import { integer, name, object, oneOf } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { type Connection, connect } from '../rpc/index.ts';
import { waitingStrategies } from '../rpc/wait.ts';
import { LatencyRecorder, SpanRecorder } from './latency.ts';
import { EchoPayload } from './payload.ts';
import type { Workload } from './workload.ts';

/** Not measured: the first calls run through code that is not compiled yet and lines that nobody has touched. */
const warmUpBatches = 10;

/** Echo calls in batches, one call at a time; each response is verified. */
export const rpcCall: Workload<'rpc-call'> = {
  parameters: object<Tasks['rpc-call']['parameters']>(
    {
      service: name,
      caller: oneOf('core', 'javascript'),
      payloadBytes: integer(1, 65_536),
      batches: integer(1, 1_000_000),
      callsPerBatch: integer(1, 100_000),
    },
    { waiting: oneOf(...waitingStrategies) },
  ),
  run: ({ core, remainingMs }, { service, caller, payloadBytes, batches, callsPerBatch, ...options }) => {
    const connection = connect(core, service, { deadlineMs: remainingMs(), ...options });
    try {
      const callBatch =
        caller === 'core' ? coreBatch(connection, payloadBytes) : javascriptBatch(connection, payloadBytes, core.bytes.buffer);
      const latency = new LatencyRecorder(callsPerBatch);
      const spans = new SpanRecorder();
      for (let batch = -warmUpBatches; batch < batches; batch++) {
        const deadlineMs = remainingMs();
        const startNs = monotonicNs();
        callBatch(callsPerBatch, deadlineMs);
        const endNs = monotonicNs();
        if (batch < 0) continue;
        latency.record(endNs - startNs);
        spans.record(`${callsPerBatch} calls`, startNs, endNs);
      }
      return { latency: latency.counts(), calls: batches * callsPerBatch, spans: spans.spans() };
    } finally {
      connection.close();
    }
  },
};

type Batch = (calls: number, deadlineMs: number) => void;

function coreBatch(connection: Connection, payloadBytes: number): Batch {
  return (calls, deadlineMs) => connection.callBatch(calls, payloadBytes, { deadlineMs });
}

function javascriptBatch(connection: Connection, payloadBytes: number, pool: ArrayBufferLike): Batch {
  const payload = new EchoPayload(payloadBytes, pool);
  let call = 0;
  return (calls, deadlineMs) => {
    const options = { deadlineMs };
    for (let index = 0; index < calls; index++) {
      call++;
      payload.verify(connection.callSync(payload.number(call), options), call);
    }
  };
}
