/** `window-sweep`: what calls in flight bring on one connection, over one call at a time (the paper's figure 5). */
import { z } from 'zod';
import { pointOf } from './chart.ts';
import { spreadOf } from './compare.ts';
import { showPerSecond } from './heap-result.ts';
import type { LatencyResult } from './latency-result.ts';
import { serverAndCaller } from './posts.ts';
import { publishedWindow } from './published.ts';
import { callsPerSecond, Sweep } from './sweep.ts';
import { waitings } from './waitings.ts';
import type { Workload, WorkloadContext } from './workload.ts';

const window = 16;

const parameters = z.strictObject({
  name: z.literal('window-sweep'),
  rounds: z.number().int().min(1).max(1000).default(7),
  payloadBytes: z.number().int().min(8).max(1024).multipleOf(8).default(64),
  /** Calls in flight; 1 is one call at a time. */
  depths: z.array(z.number().int().min(1).max(window)).min(2).max(16).default([1, 2, 4, 8, 16]),
  batches: z.number().int().min(1).max(100_000).default(100),
  /** Long enough that filling and emptying the window does not count. */
  callsPerBatch: z.number().int().min(16).max(100_000).default(1_000),
  /** Of both sides. A comparison of rings, as their floor in C, spins. */
  waiting: z.enum(waitings).default('spin'),
});

export type WindowSweepParameters = z.output<typeof parameters>;

export interface WindowSweepResult extends LatencyResult {
  /** Over the first depth, round by round: of every depth its spread, and of the best one. */
  readonly ratios: readonly { readonly depth: number; readonly ratio: ReturnType<typeof spreadOf> }[];
  readonly perSecond: readonly { readonly depth: number; readonly rounds: readonly number[] }[];
  /** The first depth measured a second time in each round, over the first. */
  readonly again: ReturnType<typeof spreadOf>;
}

export const windowSweep = {
  name: 'window-sweep',
  sentence: 'One connection with more and more calls in flight, each answer verified; throughput over one call at a time.',
  parameters,
  needs: { machines: 2 },
  posts: serverAndCaller,
  async run(wanted: WindowSweepParameters, context: WorkloadContext): Promise<WindowSweepResult> {
    const { depths, rounds, payloadBytes, batches, callsPerBatch, waiting } = wanted;
    const sweep = await Sweep.start(context);
    const serve = { connections: 1, window, payloadBytes: 1024, handler: 'echo', waiting } as const;
    const variants = [...depths.map((depth) => ({ depth, again: false })), { depth: depths[0]!, again: true }];
    const measured = await sweep.rounds('window-sweep', rounds, variants, async ({ depth }) => {
      const call = { connections: 1, manner: 'echo', depth, payloadBytes, batches, callsPerBatch, waiting } as const;
      const { called } = await sweep.measure(`${depth} in flight`, serve, 'sweep-call', call);
      return callsPerSecond(called);
    });
    const over = (rates: readonly number[]) => rates.map((rate, round) => rate / measured[0]![round]!);
    const ratios = depths.map((depth, index) => ({ depth, ratio: spreadOf(over(measured[index]!)) }));
    const again = spreadOf(over(measured.at(-1)!));
    const best = ratios.reduce((a, b) => (b.ratio.median > a.ratio.median ? b : a));
    const noise = `; one depth over itself ${again.low.toFixed(2)}× to ${again.high.toFixed(2)}×`;
    return {
      ...(await sweep.end('answers compared with what was asked', sweep.served)),
      ratios,
      again,
      perSecond: depths.map((depth, index) => ({ depth, rounds: measured[index]! })),
      figures: [
        {
          name: `calls, ${depths[0]} in flight`,
          value: showPerSecond(pointOf(0, measured[0]!).y),
          detail: `median of ${rounds} rounds, one connection, ${payloadBytes} bytes`,
        },
        {
          name: `calls, ${best.depth} in flight: the best`,
          value: `${best.ratio.median.toFixed(2)}×`,
          detail: `${best.ratio.low.toFixed(2)}× to ${best.ratio.high.toFixed(2)}×, each ratio inside its round${noise}`,
        },
      ],
      charts: [
        {
          id: 'window-throughput',
          title: 'Throughput of one connection by calls in flight',
          lead: `Echoes of ${payloadBytes} bytes inside the core, closed loop, one connection with a window of ${window}. Of each round the rate of its median batch of ${callsPerBatch} calls; the dot is the median of ${rounds} rounds, the bar their lowest and highest.`,
          x: { label: 'calls in flight', unit: 'count', scale: 'log' },
          y: { label: 'calls a second', unit: 'perSecond', scale: 'linear' },
          series: [
            { tag: 'rpc-core', label: 'HydraRPC', points: depths.map((depth, index) => pointOf(depth, measured[index]!)) },
          ],
        },
        {
          id: 'window-ratio',
          title: 'The same over one call at a time',
          lead: 'Each ratio is taken inside its round. The paper’s line is its own throughput with a window over its own without, on its hardware: published, and not measured here.',
          x: { label: 'calls in flight', unit: 'count', scale: 'log' },
          y: { label: 'ratio', unit: 'ratio', scale: 'linear' },
          series: [
            {
              tag: 'rpc-core',
              label: 'HydraRPC',
              points: depths.map((depth, index) => pointOf(depth, over(measured[index]!))),
            },
            {
              tag: 'published',
              label: 'published, figure 5',
              published: true,
              points: publishedWindow.map(({ window: depth, ratio }) => pointOf(depth, [ratio])),
            },
          ],
        },
      ],
    };
  },
} satisfies Workload<WindowSweepParameters, WindowSweepResult>;
