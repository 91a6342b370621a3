/** `sharing-modes`: what the instructions of each way to share without coherence cost here, where none of them is needed. */
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
  name: z.literal('sharing-modes'),
  rounds: z.number().int().min(5).max(1000).default(9),
  payloadBytes: z.number().int().min(8).max(1024).multipleOf(8).default(64),
  batches: z.number().int().min(10).max(100_000).default(50),
  callsPerBatch: z.number().int().min(1).max(10_000).default(100),
  /** Of both sides. */
  waiting: z.enum(waitings).default('spin'),
});

export type SharingModesParameters = z.output<typeof parameters>;

export interface SharingModesResult extends LatencyResult {
  readonly comparison: Comparison;
}

const coherent = { sharing: 'coherent', sentence: 'No flush and no fence: the caches are coherent.' } as const;
const variants = [
  { tag: 'coherent', label: 'coherent', ...coherent },
  {
    tag: 'lines',
    label: 'line by line',
    sharing: 'lines',
    sentence: 'What is written is written back, what is read is invalidated first, before each look.',
  },
  {
    tag: 'non-temporal',
    label: 'non-temporal stores',
    sharing: 'non-temporal',
    sentence: 'Entries and payloads are stored past the caches; what is read is invalidated first.',
  },
  {
    tag: 'fast',
    label: 'lines of entries',
    sharing: 'fast',
    sentence: 'A line of entries is invalidated once for all that it brings, the next one fetched meanwhile.',
  },
  { tag: 'coherent-again', label: 'coherent, again', again: true, ...coherent },
] as const;

export const sharingModes = {
  name: 'sharing-modes',
  sentence: 'The same calls, core to core, in each way to share a connection, in interleaved rounds.',
  parameters,
  needs: { machines: 2 },
  async run(wanted: SharingModesParameters, context: WorkloadContext): Promise<SharingModesResult> {
    const { rounds, payloadBytes, batches, callsPerBatch, waiting } = wanted;
    const { accelerator } = context.pod.environment;
    const sweep = await Sweep.start(context);
    const measured: LatencyCounts[][] = await sweep.rounds('sharing-modes', rounds, variants, async (variant) => {
      const serve = { connections: 1, window, payloadBytes: 1024, handler: 'echo', sharing: variant.sharing, waiting } as const;
      const call = { connections: 1, manner: 'echo', depth: 1, payloadBytes, batches, callsPerBatch, waiting } as const;
      const startS = Date.now() / 1000;
      const { called } = await sweep.measure(variant.label, serve, 'sweep-call', call);
      context.latencies.add(variant, { startS, endS: Date.now() / 1000, latency: called.latency });
      return called.latency;
    });
    const comparison = compare(variants, measured);
    const again = comparison.entries.at(-1)!.ratio;
    const note =
      accelerator === 'tcg'
        ? 'TCG gives flushes no effect: configuration only'
        : 'these caches are coherent: a price, and nothing gained';
    return {
      ...(await sweep.end('answers compared with what was asked', sweep.served)),
      comparison,
      figures: comparison.entries
        .filter(({ tag, again }) => tag !== 'coherent' && !again)
        .map(({ label, ratio, p50Ns }) => ({
          name: `${label} over coherent, p50`,
          value: `${ratio.median.toFixed(2)}×`,
          detail: `${ratio.low.toFixed(2)}× to ${ratio.high.toFixed(2)}× over ${rounds} rounds, ${showNs(p50Ns)}; coherent over itself ${again.low.toFixed(2)}× to ${again.high.toFixed(2)}×; ${note}`,
        })),
      charts: [],
    };
  },
} satisfies Workload<SharingModesParameters, SharingModesResult>;
