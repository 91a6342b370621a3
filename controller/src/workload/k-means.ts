/** `k-means`: points in the heap, means and partial sums handed to and fro by reference (CXL-SHM, figure 7). */
import { z } from 'zod';
import { all, draw, hireSpread, Tokens } from './heap-crew.ts';
import { type HeapResult, perSecond, showPerSecond } from './heap-result.ts';
import { spread } from './posts.ts';
import type { Workload, WorkloadContext } from './workload.ts';

const parameters = z.strictObject({
  name: z.literal('k-means'),
  /** Beside the coordinator. */
  workers: z.number().int().min(1).max(16).default(2),
  points: z.number().int().min(150).max(5_000_000).default(15_000),
  pointsPerBlock: z.number().int().min(1).max(100_000).default(1_000),
  clusters: z.number().int().min(1).max(1_000).default(3),
  iterations: z.number().int().min(1).max(1_000).default(20),
});

export type KMeansParameters = z.output<typeof parameters>;

export interface KMeansResult extends HeapResult {
  readonly means: readonly number[];
  readonly elapsedNs: number;
}

const deadlineMs = 300_000;

export const kMeans = {
  name: 'k-means',
  sentence:
    'k-means over Fisher’s iris flowers in shared memory: means to the workers, partial sums to the coordinator, by reference.',
  parameters,
  needs: { machines: 1, heap: true },
  posts: ({ workers }: KMeansParameters, machines: readonly string[]) => [
    ...spread('coordinator', 1, machines),
    ...spread('worker', workers, machines, { from: 1 }),
  ],
  async run(wanted: KMeansParameters, context: WorkloadContext): Promise<KMeansResult> {
    const { points, pointsPerBlock, clusters, iterations } = wanted;
    const [coordinator] = await hireSpread(context, 'coordinator', 1);
    const workers = await hireSpread(context, 'worker', wanted.workers, { from: 1 });
    const share = { points, pointsPerBlock, clusters, iterations, seed: context.seed, tag: new Tokens(context).next() };
    context.say(`k-means: ${points} points, ${clusters} clusters, ${iterations} iterations, ${workers.length} workers`);
    const hands = [coordinator!, ...workers];
    const ended = await all(
      hands.map((hand) => {
        const role = hand === coordinator ? 'coordinator' : 'worker';
        const peers = (hand === coordinator ? workers : [coordinator!]).map(({ client }) => client);
        return hand.task('k-means', { role, peers, ...share }, { deadlineMs, label: role });
      }),
    );
    for (const [index, { spans }] of ended.entries()) draw(context, hands[index]!, spans);
    const { means, elapsedNs } = ended[0]!;
    return {
      means,
      elapsedNs,
      checked: {
        what: 'coordinates of means, equal to the last bit to those computed without the heap',
        count: means.length * iterations,
      },
      figures: [
        {
          name: 'points assigned',
          value: showPerSecond(perSecond(points * iterations, elapsedNs)),
          detail: `${points.toLocaleString('en-US')} points, ${iterations} iterations, ${clusters} clusters, ${workers.length} workers`,
        },
      ],
    };
  },
} satisfies Workload<KMeansParameters, KMeansResult>;
