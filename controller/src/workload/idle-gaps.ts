/** `idle-gaps`: what the first call costs after the server had nothing to do for a while, for each way of waiting. */
import { z } from 'zod';
import { showNs } from '../report/units.ts';
import { pointOf } from './chart.ts';
import { medianOf } from './compare.ts';
import type { LatencyResult } from './latency-result.ts';
import { rowOf } from './latency-table.ts';
import { serverAndCaller } from './posts.ts';
import { Sweep } from './sweep.ts';
import { waitings } from './waitings.ts';
import type { Workload, WorkloadContext } from './workload.ts';

const parameters = z.strictObject({
  name: z.literal('idle-gaps'),
  rounds: z.number().int().min(1).max(100).default(3),
  payloadBytes: z.number().int().min(4).max(1024).default(64),
  /** In microseconds. */
  gapsUs: z.array(z.number().int().min(1).max(10_000_000)).min(2).max(16).default([10, 100, 1_000, 10_000, 100_000, 1_000_000]),
  /** Calls after each gap, as many as this time allows, from 1 to 200. */
  secondsPerGap: z.number().min(0.01).max(600).default(0.5),
  waiting: z
    .array(z.enum(waitings))
    .min(1)
    .default([...waitings]),
});

export type IdleGapsParameters = z.output<typeof parameters>;

export interface IdleGapsResult extends LatencyResult {
  readonly points: readonly {
    readonly waiting: (typeof waitings)[number];
    readonly gapNs: number;
    readonly p50Ns: readonly number[];
    readonly mostNs: readonly number[];
    readonly calls: number;
  }[];
}

const mostCalls = 200;

export const idleGaps = {
  name: 'idle-gaps',
  sentence: 'Single calls, each after the server had nothing to do for a while, from microseconds to a second.',
  parameters,
  needs: { machines: 2 },
  posts: serverAndCaller,
  async run(wanted: IdleGapsParameters, context: WorkloadContext): Promise<IdleGapsResult> {
    const { rounds, payloadBytes, gapsUs, secondsPerGap, waiting } = wanted;
    const sweep = await Sweep.start(context);
    const gaps = gapsUs.map((gapUs) => ({
      gapNs: gapUs * 1_000,
      calls: Math.max(1, Math.min(mostCalls, Math.floor((secondsPerGap * 1e6) / gapUs))),
    }));
    const measured = await sweep.rounds('idle-gaps', rounds, waiting, async (way) => {
      const serve = { connections: 1, window: 2, payloadBytes, handler: 'echo', waiting: way } as const;
      const { called } = await sweep.measure(`first call, ${way}`, serve, 'idle-gap-call', { payloadBytes, gaps });
      return called.gaps.map(({ latency }) => ({ latency, row: rowOf({ tag: way, label: '', sentence: '' }, [latency]) }));
    });
    const points = waiting.flatMap((way, index) =>
      gaps.map(({ gapNs, calls }, gap) => ({
        waiting: way,
        gapNs,
        p50Ns: measured[index]!.map((round) => round[gap]!.row.p50Ns),
        mostNs: measured[index]!.map((round) => round[gap]!.latency.counts.at(-1)?.[0] ?? 0),
        calls: calls * rounds,
      })),
    );
    const of = (way: string) => points.filter((point) => point.waiting === way);
    return {
      ...(await sweep.end('answers compared with what was asked', sweep.served)),
      points,
      figures: waiting.slice(0, 3).map((way) => {
        const last = of(way).at(-1)!;
        return {
          name: `${way}: first call after ${showNs(last.gapNs)}`,
          value: showNs(medianOf(last.p50Ns)),
          detail: `the worst of ${last.calls}: ${showNs(Math.max(...last.mostNs))}; after ${showNs(of(way)[0]!.gapNs)}: ${showNs(medianOf(of(way)[0]!.p50Ns))}`,
        };
      }),
      charts: [
        {
          id: 'gap-latency',
          title: 'The first call after a rest',
          lead: `JavaScript calls of ${payloadBytes} bytes, each timed alone, with the price of the clock in it; served in the core. The caller is awake when it calls. Median of ${rounds} rounds’ p50. \`timed\` needs a CPU with umwait, and is \`pause\` on others. The paper does not report cold calls.`,
          x: { label: 'nothing to do before', unit: 'ns', scale: 'log' },
          y: { label: 'latency, p50', unit: 'ns', scale: 'log' },
          series: waiting.map((way) => ({
            tag: `waiting-${way}`,
            label: way,
            points: of(way).map(({ gapNs, p50Ns }) => pointOf(gapNs, p50Ns)),
          })),
        },
        {
          id: 'gap-worst',
          title: 'The slowest first call after a rest',
          lead: 'Of all calls of a round: what a strategy, or the host’s scheduler, can cost. Median of the rounds’ slowest.',
          x: { label: 'nothing to do before', unit: 'ns', scale: 'log' },
          y: { label: 'slowest', unit: 'ns', scale: 'log' },
          series: waiting.map((way) => ({
            tag: `waiting-${way}`,
            label: way,
            points: of(way).map(({ gapNs, mostNs }) => pointOf(gapNs, mostNs)),
          })),
        },
      ],
    };
  },
} satisfies Workload<IdleGapsParameters, IdleGapsResult>;
