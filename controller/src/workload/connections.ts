/** `connections`: one thread at each end with more and more connections between them (the paper's figure 6, without its threads). */
import { constants } from '@cxlpod/agent/layout';
import { z } from 'zod';
import { pointOf } from './chart.ts';
import { medianOf } from './compare.ts';
import { showPerSecond, showSpread } from './heap-result.ts';
import type { LatencyResult } from './latency-result.ts';
import { serverAndCaller } from './posts.ts';
import { callsPerSecond, Sweep } from './sweep.ts';
import { waitings } from './waitings.ts';
import type { Workload, WorkloadContext } from './workload.ts';

const window = 16;
const payloadLimitBytes = 1024;

const parameters = z.strictObject({
  name: z.literal('connections'),
  rounds: z.number().int().min(1).max(1000).default(5),
  /** A pool has places for 32. */
  counts: z.array(z.number().int().min(1).max(32)).min(1).max(16).default([1, 2, 4, 8, 16]),
  payloadBytes: z.number().int().min(4).max(payloadLimitBytes).default(64),
  /** Calls in flight on each connection. */
  depth: z.number().int().min(1).max(window).default(1),
  batches: z.number().int().min(1).max(100_000).default(50),
  callsPerBatch: z.number().int().min(1).max(100_000).default(1_000),
  /** Of both sides. A comparison of rings, as their floor in C, spins. */
  waiting: z.enum(waitings).default('spin'),
});

export type ConnectionsParameters = z.output<typeof parameters>;

export interface ConnectionsResult extends LatencyResult {
  readonly perSecond: readonly { readonly connections: number; readonly rounds: readonly number[] }[];
  readonly bytesPerConnection: number;
}

export const connections = {
  name: 'connections',
  sentence: 'One thread on each of two machines, with more and more connections between them that it polls in turn.',
  parameters,
  needs: { machines: 2 },
  posts: serverAndCaller,
  async run(wanted: ConnectionsParameters, context: WorkloadContext): Promise<ConnectionsResult> {
    const { counts, rounds, payloadBytes, depth, batches, callsPerBatch, waiting } = wanted;
    const sweep = await Sweep.start(context);
    const measured = await sweep.rounds('connections', rounds, counts, async (count) => {
      const serve = { connections: count, window, payloadBytes: payloadLimitBytes, handler: 'echo', waiting } as const;
      const call = { connections: count, manner: 'shared', depth, payloadBytes, batches, callsPerBatch, waiting } as const;
      const { called } = await sweep.measure(`${count} connections`, serve, 'sweep-call', call);
      return callsPerSecond(called);
    });
    const bytesPerConnection = constants.CONNECTION_BYTES;
    const [fewest, most] = [measured[0]!, measured.at(-1)!];
    return {
      ...(await sweep.end('answers compared with what was asked', sweep.served)),
      perSecond: counts.map((count, index) => ({ connections: count, rounds: measured[index]! })),
      bytesPerConnection,
      figures: [
        {
          name: `calls over ${counts.at(-1)} connections`,
          value: showPerSecond(medianOf(most)),
          detail: `${showSpread(most)} over ${rounds} rounds; over ${counts[0]}: ${showPerSecond(medianOf(fewest))}`,
        },
        {
          name: 'pool of a connection',
          value: `${(bytesPerConnection / 1024).toFixed(0)} KiB`,
          detail: `${bytesPerConnection.toLocaleString('en-US')} bytes, idle or not: window ${window}, buffers of ${payloadLimitBytes} bytes for both directions`,
        },
      ],
      charts: [
        {
          id: 'connections-throughput',
          title: 'Throughput by connections between two machines',
          lead: `Echoes of ${payloadBytes} bytes, ${depth} in flight on each connection, one thread at each end that polls all of them in turn: served in the core, called from JavaScript. Of each round the rate of its median batch of ${callsPerBatch} calls; median of ${rounds} rounds.`,
          x: { label: 'connections', unit: 'count', scale: 'log' },
          y: { label: 'calls a second, all connections', unit: 'perSecond', scale: 'linear' },
          series: [
            { tag: 'rpc-core', label: 'HydraRPC', points: counts.map((count, index) => pointOf(count, measured[index]!)) },
          ],
        },
      ],
    };
  },
} satisfies Workload<ConnectionsParameters, ConnectionsResult>;
