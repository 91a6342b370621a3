/**
 * Systems compared as design §7 asks: measured one after the other in every round, the order rotated, and each round's ratio taken
 * inside that round. The same system measured twice (A/A) shows how far apart two equal things come out here.
 */
import type { LatencyCounts } from '@cxlpod/agent/protocol';
import { type LatencyQuantiles, quantilesOf } from '../traces/latency-log.ts';

export interface Comparison {
  /** What the others are divided by. */
  readonly baseline: { readonly tag: string; readonly label: string };
  readonly rounds: number;
  readonly entries: readonly ComparisonEntry[];
}

export interface ComparisonEntry extends LatencyQuantiles {
  readonly tag: string;
  readonly label: string;
  /** What is measured, in a sentence. */
  readonly sentence: string;
  readonly perRoundP50Ns: readonly number[];
  /** p50 over the baseline's p50 of the same round. */
  readonly ratio: Spread;
  /** True for the baseline measured a second time. */
  readonly again: boolean;
}

/** Over rounds. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export interface ComparedSystem {
  readonly tag: string;
  readonly label: string;
  readonly sentence: string;
  readonly again?: true;
}

/** Round `round` starts with another system than the round before, so that no system always follows the same one. */
export function rotated<T>(systems: readonly T[], round: number): T[] {
  const first = systems.length === 0 ? 0 : round % systems.length;
  return [...systems.slice(first), ...systems.slice(0, first)];
}

/** `measured[i]`: the rounds of `systems[i]`. The first system is the baseline. */
export function compare(systems: readonly ComparedSystem[], measured: readonly (readonly LatencyCounts[])[]): Comparison {
  const [baseline] = systems;
  const rounds = measured[0]?.length ?? 0;
  if (baseline === undefined || rounds === 0) throw new RangeError('a comparison needs a baseline that was measured');
  if (measured.some((own) => own.length !== rounds)) throw new RangeError('every system must be measured in every round');
  const p50s = measured.map((own) => own.map((round) => quantilesOf([round]).p50Ns));
  return {
    baseline: { tag: baseline.tag, label: baseline.label },
    rounds,
    entries: systems.map((system, index) => ({
      tag: system.tag,
      label: system.label,
      sentence: system.sentence,
      again: system.again ?? false,
      ...quantilesOf(measured[index]!),
      perRoundP50Ns: p50s[index]!,
      ratio: spreadOf(p50s[index]!.map((p50Ns, round) => p50Ns / p50s[0]![round]!)),
    })),
  };
}

export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('no value has no spread');
  const sorted = [...values].sort((a, b) => a - b);
  return { median: medianOf(sorted), low: sorted[0]!, high: sorted.at(-1)! };
}

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
