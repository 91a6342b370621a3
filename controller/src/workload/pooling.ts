/** `pooling`: the same demand on one shared pool and on partitions of it: what each needs, and what a partition of the same size refuses (Table 1, utilization). */
import type { Tasks } from '@cxlpod/agent/protocol';
import { z } from 'zod';
import { size } from '../config/quantities.ts';
import { showBytes } from '../report/units.ts';
import { Random } from '../runs/random.ts';
import { all, hireSpread, Tokens } from './heap-crew.ts';
import type { HeapResult } from './heap-result.ts';
import { spread } from './posts.ts';
import type { Workload, WorkloadContext } from './workload.ts';

const parameters = z.strictObject({
  name: z.literal('pooling'),
  /** Machines of a cloud, each a client; more than the pod has share its machines. */
  clients: z.number().int().min(2).max(16).default(4),
  steps: z.number().int().min(4).max(1000).default(24),
  /** Of one client: what it always holds, and what it wants on top in its busy steps. */
  base: size.default(2 * 1024 ** 2),
  burst: size.default(24 * 1024 ** 2),
  /** Of all steps, so many of a hundred are busy ones of a client. */
  busyPercent: z.number().int().min(1).max(100).default(25),
});

export type PoolingParameters = z.output<typeof parameters>;

export interface PoolingResult extends HeapResult {
  readonly clients: number;
  readonly sharedNeedBytes: number;
  readonly partitionedNeedBytes: number;
  /** With the shared need of memory: what was refused of all that was wanted. */
  readonly wantedBytes: number;
  readonly refusedShared: number;
  readonly refusedPartitioned: number;
  /** With the partitioned need. */
  readonly refusedLargePartitions: number;
}

const deadlineMs = 180_000;
const chunkBytes = 60_000;
/** Each has clients of its own. */
const demands = ['shared', 'small', 'large'] as const;

export const pooling = {
  name: 'pooling',
  sentence:
    'Clients whose demand goes up and down share one pool, then have a partition each: what both need for the same success.',
  parameters,
  needs: { machines: 1, heap: true },
  posts: ({ clients }: PoolingParameters, machines: readonly string[]) =>
    demands.flatMap((label) => spread(label, clients, machines)),
  async run(wanted: PoolingParameters, context: WorkloadContext): Promise<PoolingResult> {
    const { clients } = wanted;
    const traces = demandOf(wanted, context.seed);
    const tokens = new Tokens(context);
    const follow = async (label: (typeof demands)[number], quotaBytes: number): Promise<readonly Tasks['demand']['result'][]> => {
      context.say(`pooling: ${label}`);
      const meetings = tokens.meetings(clients);
      // A quota is of a client that opens the heap, so each time there are others.
      const hands = await hireSpread(context, label, clients);
      const followed = await all(
        hands.map((hand, client) =>
          hand.task(
            'demand',
            { meeting: meetings[client]!, stepBytes: traces[client]!, chunkBytes, quotaBytes },
            { deadlineMs, label },
          ),
        ),
      );
      for (const hand of hands) await context.crew.release(hand);
      return followed;
    };
    const shared = await follow('shared', 0);
    const held = shared.map(({ heldBytes }) => heldBytes);
    const sharedNeedBytes = Math.max(...held[0]!.map((_, step) => sumOf(held.map((each) => each[step]!))));
    const largest = Math.max(...held.flat());
    const small = await follow('small', Math.floor(sharedNeedBytes / clients));
    const large = await follow('large', largest);
    const partitionedNeedBytes = largest * clients;
    const refused = (results: readonly Tasks['demand']['result'][]): number =>
      sumOf(results.flatMap(({ refusedBytes }) => refusedBytes));
    const wantedBytes = sumOf(traces.flat().map((bytes) => Math.ceil(bytes / chunkBytes) * chunkBytes));
    const refusedPartitioned = refused(small);
    return {
      clients,
      sharedNeedBytes,
      partitionedNeedBytes,
      wantedBytes,
      refusedShared: refused(shared),
      refusedPartitioned,
      refusedLargePartitions: refused(large),
      checked: {
        what: 'chunks that held what was written to them',
        count: sumOf([shared, small, large].flatMap((results) => results.map(({ chunksChecked }) => chunksChecked))),
      },
      figures: [
        {
          name: 'memory needed, shared',
          value: showBytes(sharedNeedBytes),
          detail: `the most that ${clients} clients held at once; nothing was refused`,
        },
        {
          name: 'memory needed, partitioned',
          value: showBytes(partitionedNeedBytes),
          detail: `${clients} partitions of the most that one client held: ${Math.round((1 - sharedNeedBytes / partitionedNeedBytes) * 100)} % of it is stranded`,
        },
        {
          name: 'refused by partitions of the shared need',
          value: `${((refusedPartitioned / wantedBytes) * 100).toFixed(1)} %`,
          detail: `of ${showBytes(wantedBytes)} wanted over all steps, from ${clients} partitions of ${showBytes(sharedNeedBytes / clients)}`,
        },
      ],
    };
  },
} satisfies Workload<PoolingParameters, PoolingResult>;

/** By client and step; each client is busy in steps of its own. */
export function demandOf({ clients, steps, base, burst, busyPercent }: PoolingParameters, seed: number): number[][] {
  const random = new Random(seed);
  return Array.from({ length: clients }, (_, client) =>
    Array.from({ length: steps }, (_step, step) => {
      const isBusy = ((step + Math.floor((client * steps) / clients)) % steps) * 100 < steps * busyPercent;
      const noise = random.between(0, Math.floor(base / 4));
      return base + noise + (isBusy ? burst : 0);
    }),
  );
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
