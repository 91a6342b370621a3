/** Throughput with different numbers of clients: measured one after the other in every round, the order rotated, ratios inside a round. */
import { medianOf, rotated, type Spread, spreadOf } from './compare.ts';
import type { Figure } from './heap-result.ts';
import { showPerSecond, showSpread } from './heap-result.ts';

export interface Scaling {
  readonly entries: readonly { readonly clients: number; readonly perRound: readonly number[]; readonly median: number }[];
  /** Throughput with the last number of clients over that with the first, round by round; null for one number only. */
  readonly ratio: Spread | null;
  readonly rounds: number;
}

/** `measure`: objects a second with so many clients together. */
export async function measureScaling(
  clients: readonly number[],
  rounds: number,
  measure: (clients: number, round: number) => Promise<number>,
): Promise<Scaling> {
  const measured = new Map(clients.map((count) => [count, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const count of rotated(clients, round)) measured.get(count)!.push(await measure(count, round));
  }
  const entries = [...measured].map(([count, perRound]) => ({ clients: count, perRound, median: medianOf(perRound) }));
  const first = entries[0]!;
  const last = entries.at(-1)!;
  const ratio = entries.length < 2 ? null : spreadOf(last.perRound.map((rate, round) => rate / first.perRound[round]!));
  return { entries, ratio, rounds };
}

export function figuresOf({ entries, ratio, rounds }: Scaling, unit: string): Figure[] {
  const each = entries.map(({ clients, perRound, median }) => ({
    name: `${unit}, ${clients} client${clients === 1 ? '' : 's'}`,
    value: showPerSecond(median),
    detail: `${showSpread(perRound)} over ${rounds} rounds, all clients together`,
  }));
  if (ratio === null) return each;
  const scaling = {
    name: `${entries[0]!.clients} to ${entries.at(-1)!.clients} clients`,
    value: `${ratio.median.toFixed(2)}×`,
    detail: `${ratio.low.toFixed(2)}× to ${ratio.high.toFixed(2)}× over ${rounds} rounds, each ratio inside its round`,
  };
  return [...each, scaling];
}
