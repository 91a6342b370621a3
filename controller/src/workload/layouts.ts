/** `layouts`: what the checks of the hardened layout cost over the paper's own, which believes everything. */
import { z } from 'zod';
import { showNs } from '../report/units.ts';
import { serverAndCaller } from './posts.ts';
import { measureVariants, showRange, type VariantsResult, variantParameters } from './variants.ts';
import type { Workload, WorkloadContext } from './workload.ts';

const parameters = z.strictObject({ name: z.literal('layouts'), ...variantParameters(200) });

export type LayoutsParameters = z.output<typeof parameters>;

const faithful = {
  layout: 'faithful',
  sentence: 'The paper’s entry: reference and flag, a header line with the length, nothing checked.',
} as const;
const variants = [
  { tag: 'faithful', label: 'faithful layout', ...faithful },
  {
    tag: 'hardened',
    label: 'hardened layout',
    layout: 'hardened',
    sentence: 'Phase, sequence, length and kind in the entry; all that the other side says is checked.',
  },
  { tag: 'faithful-again', label: 'faithful layout, again', again: true, ...faithful },
] as const;

export const layouts = {
  name: 'layouts',
  sentence: 'The same calls, core to core, in the hardened layout and in the paper’s own, in interleaved rounds.',
  parameters,
  needs: { machines: 2 },
  posts: serverAndCaller,
  async run(wanted: LayoutsParameters, context: WorkloadContext): Promise<VariantsResult> {
    const measured = await measureVariants(context, wanted, variants);
    const [before, after, again] = measured.comparison.entries;
    return {
      ...measured,
      figures: [
        {
          name: 'hardened over faithful, p50',
          value: `${after!.ratio.median.toFixed(2)}×`,
          detail: `${showRange(after!.ratio)} over ${wanted.rounds} rounds, ${showNs(after!.p50Ns)} against ${showNs(before!.p50Ns)}; faithful over itself ${showRange(again!.ratio)}`,
        },
      ],
      charts: [],
    };
  },
} satisfies Workload<LayoutsParameters, VariantsResult>;
