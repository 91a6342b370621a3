/** `size-sweep`: calls of growing size, once passing a reference only, once with every line written and read (the paper's figure 4, in two curves). */
import { z } from 'zod';
import { showNs } from '../report/units.ts';
import { pointOf } from './chart.ts';
import { medianOf } from './compare.ts';
import type { LatencyResult } from './latency-result.ts';
import { serverAndCaller } from './posts.ts';
import { callsPerSecond, Sweep } from './sweep.ts';
import { waitings } from './waitings.ts';
import type { Workload, WorkloadContext } from './workload.ts';

/** Two slots are the fewest that a connection has, and what fits into one then. */
const window = 2;
const largestBytes = 9_664;

const parameters = z.strictObject({
  name: z.literal('size-sweep'),
  rounds: z.number().int().min(1).max(1000).default(5),
  sizes: z
    .array(z.number().int().min(64).max(largestBytes))
    .min(2)
    .max(32)
    .default([64, 128, 256, 512, 1024, 2048, 4096, 8192, largestBytes]),
  batches: z.number().int().min(1).max(100_000).default(60),
  callsPerBatch: z.number().int().min(1).max(100_000).default(100),
  /** Of both sides. A comparison of rings, as their floor in C, spins. */
  waiting: z.enum(waitings).default('spin'),
});

export type SizeSweepParameters = z.output<typeof parameters>;

const manners = ['reference', 'touch'] as const;

export interface SizeSweepResult extends LatencyResult {
  readonly perCallNs: readonly {
    readonly manner: (typeof manners)[number];
    readonly bytes: number;
    readonly rounds: readonly number[];
  }[];
}

export const sizeSweep = {
  name: 'size-sweep',
  sentence: 'Calls of growing size, once by reference only, once with every line written by the caller and read by the server.',
  parameters,
  needs: { machines: 2 },
  posts: serverAndCaller,
  async run(wanted: SizeSweepParameters, context: WorkloadContext): Promise<SizeSweepResult> {
    const { sizes, rounds, batches, callsPerBatch, waiting } = wanted;
    const sweep = await Sweep.start(context);
    const variants = sizes.flatMap((bytes) => manners.map((manner) => ({ manner, bytes })));
    const measured = await sweep.rounds('size-sweep', rounds, variants, async ({ manner, bytes }) => {
      const serve = { connections: 1, window, payloadBytes: bytes, handler: manner, waiting };
      const call = { connections: 1, manner, depth: 1, payloadBytes: bytes, batches, callsPerBatch, waiting };
      const { called } = await sweep.measure(`${manner}, ${bytes} B`, serve, 'sweep-call', call);
      return 1e9 / callsPerSecond(called);
    });
    const perCallNs = variants.map((variant, index) => ({ ...variant, rounds: measured[index]! }));
    const of = (manner: string) => perCallNs.filter((each) => each.manner === manner);
    const [first, last] = [of('reference')[0]!, of('reference').at(-1)!];
    const touched = of('touch').at(-1)!;
    return {
      ...(await sweep.end('answers that said what the server saw of the request', sweep.served)),
      perCallNs,
      figures: [
        {
          name: `by reference, ${last.bytes} bytes over ${first.bytes}`,
          value: `${(medianOf(last.rounds) / medianOf(first.rounds)).toFixed(2)}×`,
          detail: `${showNs(medianOf(last.rounds))} against ${showNs(medianOf(first.rounds))} a call`,
        },
        {
          name: `every line touched, ${touched.bytes} bytes`,
          value: showNs(medianOf(touched.rounds)),
          detail: 'a byte of each line written by the caller, read by the server',
        },
      ],
      charts: [
        {
          id: 'size-latency',
          title: 'Time of a call by the size of its request',
          lead: `JavaScript on both sides, one call at a time, an answer of 8 bytes. Of each round its median batch of ${callsPerBatch} calls; median of ${rounds} rounds. By reference neither side touches the request; otherwise a byte of every line is written and read. A connection takes up to ${largestBytes.toLocaleString('en-US')} bytes; what is larger travels as objects of the heap.`,
          x: { label: 'request', unit: 'bytes', scale: 'log' },
          y: { label: 'time of a call', unit: 'ns', scale: 'log' },
          series: [
            {
              tag: 'reference',
              label: 'reference only',
              points: of('reference').map(({ bytes, rounds: each }) => pointOf(bytes, each)),
            },
            {
              tag: 'touch',
              label: 'every line touched',
              points: of('touch').map(({ bytes, rounds: each }) => pointOf(bytes, each)),
            },
          ],
        },
      ],
    };
  },
} satisfies Workload<SizeSweepParameters, SizeSweepResult>;
