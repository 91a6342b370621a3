/** What a workload measured as lines over an axis: plain data, kept in run.json, drawn by the report. */
import { medianOf } from './compare.ts';

export interface Chart {
  /** Lower-case letters, digits and hyphens. */
  readonly id: string;
  readonly title: string;
  /** What is shown and how it was taken, in sentences. */
  readonly lead: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly ChartSeries[];
}

export interface Axis {
  readonly label: string;
  readonly unit: 'ns' | 'bytes' | 'perSecond' | 'percent' | 'count' | 'ratio';
  readonly scale: 'log' | 'linear';
}

export interface ChartSeries {
  /** One colour, the same on the whole page. */
  readonly tag: string;
  readonly label: string;
  readonly points: readonly ChartPoint[];
  /** Somebody else's figures, of other hardware: drawn apart. */
  readonly published?: true;
}

/** `low` and `high`: over rounds. */
export interface ChartPoint {
  readonly x: number;
  readonly y: number;
  readonly low: number;
  readonly high: number;
}

/** The median of the rounds, with the lowest and the highest. */
export function pointOf(x: number, rounds: readonly number[]): ChartPoint {
  return { x, y: medianOf(rounds), low: Math.min(...rounds), high: Math.max(...rounds) };
}
