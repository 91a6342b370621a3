/** `hand-over`: linked structures that one machine builds and another one reads and drops; only references go from one to the other. */
import { z } from 'zod';
import { medianOf, rotated } from './compare.ts';
import { Pair } from './hand-over-pair.ts';
import { all, draw, hireSpread, Tokens } from './heap-crew.ts';
import { type HeapResult, perSecond, showPerSecond, showSpread } from './heap-result.ts';
import { spread } from './posts.ts';
import type { Workload, WorkloadContext } from './workload.ts';

const manners = ['copy', 'move', 'batch'] as const;

const parameters = z.strictObject({
  name: z.literal('hand-over'),
  /** Of a sender and a receiver each. */
  pairs: z.number().int().min(1).max(16).default(1),
  rounds: z.number().int().min(1).max(100).default(5),
  /** Of a round and a pair. */
  structures: z.number().int().min(1).max(10_000_000).default(5_000),
  /** Of a structure: a chain, whose first object refers to the last as well. */
  objects: z.number().int().min(2).max(1_000).default(4),
  objectBytes: z.number().int().min(4).max(65_536).default(64),
  /** Sent at once, where that is what is measured. */
  batch: z.number().int().min(2).max(1024).default(16),
  /** Every item goes into the history, for the check `hand-over-exactly-once`. Slower. */
  history: z.boolean().default(false),
});

export type HandOverParameters = z.output<typeof parameters>;

export interface HandOverResult extends HeapResult {
  readonly manners: readonly { readonly manner: (typeof manners)[number]; readonly objectsPerSecond: readonly number[] }[];
  /** How often a sender or a receiver died; what they were at was begun anew, and only the last time is measured. */
  readonly deaths: number;
}

export const handOver = {
  name: 'hand-over',
  sentence: 'Linked structures built on one machine and sent by reference to another, which reads every word and drops them.',
  parameters,
  needs: { machines: 2, heap: true },
  posts: ({ pairs }: HandOverParameters, machines: readonly string[]) => [
    ...spread('sender', pairs, machines),
    ...spread('receiver', pairs, machines, { from: 1 }),
  ],
  async run(wanted: HandOverParameters, context: WorkloadContext): Promise<HandOverResult> {
    const { rounds, structures, objects } = wanted;
    const { pairs: count, name: _, rounds: __, ...share } = wanted;
    const senders = await hireSpread(context, 'sender', count);
    const receivers = await hireSpread(context, 'receiver', count, { from: 1 });
    const pairs = senders.map((sender, index) => new Pair(sender, receivers[index]!));
    const tokens = new Tokens(context);
    let deaths = 0;
    const measured = manners.map((manner) => ({ manner, objectsPerSecond: [] as number[] }));
    for (let round = 0; round < rounds; round++) {
      for (const { manner, objectsPerSecond } of rotated(measured, round)) {
        context.say(`hand-over: round ${round + 1} of ${rounds}, ${manner}`);
        const handed = await all(pairs.map((pair) => pair.handOver(context, { ...share, manner }, tokens)));
        for (const end of handed.flatMap(({ sender, receiver }) => [sender, receiver])) draw(context, end.hand, end.result.spans);
        const slowestNs = Math.max(
          ...handed.flatMap(({ sender, receiver }) => [sender.result.elapsedNs, receiver.result.elapsedNs]),
        );
        deaths += handed.reduce((sum, each) => sum + each.deaths, 0);
        objectsPerSecond.push(perSecond(count * structures * objects, slowestNs));
      }
    }
    return {
      manners: measured,
      deaths,
      checked: {
        what: 'objects of which the receiver read every word',
        count: count * structures * objects * rounds * manners.length,
      },
      figures: measured.map(({ manner, objectsPerSecond }) => ({
        name: `objects handed over, by ${manner}`,
        value: showPerSecond(medianOf(objectsPerSecond)),
        detail: `${showSpread(objectsPerSecond)} over ${rounds} rounds: built, linked, sent, read, dropped`,
      })),
    };
  },
} satisfies Workload<HandOverParameters, HandOverResult>;
