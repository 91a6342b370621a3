/** `shbench`: objects of random sizes with random lifetimes, by one client and by several at once (CXL-SHM, figure 5). */
import { z } from 'zod';
import { all, draw, hireSpread, Tokens } from './heap-crew.ts';
import { spread } from './posts.ts';
import { figuresOf, measureScaling, throughputOf } from './scaling.ts';
import { type AllocatorResult, clientCounts } from './threadtest.ts';
import type { Workload, WorkloadContext } from './workload.ts';

const parameters = z.strictObject({
  name: z.literal('shbench'),
  clients: clientCounts,
  rounds: z.number().int().min(1).max(100).default(5),
  /** Of a round, all clients together. */
  calls: z.number().int().min(100).max(100_000_000).default(500_000),
  /** Beside what is measured, of each client: every object written all over and read again. */
  checkedCalls: z.number().int().min(1).max(1_000_000).default(20_000),
  /** Objects of a client that live at once. */
  slots: z.number().int().min(1).max(1_000_000).default(1_000),
  leastBytes: z.number().int().min(8).max(65_536).default(64),
  mostBytes: z.number().int().min(8).max(65_536).default(400),
});

export type ShbenchParameters = z.output<typeof parameters>;

const deadlineMs = 300_000;

export const shbench = {
  name: 'shbench',
  sentence: 'Clients that allocate objects of random sizes and drop them in random order, alone and several at once.',
  parameters,
  needs: { machines: 1, heap: true },
  posts: ({ clients }: ShbenchParameters, machines: readonly string[]) => spread('client', Math.max(...clients), machines),
  async run(wanted: ShbenchParameters, context: WorkloadContext): Promise<AllocatorResult> {
    const { clients, rounds, calls, checkedCalls, slots, leastBytes, mostBytes } = wanted;
    const hands = await hireSpread(context, 'client', Math.max(...clients));
    const tokens = new Tokens(context);
    let checked = 0;
    const scaling = await measureScaling(clients, rounds, async (count, round) => {
      context.say(`shbench: round ${round + 1} of ${rounds}, clients: ${count}`);
      const share = { calls: Math.floor(calls / count), checkedCalls, slots, leastBytes, mostBytes, seed: context.seed };
      const working = hands.slice(0, count);
      const meetings = tokens.meetings(count);
      const results = await all(
        working.map((hand, index) => hand.task('shbench', { meeting: meetings[index]!, ...share }, { deadlineMs })),
      );
      for (const [index, { spans }] of results.entries()) draw(context, working[index]!, spans);
      checked += results.reduce((sum, each) => sum + each.checked, 0);
      return throughputOf(results);
    });
    return {
      scaling,
      checked: { what: 'objects that were written all over and read again', count: checked },
      figures: figuresOf(scaling, 'objects of random sizes'),
    };
  },
} satisfies Workload<ShbenchParameters, AllocatorResult>;
