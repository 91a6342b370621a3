/** `threadtest`: batches of small objects, allocated and dropped, by one client and by several at once (CXL-SHM, figure 5). */
import { z } from 'zod';
import { all, draw, hireSpread, Tokens } from './heap-crew.ts';
import type { HeapResult } from './heap-result.ts';
import { spread } from './posts.ts';
import { figuresOf, measureScaling, type Scaling, throughputOf } from './scaling.ts';
import type { Workload, WorkloadContext } from './workload.ts';

/** How many clients, from few to many, each measured in every round. */
export const clientCounts = z.array(z.number().int().min(1).max(32)).min(1).max(8).default([1, 2]);

const parameters = z.strictObject({
  name: z.literal('threadtest'),
  clients: clientCounts,
  rounds: z.number().int().min(1).max(100).default(5),
  iterations: z.number().int().min(1).max(100_000).default(10),
  /** Of an iteration: each client allocates its share of them before it drops any. */
  objects: z.number().int().min(32).max(1_000_000).default(100_000),
  /** `split`: the clients share a batch, as in the paper; `own`: each has a whole one, as large as that of a client alone. */
  batch: z.enum(['split', 'own']).default('split'),
  objectBytes: z.number().int().min(8).max(65_536).default(64),
});

export type ThreadtestParameters = z.output<typeof parameters>;

export interface AllocatorResult extends HeapResult {
  readonly scaling: Scaling;
}

const deadlineMs = 300_000;

export const threadtest = {
  name: 'threadtest',
  sentence:
    'Clients that allocate batches of small objects and drop them, alone and several at once, each batch split between them.',
  parameters,
  needs: { machines: 1, heap: true },
  posts: ({ clients }: ThreadtestParameters, machines: readonly string[]) => spread('client', Math.max(...clients), machines),
  async run(wanted: ThreadtestParameters, context: WorkloadContext): Promise<AllocatorResult> {
    const { clients, rounds, iterations, objects, batch, objectBytes } = wanted;
    const hands = await hireSpread(context, 'client', Math.max(...clients));
    const tokens = new Tokens(context);
    let checked = 0;
    const scaling = await measureScaling(clients, rounds, async (count, round) => {
      context.say(`threadtest: round ${round + 1} of ${rounds}, clients: ${count}`);
      const share = { iterations, objects: batch === 'own' ? objects : Math.floor(objects / count), objectBytes };
      const working = hands.slice(0, count);
      const meetings = tokens.meetings(count);
      const results = await all(
        working.map((hand, index) => hand.task('threadtest', { meeting: meetings[index]!, ...share }, { deadlineMs })),
      );
      for (const [index, { spans }] of results.entries()) draw(context, working[index]!, spans);
      checked += results.reduce((sum, each) => sum + each.checked, 0);
      return throughputOf(results);
    });
    return {
      scaling,
      checked: { what: 'objects that were written all over and read again', count: checked },
      figures: figuresOf(scaling, 'objects allocated and dropped'),
    };
  },
} satisfies Workload<ThreadtestParameters, AllocatorResult>;
