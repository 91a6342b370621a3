/** `cpu-rate`: what a server costs at a given rate of calls, and what its callers wait, for each way of waiting (the paper's figure 7). */
import { z } from 'zod';
import { showNs } from '../report/units.ts';
import { type Chart, pointOf } from './chart.ts';
import { medianOf } from './compare.ts';
import { perSecond } from './heap-result.ts';
import type { LatencyResult } from './latency-result.ts';
import { rowOf } from './latency-table.ts';
import { serverAndCaller } from './posts.ts';
import { publishedCpu } from './published.ts';
import { Sweep } from './sweep.ts';
import { waitings } from './waitings.ts';
import type { Workload, WorkloadContext } from './workload.ts';

const window = 16;

const parameters = z.strictObject({
  name: z.literal('cpu-rate'),
  rounds: z.number().int().min(1).max(100).default(3),
  payloadBytes: z.number().int().min(8).max(1024).multipleOf(8).default(64),
  /** Calls a second that arrive, whatever becomes of those before. */
  rates: z.array(z.number().int().min(1).max(10_000_000)).min(1).max(16).default([100, 1_000, 10_000, 100_000]),
  /** Of each rate. */
  seconds: z.number().min(0.01).max(600).default(0.5),
  waiting: z
    .array(z.enum(waitings))
    .min(1)
    .default([...waitings]),
});

export type CpuRateParameters = z.output<typeof parameters>;

export interface CpuRatePoint {
  readonly waiting: (typeof waitings)[number];
  readonly callsPerSecond: number;
  readonly cpuPercent: readonly number[];
  readonly p50Ns: readonly number[];
  readonly p99Ns: readonly number[];
  /** As it came out: less than asked for where both sides together could not keep up. */
  readonly answeredPerSecond: readonly number[];
  readonly delayed: number;
}

export interface CpuRateResult extends LatencyResult {
  readonly points: readonly CpuRatePoint[];
}

export const cpuRate = {
  name: 'cpu-rate',
  sentence: 'A server that is called at random at a given rate: its processor time and the latency from the intended start.',
  parameters,
  needs: { machines: 2 },
  posts: serverAndCaller,
  async run(wanted: CpuRateParameters, context: WorkloadContext): Promise<CpuRateResult> {
    const { rounds, payloadBytes, rates, seconds, waiting } = wanted;
    const sweep = await Sweep.start(context);
    const variants = waiting.flatMap((way) => rates.map((callsPerSecond) => ({ waiting: way, callsPerSecond })));
    const measured = await sweep.rounds('cpu-rate', rounds, variants, async (variant, round) => {
      const serve = { connections: 1, window, payloadBytes, handler: 'echo', waiting: variant.waiting } as const;
      const calls = Math.max(20, Math.round(variant.callsPerSecond * seconds));
      const call = { payloadBytes, callsPerSecond: variant.callsPerSecond, calls, seed: context.seed + round };
      const { called, served } = await sweep.measure(
        `${variant.waiting}, ${variant.callsPerSecond}/s`,
        serve,
        'open-loop-call',
        call,
      );
      const row = rowOf({ tag: variant.waiting, label: '', sentence: '' }, [called.latency]);
      return { called, served, row };
    });
    const points = variants.map((variant, index): CpuRatePoint => {
      const each = measured[index]!;
      return {
        ...variant,
        cpuPercent: each.map(({ served }) => (100 * served.cpuNs) / served.elapsedNs),
        p50Ns: each.map(({ row }) => row.p50Ns),
        p99Ns: each.map(({ row }) => row.p99Ns),
        answeredPerSecond: each.map(({ called }) => perSecond(called.calls, called.elapsedNs)),
        delayed: each.reduce((sum, { called }) => sum + called.delayed, 0),
      };
    });
    return {
      ...(await sweep.end('answers compared with what was asked', sweep.served)),
      points,
      figures: waiting.slice(0, 3).map((way) => figureOf(points.filter((point) => point.waiting === way))),
      charts: [
        chart(points, 'cpu', ({ cpuPercent }) => cpuPercent),
        chart(points, 'answered', ({ answeredPerSecond }) => answeredPerSecond),
        chart(points, 'p50', ({ p50Ns }) => p50Ns),
        chart(points, 'p99', ({ p99Ns }) => p99Ns),
      ],
    };
  },
} satisfies Workload<CpuRateParameters, CpuRateResult>;

function figureOf(points: readonly CpuRatePoint[]) {
  const first = points[0]!;
  return {
    name: `${first.waiting}: processor time at ${first.callsPerSecond.toLocaleString('en-US')} calls a second`,
    value: `${medianOf(first.cpuPercent).toFixed(1)} %`,
    detail: `of a core; latency p50 ${showNs(medianOf(first.p50Ns))}, p99 ${showNs(medianOf(first.p99Ns))}, from the intended start`,
  };
}

const openLoop =
  'Open loop: counted from the moment at which a call was to start, so that a stall makes every call late that fell into it.';
const latency = { label: 'latency from the intended start', unit: 'ns', scale: 'log' } as const;

/** What each chart shows of a point. */
const shown = {
  cpu: {
    title: 'Processor time of the server by rate',
    lead: 'Of the worker, all its threads, from the first call to the end; in a guest it is the guest’s own opinion. Calls arrive at random (a Poisson process), each starts when it is to start. `timed` needs a CPU with umwait, and is `pause` on others. The dashed line is published, of the paper’s hardware and polling.',
    y: { label: 'of a core', unit: 'percent', scale: 'linear' },
  },
  answered: {
    title: 'Calls answered by rate',
    lead: 'Less than was asked for where caller and server together could not keep up: latencies of such a rate only say for how long it was measured.',
    y: { label: 'answered a second', unit: 'perSecond', scale: 'log' },
  },
  p50: { title: 'Latency by rate, median', lead: openLoop, y: latency },
  p99: { title: 'Latency by rate, p99', lead: openLoop, y: latency },
} as const satisfies Readonly<Record<string, Pick<Chart, 'title' | 'lead' | 'y'>>>;

function chart(points: readonly CpuRatePoint[], id: keyof typeof shown, of: (point: CpuRatePoint) => readonly number[]): Chart {
  const ways = [...new Set(points.map(({ waiting }) => waiting))];
  const published = publishedCpu.map(({ callsPerSecond, percent }) => pointOf(callsPerSecond, [percent]));
  return {
    id: `rate-${id}`,
    ...shown[id],
    x: { label: 'calls a second', unit: 'perSecond', scale: 'log' },
    series: [
      ...ways.map((way) => ({
        tag: `waiting-${way}`,
        label: way,
        points: points.filter(({ waiting }) => waiting === way).map((point) => pointOf(point.callsPerSecond, of(point))),
      })),
      ...(id === 'cpu' ? [{ tag: 'published', label: 'published, figure 7', published: true as const, points: published }] : []),
    ],
  };
}
