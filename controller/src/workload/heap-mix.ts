/**
 * `heap-mix`: everything that the heap can do, by clients of which some die; whoever takes a dead one's place goes on in it. What is
 * wrong afterwards, or on the way, is the heap's doing.
 */
import { z } from 'zod';
import { duration } from '../config/quantities.ts';
import { CxlpodError, exitCodes } from '../errors/cxlpod-error.ts';
import type { Hand } from '../runs/crew/hand.ts';
import { hireSpread, outlast, Tokens } from './heap-crew.ts';
import type { HeapResult } from './heap-result.ts';
import { spread } from './posts.ts';
import type { Workload, WorkloadContext } from './workload.ts';

const parameters = z.strictObject({
  name: z.literal('heap-mix'),
  /** Workers `client-1`, `client-2`, and so on, spread over the machines. */
  clients: z.number().int().min(1).max(16).default(2),
  /** Of each client that lives, at least. */
  operations: z.number().int().min(1).max(1_000_000_000).default(2_000),
  /** Objects of whole pages and of whole segments as well. */
  large: z.boolean().default(false),
  /** Instead: all of them refer to the same few objects, and let go of them, all the time. */
  hot: z.boolean().default(false),
  limit: duration.default(120_000),
});

export type HeapMixParameters = z.output<typeof parameters>;

export interface HeapMixResult extends HeapResult {
  readonly operations: number;
  /** Clients that took the place of dead ones. */
  readonly successors: number;
}

export const heapMix = {
  name: 'heap-mix',
  sentence: "Everything that the heap can do, mixed, by clients that refer to each other's objects, while some of them die.",
  parameters,
  needs: { machines: 1, heap: true },
  posts: ({ clients }: HeapMixParameters, machines: readonly string[]) => spread('client', clients, machines),
  async run(wanted: HeapMixParameters, context: WorkloadContext): Promise<HeapMixResult> {
    const { clients, operations, large, hot, limit } = wanted;
    const token = new Tokens(context).next();
    const hands = await hireSpread(context, 'client', clients);
    const share = { token, members: clients, operations, large, hot, seed: context.seed };
    let successors = 0;
    let seeBroken: (error: unknown) => void = () => {};
    const broken = new Promise<never>((_, reject) => {
      seeBroken = reject;
    });
    const work = hands.map((first, member) =>
      outlast(context, first, async (hand) => {
        if (hand !== first) successors++;
        const dies = hand.crash !== null;
        void brokenInvariant(hand, context).then((error) => error !== null && seeBroken(error));
        const label = `member ${member + 1}`;
        return hand.task('heap-mix', { role: 'work', member, dies, ...share }, { deadlineMs: limit, label });
      }),
    );
    // The first failure ends the run: the others would wait for somebody who does not come back.
    const ended = await Promise.race([Promise.all(work), broken]);
    const { hand } = ended[0]!;
    await hand.task('heap-mix', { role: 'clear', member: 0, dies: false, ...share }, { deadlineMs: limit });
    const done = ended.reduce((sum, { result }) => sum + result.operations, 0);
    const looks = ended.reduce((sum, { result }) => sum + result.looks, 0);
    return {
      operations: done,
      successors,
      checked: { what: 'objects of others that clients got hold of and found whole', count: looks },
      figures: [
        {
          name: 'operations of the heap',
          value: done.toLocaleString('en-US'),
          detail: `by ${clients} clients that lived to the end; ${successors} of them in the place of dead ones`,
        },
      ],
    };
  },
} satisfies Workload<HeapMixParameters, HeapMixResult>;

/** A client that ended itself, since the heap was not as it must be, says so in the log of its agent; nobody will take its place. */
async function brokenInvariant({ exit, pid, post }: Hand, { pod }: WorkloadContext): Promise<CxlpodError | null> {
  const { asked } = await exit;
  if (asked) return null;
  const log = await pod
    .machine(post.machine)
    .machine.readLog('agent')
    .catch(() => '');
  const said = String(log).match(new RegExp(`worker ${pid}: (invariant .*);`))?.[1];
  if (said === undefined) return null;
  return new CxlpodError('WRONG_ANSWER', `${post.worker} on ${post.machine} found the heap broken`, {
    exitCode: exitCodes.invalid,
    cause: new Error(said),
  });
}
