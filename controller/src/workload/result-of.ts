/** What a workload returned, typed; null when it failed or another one ran. */
import type { Evidence } from '../runs/evidence.ts';
import type { CallsResult } from './calls.ts';
import type { Chart } from './chart.ts';
import type { Comparison } from './compare.ts';
import type { ExchangeResult } from './exchange.ts';
import type { HeapFailureResult } from './heap-failure.ts';
import type { HeapResult } from './heap-result.ts';
import type { LatencyTableResult } from './latency-table.ts';
import type { MigrationResult } from './migration.ts';
import type { NaiveCountingResult } from './naive-counting.ts';
import type { PingResult } from './ping.ts';
import type { PoolingResult } from './pooling.ts';
import type { ProgramResult } from './program.ts';

export function pingResultOf({ workload }: Pick<Evidence, 'workload'>): PingResult | null {
  return workload?.name === 'ping' ? (workload.result as PingResult) : null;
}

export function callsResultOf({ workload }: Pick<Evidence, 'workload'>): CallsResult | null {
  return workload?.name === 'calls' ? (workload.result as CallsResult) : null;
}

type Workload = Evidence['workload'];

/** Of any workload of the heap. */
export function heapResultOf(workload: Workload): HeapResult | null {
  const result = workload?.result as Partial<HeapResult> | undefined;
  return result?.checked === undefined || result.figures === undefined ? null : (result as HeapResult);
}

export function heapFailureOf(workload: Workload): HeapFailureResult | null {
  const isOne = workload?.name === 'heap-partial-failure' || workload?.name === 'heap-full-failure';
  return isOne ? (workload.result as HeapFailureResult) : null;
}

export function naiveCountingOf(workload: Workload): NaiveCountingResult | null {
  return workload?.name === 'naive-counting' ? (workload.result as NaiveCountingResult) : null;
}

export function exchangeOf(workload: Workload): ExchangeResult | null {
  return workload?.name === 'exchange' ? (workload.result as ExchangeResult) : null;
}

export function poolingOf(workload: Workload): PoolingResult | null {
  return workload?.name === 'pooling' ? (workload.result as PoolingResult) : null;
}

export function migrationOf(workload: Workload): MigrationResult | null {
  return workload?.name === 'migration' ? (workload.result as MigrationResult) : null;
}

/** Of any workload that compared systems. */
export function comparisonOf(workload: Workload): Comparison | null {
  return (workload?.result as { readonly comparison?: Comparison } | undefined)?.comparison ?? null;
}

/** Of any workload that measured the price of its clocks. */
export function clockReadOf(workload: Workload): readonly { readonly machine: string; readonly ns: number }[] {
  return (workload?.result as { readonly clockReadNs?: PingResult['clockReadNs'] } | undefined)?.clockReadNs ?? [];
}

/** Of any workload that swept something. */
export function chartsOf(workload: Workload): readonly Chart[] {
  return (workload?.result as { readonly charts?: readonly Chart[] } | undefined)?.charts ?? [];
}

export function latencyTableOf(workload: Workload): LatencyTableResult | null {
  return workload?.name === 'latency-table' ? (workload.result as LatencyTableResult) : null;
}

export function programResultOf(workload: Workload): ProgramResult | null {
  return workload?.name === 'program' ? (workload.result as ProgramResult) : null;
}
