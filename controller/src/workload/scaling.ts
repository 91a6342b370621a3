/**
 * Throughput with different numbers of clients: measured one after the other in every round, the order rotated, ratios inside a round. Also
 * in processor time: on a machine where others are at work, only that tells whether clients are in each other's way.
 */
import type { Allocated } from '@cxlpod/agent/protocol';
import { medianOf, rotated, type Spread, spreadOf } from './compare.ts';
import { type Figure, perSecond, showPerSecond, showSpread } from './heap-result.ts';

export interface Throughput {
  /** Of all clients together. */
  readonly perSecond: number;
  /** Of all clients together, if each had a core to itself. */
  readonly perCpuSecond: number;
}

export interface Scaling {
  readonly entries: readonly ScalingEntry[];
  /** With the last number of clients over that with the first, round by round; null for one number only. */
  readonly ratio: Spread | null;
  readonly cpuRatio: Spread | null;
  readonly rounds: number;
}

export interface ScalingEntry {
  readonly clients: number;
  readonly perRound: readonly Throughput[];
}

export function throughputOf(results: readonly Pick<Allocated, 'objects' | 'elapsedNs' | 'cpuNs'>[]): Throughput {
  const objects = results.reduce((sum, each) => sum + each.objects, 0);
  return {
    perSecond: perSecond(objects, Math.max(...results.map(({ elapsedNs }) => elapsedNs))),
    perCpuSecond: perSecond(objects, Math.max(...results.map(({ cpuNs }) => cpuNs))),
  };
}

export async function measureScaling(
  clients: readonly number[],
  rounds: number,
  measure: (clients: number, round: number) => Promise<Throughput>,
): Promise<Scaling> {
  const measured = new Map(clients.map((count) => [count, [] as Throughput[]]));
  for (let round = 0; round < rounds; round++) {
    for (const count of rotated(clients, round)) measured.get(count)!.push(await measure(count, round));
  }
  const entries = [...measured].map(([count, perRound]) => ({ clients: count, perRound }));
  return { entries, ratio: ratioOf(entries, 'perSecond'), cpuRatio: ratioOf(entries, 'perCpuSecond'), rounds };
}

function ratioOf(entries: readonly ScalingEntry[], key: keyof Throughput): Spread | null {
  if (entries.length < 2) return null;
  const first = entries[0]!.perRound;
  return spreadOf(entries.at(-1)!.perRound.map((last, round) => last[key] / first[round]![key]));
}

export function figuresOf({ entries, ratio, cpuRatio, rounds }: Scaling, unit: string): Figure[] {
  const each = entries.map(({ clients, perRound }) => {
    const rates = perRound.map((round) => round.perSecond);
    return {
      name: `${unit}, ${clients} client${clients === 1 ? '' : 's'}`,
      value: showPerSecond(medianOf(rates)),
      detail: `${showSpread(rates)} over ${rounds} rounds, all clients together`,
    };
  });
  if (ratio === null || cpuRatio === null) return each;
  const scaling = {
    name: `${entries[0]!.clients} to ${entries.at(-1)!.clients} clients`,
    value: `${ratio.median.toFixed(2)}×`,
    detail: `${showRange(ratio)} over ${rounds} rounds, each ratio inside its round; in processor time ${cpuRatio.median.toFixed(2)}× (${showRange(cpuRatio)})`,
  };
  return [...each, scaling];
}

function showRange({ low, high }: Spread): string {
  return `${low.toFixed(2)}× to ${high.toFixed(2)}×`;
}
