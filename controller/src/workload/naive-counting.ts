/** `naive-counting`: the negative controls. Whoever counts in two steps leaks or dangles when a client dies between them; seen, or the audit is blind. */
import { z } from 'zod';
import { all, untilReplaced } from './heap-crew.ts';
import type { HeapResult } from './heap-result.ts';
import type { Workload, WorkloadContext } from './workload.ts';

const orders = ['leaks', 'dangles'] as const;

const parameters = z.strictObject({ name: z.literal('naive-counting') });

export type NaiveCountingParameters = z.output<typeof parameters>;

export interface NaiveCountingResult extends HeapResult {
  readonly controls: readonly { readonly order: (typeof orders)[number]; readonly problems: readonly string[] }[];
}

const deadlineMs = 60_000;

export const naiveCounting = {
  name: 'naive-counting',
  sentence: 'References counted in two steps, in either order, by two clients of which one is killed between the steps.',
  parameters,
  needs: { machines: 2 },
  posts: (_: NaiveCountingParameters, [first, second]: readonly string[]) => [
    { machine: first!, worker: 'survivor' },
    ...orders.map((order) => ({ machine: second!, worker: `${order}-victim` })),
  ],
  async run(_: NaiveCountingParameters, context: WorkloadContext): Promise<NaiveCountingResult> {
    const [first, second] = context.pod.machines;
    const survivor = await context.crew.hire({ machine: first!.machine.name, worker: 'survivor' });
    const controls = [];
    for (const order of orders) {
      context.say(`naive-counting: the order that ${order}`);
      const task = { deadlineMs, label: `naive counting that ${order}` };
      await survivor.task('naive-counting', { role: 'prepare', order, partners: [] }, task);
      const victim = await context.crew.hire({ machine: second!.machine.name, worker: `${order}-victim` });
      const [recovered] = await all([
        survivor.task('naive-counting', { role: 'recover', order, partners: [victim.client] }, task),
        untilReplaced(context, victim, (hand) =>
          hand.task('naive-counting', { role: 'victim', order, partners: [survivor.client] }, task),
        ).then(() => null),
      ]);
      controls.push({ order, problems: recovered!.problems });
    }
    return {
      controls,
      checked: { what: 'deaths between two steps, looked at by the audit', count: controls.length },
      figures: controls.map(({ order, problems }) => ({
        name: `naive counting, the order that ${order}`,
        value: problems.length === 0 ? 'clean' : `${problems.length} found`,
        detail: problems[0] ?? 'the audit found nothing',
      })),
    };
  },
} satisfies Workload<NaiveCountingParameters, NaiveCountingResult>;
