/** What a figure of `cxlpod bench` is: one file each, listed in `index.ts`. */
import type { CommandContext } from '../cli/command.ts';

/** One line of the table, one entry of bench.json. */
export interface BenchFigure {
  readonly name: string;
  /** Null where it could not be measured; `spread` then says why. */
  readonly value: number | null;
  readonly unit: string;
  /** What a ratio is over; null for an absolute figure. */
  readonly baseline: string | null;
  /** This is asked for; null: reported without a bar. */
  readonly bar: number | null;
  /** Not given: at most. */
  readonly barIs?: 'at least';
  readonly holds: boolean | null;
  /** Where the value comes from: how many measurements, lowest to highest, A/A beside a ratio. */
  readonly spread: string;
  readonly provider: string;
  readonly accelerator: string;
}

export interface BenchItem {
  /** What `--only` calls it. */
  readonly names: readonly string[];
  /** What `--only` calls it together with others. */
  readonly group?: string;
  readonly sentence: string;
  /** Left out unless it is named: it takes minutes, or deletes what took minutes. */
  readonly onlyWhenNamed: boolean;
  measure(context: BenchContext): Promise<readonly BenchFigure[]>;
}

export interface BenchContext extends Pick<CommandContext, 'signal' | 'say'> {
  /** Where run folders of measurements go. */
  readonly runs: string;
}

/** A figure that is to be at most `bar`, or at least. */
export function figure(
  values: Omit<BenchFigure, 'holds' | 'bar' | 'baseline'> & { readonly bar?: number; readonly baseline?: string },
): BenchFigure {
  const { value, barIs } = values;
  const bar = values.bar ?? null;
  const holds = bar === null ? null : value !== null && (barIs === 'at least' ? value >= bar : value <= bar);
  return { ...values, baseline: values.baseline ?? null, bar, holds };
}
