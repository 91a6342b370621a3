/** `layouts`: what the checks of the hardened layout cost over the paper's own, which believes everything. */
import type { LatencyCounts } from '@cxlpod/agent/protocol';
import { z } from 'zod';
import { showNs } from '../report/units.ts';
import { type Comparison, compare } from './compare.ts';
import type { LatencyResult } from './latency-result.ts';
import { Sweep } from './sweep.ts';
import { waitings } from './waitings.ts';
import type { Workload, WorkloadContext } from './workload.ts';

const window = 16;

const parameters = z.strictObject({
  name: z.literal('layouts'),
  rounds: z.number().int().min(5).max(1000).default(9),
  payloadBytes: z.number().int().min(8).max(1024).multipleOf(8).default(64),
  batches: z.number().int().min(10).max(100_000).default(200),
  callsPerBatch: z.number().int().min(1).max(10_000).default(100),
  /** Of both sides. A comparison of rings, as their floor in C, spins. */
  waiting: z.enum(waitings).default('spin'),
});

export type LayoutsParameters = z.output<typeof parameters>;

export interface LayoutsResult extends LatencyResult {
  readonly comparison: Comparison;
}

const faithful = { sentence: 'The paper’s entry: reference and flag, a header line with the length, nothing checked.' };
const variants = [
  { tag: 'faithful', label: 'faithful layout', layout: 'faithful', ...faithful },
  {
    tag: 'hardened',
    label: 'hardened layout',
    layout: 'hardened',
    sentence: 'Phase, sequence, length and kind in the entry; all that the other side says is checked.',
  },
  { tag: 'faithful-again', label: 'faithful layout, again', layout: 'faithful', again: true, ...faithful },
] as const;

export const layouts = {
  name: 'layouts',
  sentence: 'The same calls, core to core, in the hardened layout and in the paper’s own, in interleaved rounds.',
  parameters,
  needs: { machines: 2 },
  async run(wanted: LayoutsParameters, context: WorkloadContext): Promise<LayoutsResult> {
    const { rounds, payloadBytes, batches, callsPerBatch, waiting } = wanted;
    const sweep = await Sweep.start(context);
    const measured: LatencyCounts[][] = await sweep.rounds('layouts', rounds, variants, async (variant) => {
      const serve = { connections: 1, window, payloadBytes: 1024, handler: 'echo', layout: variant.layout, waiting } as const;
      const call = { connections: 1, manner: 'echo', depth: 1, payloadBytes, batches, callsPerBatch, waiting } as const;
      const startS = Date.now() / 1000;
      const { called } = await sweep.measure(variant.label, serve, 'sweep-call', call);
      context.latencies.add(variant, { startS, endS: Date.now() / 1000, latency: called.latency });
      return called.latency;
    });
    const comparison = compare(variants, measured);
    const [before, after, again] = comparison.entries;
    const range = ({ low, high }: { readonly low: number; readonly high: number }) => `${low.toFixed(2)}× to ${high.toFixed(2)}×`;
    return {
      ...(await sweep.end('answers compared with what was asked', sweep.served)),
      comparison,
      figures: [
        {
          name: 'hardened over faithful, p50',
          value: `${after!.ratio.median.toFixed(2)}×`,
          detail: `${range(after!.ratio)} over ${rounds} rounds, ${showNs(after!.p50Ns)} against ${showNs(before!.p50Ns)}; faithful over itself ${range(again!.ratio)}`,
        },
      ],
      charts: [],
    };
  },
} satisfies Workload<LayoutsParameters, LayoutsResult>;
