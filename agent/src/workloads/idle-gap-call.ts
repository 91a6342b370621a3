import { monotonicNs } from '../pool/clock.ts';
import { abortWord } from '../pool/map.ts';
import { integer, listOf, name, object } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { connect } from '../rpc/index.ts';
import { LatencyRecorder } from './latency.ts';
import { EchoPayload } from './payload.ts';
import type { Workload } from './workload.ts';

type Parameters = Tasks['idle-gap-call']['parameters'];

const warmUpCalls = 1_000;
/** A longer rest is slept through up to so long before its end: this side must be awake when it calls. */
const awakeNs = 3e6;

/** Single calls after a rest, as a server sees them that has nothing else to do. */
export const idleGapCall: Workload<'idle-gap-call'> = {
  parameters: object<Parameters>({
    service: name,
    payloadBytes: integer(1, 65_536),
    gaps: listOf(object<Parameters['gaps'][number]>({ gapNs: integer(0, 60e9), calls: integer(1, 1_000_000) }), 64),
  }),
  run: ({ core, remainingMs }, { service, payloadBytes, gaps }) => {
    // What is measured is how the server waits, so that this side never sleeps over an answer.
    const connection = connect(core, service, { deadlineMs: remainingMs(), waiting: 'spin' });
    const abort = abortWord(core.mapped);
    const rest = (gapNs: number): void => {
      const endNs = monotonicNs() + gapNs;
      if (gapNs > awakeNs) Atomics.wait(abort, 0, 0, (gapNs - awakeNs) / 1e6);
      while (monotonicNs() < endNs && Atomics.load(abort, 0) === 0);
    };
    const payload = new EchoPayload(payloadBytes, core.bytes.buffer);
    let number = 0;
    const call = (deadlineMs: number): void => {
      number++;
      payload.verify(connection.callSync(payload.number(number), { deadlineMs }), number);
    };
    try {
      for (let index = 0; index < warmUpCalls; index++) call(remainingMs());
      const measured = gaps.map(({ gapNs, calls }) => {
        const latency = new LatencyRecorder(1);
        for (let index = 0; index < calls; index++) {
          const deadlineMs = remainingMs();
          rest(gapNs);
          const startNs = monotonicNs();
          call(deadlineMs);
          latency.record(monotonicNs() - startNs);
        }
        return { gapNs, latency: latency.counts() };
      });
      return { gaps: measured };
    } finally {
      connection.close();
    }
  },
};
