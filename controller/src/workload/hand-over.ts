/** `hand-over`: linked structures that one machine builds and another one reads and drops; only references go from one to the other. */
import { z } from 'zod';
import { medianOf, rotated } from './compare.ts';
import { all, draw, hireSpread, Tokens } from './heap-crew.ts';
import { type HeapResult, perSecond, showPerSecond, showSpread } from './heap-result.ts';
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
}

const deadlineMs = 300_000;

export const handOver = {
  name: 'hand-over',
  sentence: 'Linked structures built on one machine and sent by reference to another, which reads every word and drops them.',
  parameters,
  needs: { machines: 2, heap: true },
  async run(wanted: HandOverParameters, context: WorkloadContext): Promise<HandOverResult> {
    const { pairs, rounds, structures, objects, objectBytes, batch, history } = wanted;
    const senders = await hireSpread(context, 'sender', pairs);
    const receivers = await hireSpread(context, 'receiver', pairs, { from: 1 });
    const tokens = new Tokens();
    const measured = manners.map((manner) => ({ manner, objectsPerSecond: [] as number[] }));
    for (let round = 0; round < rounds; round++) {
      for (const { manner, objectsPerSecond } of rotated(measured, round)) {
        context.say(`hand-over: round ${round + 1} of ${rounds}, ${manner}`);
        const share = { structures, objects, objectBytes, batch, manner, history };
        const handed = await all(
          senders.flatMap((sender, pair) => {
            const receiver = receivers[pair]!;
            const tag = tokens.next();
            return [
              sender.task(
                'hand-over',
                { role: 'sender', peer: receiver.client, tag, ...share },
                { deadlineMs, label: `send by ${manner}` },
              ),
              receiver.task(
                'hand-over',
                { role: 'receiver', peer: sender.client, tag, ...share },
                { deadlineMs, label: 'receive' },
              ),
            ];
          }),
        );
        for (const [index, { spans }] of handed.entries()) {
          draw(context, (index % 2 === 0 ? senders : receivers)[index >> 1]!, spans);
        }
        const slowestNs = Math.max(...handed.map(({ elapsedNs }) => elapsedNs));
        objectsPerSecond.push(perSecond(pairs * structures * objects, slowestNs));
      }
    }
    return {
      manners: measured,
      checked: {
        what: 'objects of which the receiver read every word',
        count: pairs * structures * objects * rounds * manners.length,
      },
      figures: measured.map(({ manner, objectsPerSecond }) => ({
        name: `objects handed over, by ${manner}`,
        value: showPerSecond(medianOf(objectsPerSecond)),
        detail: `${showSpread(objectsPerSecond)} over ${rounds} rounds: built, linked, sent, read, dropped`,
      })),
    };
  },
} satisfies Workload<HandOverParameters, HandOverResult>;
