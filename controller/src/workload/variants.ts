/** Variants of one connection, measured core to core in interleaved rounds: the same calls, one thing different. */
import type { LatencyCounts, LatencyTasks } from '@cxlpod/agent/protocol';
import { z } from 'zod';
import { type Comparison, compare } from './compare.ts';
import type { LatencyResult } from './latency-result.ts';
import { Sweep } from './sweep.ts';
import { waitings } from './waitings.ts';
import type { WorkloadContext } from './workload.ts';

const window = 16;

/** Keys of a scenario that such workloads share. `batches`: by default, of a round and a variant. */
export const variantParameters = (batches: number) => ({
  rounds: z.number().int().min(5).max(1000).default(9),
  payloadBytes: z.number().int().min(8).max(1024).multipleOf(8).default(64),
  batches: z.number().int().min(10).max(100_000).default(batches),
  callsPerBatch: z.number().int().min(1).max(10_000).default(100),
  /** Of both sides. A comparison of rings, as their floor in C, spins. */
  waiting: z.enum(waitings).default('spin'),
});

interface VariantParameters {
  readonly name: string;
  readonly rounds: number;
  readonly payloadBytes: number;
  readonly batches: number;
  readonly callsPerBatch: number;
  readonly waiting: (typeof waitings)[number];
}

export interface Variant extends Pick<LatencyTasks['sweep-serve']['parameters'], 'layout' | 'sharing'> {
  readonly tag: string;
  readonly label: string;
  readonly sentence: string;
  /** The first one once more: how far it differs from itself. */
  readonly again?: true;
}

export interface VariantsResult extends LatencyResult {
  readonly comparison: Comparison;
}

/** Compares with the first variant. The figures are the caller's to name. */
export async function measureVariants(
  context: WorkloadContext,
  { name, rounds, payloadBytes, batches, callsPerBatch, waiting }: VariantParameters,
  variants: readonly Variant[],
): Promise<Omit<VariantsResult, 'figures' | 'charts'>> {
  const sweep = await Sweep.start(context);
  const measured: LatencyCounts[][] = await sweep.rounds(name, rounds, variants, async (variant) => {
    const { layout, sharing } = variant;
    const how = { ...(layout === undefined ? {} : { layout }), ...(sharing === undefined ? {} : { sharing }) };
    const serve = { connections: 1, window, payloadBytes: 1024, handler: 'echo', waiting, ...how } as const;
    const call = { connections: 1, manner: 'echo', depth: 1, payloadBytes, batches, callsPerBatch, waiting } as const;
    const startS = Date.now() / 1000;
    const { called } = await sweep.measure(variant.label, serve, 'sweep-call', call);
    context.latencies.add(variant, { startS, endS: Date.now() / 1000, latency: called.latency });
    return called.latency;
  });
  const comparison = compare(variants, measured);
  return { ...(await sweep.end('answers compared with what was asked', sweep.served)), comparison };
}

export function showRange({ low, high }: { readonly low: number; readonly high: number }): string {
  return `${low.toFixed(2)}× to ${high.toFixed(2)}×`;
}
