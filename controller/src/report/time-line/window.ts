/** What part of a run a drawing shows. */
import type { AlignedTimeline } from '../../traces/align-timeline.ts';
import { linearScale, type Scale } from '../scale.ts';

export interface Window {
  readonly fromNs: number;
  readonly toNs: number;
}

export const width = 1040;
export const left = 178;
export const right = width - 92;

/** Whatever lies outside is drawn at the edge. */
export interface Across {
  readonly ticks: Scale['ticks'];
  at(ns: number): number;
  isInside(ns: number): boolean;
}

export function across({ fromNs, toNs }: Window): Across {
  const scale = linearScale(fromNs, toNs, [left, right], 8);
  return {
    ticks: scale.ticks,
    at: (ns) => Math.min(right, Math.max(left, scale.at(ns))),
    isInside: (ns) => ns >= fromNs && ns <= toNs,
  };
}

/** From the first fault to the last thing that it delayed, with some calm on both sides; null when that is most of the run. */
export function aroundFaults(timeline: AlignedTimeline): Window | null {
  const faults = timeline.marks.filter(({ kind }) => kind === 'fault');
  if (faults.length === 0) return null;
  const first = faults[0]!.atNs;
  const after = [
    ...timeline.marks.filter(({ atNs }) => atNs >= first).map(({ atNs }) => atNs),
    ...timeline.spans
      .filter(({ kind, startNs, endNs }) => kind === 'stall' && endNs >= first && startNs <= timeline.endNs)
      .map(({ endNs }) => endNs),
  ];
  const latest = after.reduce((most, ns) => Math.max(most, ns), first);
  const resumed = timeline.spans.find(({ kind, startNs }) => kind === 'calls' && startNs > latest)?.startNs;
  const last = resumed ?? latest;
  const calm = Math.max((last - first) * 0.35, 1e6);
  const window = { fromNs: Math.max(0, first - calm), toNs: Math.min(timeline.endNs, last + calm) };
  return window.toNs - window.fromNs < timeline.endNs * 0.8 ? window : null;
}

export function showTime(ns: number, ticks: readonly number[]): string {
  const step = ticks.length > 1 ? ticks[1]! - ticks[0]! : ns;
  if (step >= 1e8) return `${(ns / 1e9).toFixed(step >= 1e9 ? 0 : 1)} s`;
  if (step >= 1e5) return `${(ns / 1e6).toFixed(step >= 1e6 ? 0 : 1)} ms`;
  return `${(ns / 1e3).toFixed(0)} µs`;
}

export function px(value: number): string {
  return value.toFixed(1);
}
