/** `sharing-modes`: what the instructions of each way to share without coherence cost here, where none of them is needed. */
import { z } from 'zod';
import { showNs } from '../report/units.ts';
import { serverAndCaller } from './posts.ts';
import { measureVariants, showRange, type VariantsResult, variantParameters } from './variants.ts';
import type { Workload, WorkloadContext } from './workload.ts';

const parameters = z.strictObject({ name: z.literal('sharing-modes'), ...variantParameters(50) });

export type SharingModesParameters = z.output<typeof parameters>;

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
  posts: serverAndCaller,
  async run(wanted: SharingModesParameters, context: WorkloadContext): Promise<VariantsResult> {
    const measured = await measureVariants(context, wanted, variants);
    const { entries } = measured.comparison;
    const again = entries.at(-1)!.ratio;
    const note =
      context.pod.environment.accelerator === 'tcg'
        ? 'TCG gives flushes no effect: configuration only'
        : 'these caches are coherent: a price, and nothing gained';
    return {
      ...measured,
      figures: entries
        .filter((entry) => entry.tag !== 'coherent' && !entry.again)
        .map(({ label, ratio, p50Ns }) => ({
          name: `${label} over coherent, p50`,
          value: `${ratio.median.toFixed(2)}×`,
          detail: `${showRange(ratio)} over ${wanted.rounds} rounds, ${showNs(p50Ns)}; coherent over itself ${showRange(again)}; ${note}`,
        })),
      charts: [],
    };
  },
} satisfies Workload<SharingModesParameters, VariantsResult>;
