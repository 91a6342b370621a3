/** What every workload that measures calls returns beside its own. */
import type { Chart } from './chart.ts';
import type { HeapResult } from './heap-result.ts';

export interface LatencyResult extends HeapResult {
  readonly charts: readonly Chart[];
  readonly clockReadNs: readonly { readonly machine: string; readonly ns: number }[];
}
