/** Times slow calls: in batches as calls over the pool are, as far as there are enough of them for a hundred samples. */
import { monotonicNs } from '../pool/clock.ts';
import type { CallSummary } from '../protocol/tasks.ts';
import { LatencyRecorder, SpanRecorder } from './latency.ts';

/** Not measured: the first calls run through code that is not compiled yet. */
const warmUpCalls = 50;

export async function recordCalls(calls: number, call: () => Promise<void>): Promise<CallSummary> {
  const callsPerSample = Math.max(1, Math.min(100, Math.floor(calls / 100)));
  const samples = Math.floor(calls / callsPerSample);
  const latency = new LatencyRecorder(callsPerSample);
  const spans = new SpanRecorder();
  for (let index = 0; index < warmUpCalls; index++) await call();
  for (let sample = 0; sample < samples; sample++) {
    const startNs = monotonicNs();
    for (let index = 0; index < callsPerSample; index++) await call();
    const endNs = monotonicNs();
    latency.record(endNs - startNs);
    spans.record(`${callsPerSample} calls`, startNs, endNs);
  }
  return { latency: latency.counts(), calls: samples * callsPerSample, spans: spans.spans() };
}
