/**
 * `latency-table`: the paper's table 1 on this pod: the same small call over everything that is to be had between the two machines, in
 * interleaved rounds, with what the paper published beside it.
 */
import type { LatencyCounts } from '@cxlpod/agent/protocol';
import { z } from 'zod';
import { histogramOf } from '../traces/latency-log.ts';
import { measureClocks } from './clocks.ts';
import { type ComparedSystem, type Comparison, compare } from './compare.ts';
import { hirePair } from './heap-crew.ts';
import type { LatencyResult } from './latency-result.ts';
import { type ModelledLatency, modelledCall } from './modelled.ts';
import { namesOf, serverAndCaller } from './posts.ts';
import { type PublishedLatency, publishedLatencies } from './published.ts';
import { Systems, type SystemTag, systemsFor, systemTags } from './systems.ts';
import type { Workload, WorkloadContext } from './workload.ts';

const parameters = z.strictObject({
  name: z.literal('latency-table'),
  rounds: z.number().int().min(5).max(1000).default(5),
  payloadBytes: z.number().int().min(4).max(1024).default(64),
  /** Samples of a round, each the mean of `callsPerBatch` calls. */
  batches: z.number().int().min(10).max(100_000).default(400),
  callsPerBatch: z.number().int().min(1).max(10_000).default(100),
  /** Of a round over TCP, gRPC or a unix socket. */
  socketCalls: z.number().int().min(100).max(1_000_000).default(400),
  /** Without it, all that this pod can have: a unix socket does not reach another machine. */
  systems: z.array(z.enum(systemTags)).min(1).optional(),
});

export type LatencyTableParameters = z.output<typeof parameters>;

export interface LatencyRow {
  readonly tag: string;
  readonly label: string;
  readonly samples: number;
  readonly callsPerSample: number;
  readonly avgNs: number;
  readonly p50Ns: number;
  readonly p95Ns: number;
  readonly p99Ns: number;
  readonly p999Ns: number;
}

export interface LatencyTable {
  readonly rows: readonly LatencyRow[];
  /** By the tag of the row that they are the counterpart of. */
  readonly published: Readonly<Record<string, PublishedLatency>>;
  readonly publishedAlone: readonly PublishedLatency[];
}

export interface LatencyTableResult extends LatencyResult {
  readonly comparison: Comparison;
  readonly table: LatencyTable;
  readonly modelled: ModelledLatency;
  readonly served: number;
}

const counterparts: Readonly<Record<string, PublishedLatency>> = {
  'rpc-core': publishedLatencies.hydraRpc,
  grpc: publishedLatencies.grpc,
};
const alone: readonly PublishedLatency[] = [publishedLatencies.mrpc, publishedLatencies.rdma, publishedLatencies.load];
/** What ratios are over, and the noise of it. */
const always: readonly SystemTag[] = ['floor', 'floor-again'];

export const latencyTable = {
  name: 'latency-table',
  sentence:
    'The same small call over HydraRPC, TCP, gRPC and, on one host, a unix socket, beside the floor in C and what the paper published.',
  parameters,
  needs: { machines: 2 },
  posts: serverAndCaller,
  async run(wanted: LatencyTableParameters, context: WorkloadContext): Promise<LatencyTableResult> {
    // Asked before anything is started: a refusal is of the scenario.
    const tags = systemsFor(context, wanted.systems === undefined ? undefined : [...always, ...wanted.systems]);
    const [server, caller] = await hirePair(context, serverAndCaller({}, namesOf(context.pod)));
    const clockReadNs = await measureClocks(server, caller, context);
    const systems = new Systems(tags, server, caller, wanted, context);
    const measured = await systems.measureRounds(wanted.rounds, 'latency-table');
    await measureClocks(server, caller, context);
    const rows = systems.systems.map((system, index) => rowOf(system, measured[index]!));
    const calls = rows.reduce((sum, { samples, callsPerSample }) => sum + samples * callsPerSample, 0);
    return {
      comparison: compare(systems.systems, measured),
      table: { rows, published: counterparts, publishedAlone: alone },
      modelled: modelledCall,
      clockReadNs,
      served: systems.served,
      checked: { what: 'answers compared with what was asked', count: calls },
      figures: [],
      charts: [],
    };
  },
} satisfies Workload<LatencyTableParameters, LatencyTableResult>;

export function rowOf({ tag, label }: ComparedSystem, rounds: readonly LatencyCounts[]): LatencyRow {
  const histogram = histogramOf(rounds);
  const at = (percentile: number): number => histogram.getValueAtPercentile(percentile);
  const [first] = rounds;
  return {
    tag,
    label,
    samples: histogram.totalCount,
    callsPerSample: first?.callsPerSample ?? 1,
    avgNs: meanOf(rounds),
    p50Ns: at(50),
    p95Ns: at(95),
    p99Ns: at(99),
    p999Ns: at(99.9),
  };
}

function meanOf(rounds: readonly LatencyCounts[]): number {
  let [sum, count] = [0, 0];
  for (const { counts } of rounds) {
    for (const [valueNs, times] of counts) {
      sum += valueNs * times;
      count += times;
    }
  }
  return count === 0 ? 0 : sum / count;
}
