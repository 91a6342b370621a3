import { monotonicNs } from '../pool/clock.ts';
import { pingWord, pongWord, stopWord } from '../pool/word.ts';
import { integer, object, oneOf } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { LatencyRecorder } from './latency.ts';
import type { Workload } from './workload.ts';

const warmUpBatches = 10;

/** One word bounced between two machines: the lowest latency that any exchange over the pool can have. */
export const wordPingPong: Workload<'word-ping-pong'> = {
  parameters: object<Tasks['word-ping-pong']['parameters']>({
    role: oneOf('caller', 'server'),
    batches: integer(1, 1_000_000),
    roundsPerBatch: integer(1, 100_000),
  }),
  run: ({ core, remainingMs }, { role, batches, roundsPerBatch }) => {
    const latency = new LatencyRecorder(roundsPerBatch);
    if (role === 'server') {
      pongWord(core, { deadlineMs: remainingMs() });
      return { latency: latency.counts() };
    }
    try {
      for (let batch = -warmUpBatches; batch < batches; batch++) {
        const startNs = monotonicNs();
        pingWord(core, { rounds: roundsPerBatch, deadlineMs: remainingMs() });
        if (batch >= 0) latency.record(monotonicNs() - startNs);
      }
    } finally {
      stopWord(core);
    }
    return { latency: latency.counts() };
  },
};
