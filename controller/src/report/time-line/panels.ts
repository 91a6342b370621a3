/** What the clients felt, under the lanes and on the same axis: latencies, and operations a second. */
import type { AlignedTimeline } from '../../traces/align-timeline.ts';
import type { LatencyOverTime } from '../../traces/over-time.ts';
import { spreadOut } from '../chart-section.ts';
import { type Html, html } from '../html.ts';
import { linearScale, logScale, type Scale } from '../scale.ts';
import { showByUnit, showNs } from '../units.ts';
import { type Across, left, px, right } from './window.ts';

const latencyHeight = 150;
const progressHeight = 84;
const titleHeight = 24;
const labelDistance = 14;

export interface Panel {
  readonly height: number;
  draw(top: number, x: Across): Html;
}

/** Those for which there is something to draw. */
export function panelsOf(timeline: AlignedTimeline): readonly Panel[] {
  const latencies = timeline.latencies.filter(({ bins }) => bins.length > 1).map(latencyPanel);
  // A program that writes no history, and uses no heap, may do much that nobody counts.
  const isCounted = timeline.progress.length > 2 && timeline.progress.some(({ operations }) => operations > 0);
  return isCounted ? [...latencies, progressPanel(timeline)] : latencies;
}

function latencyPanel(series: LatencyOverTime): Panel {
  const { label, callsPerSample, binNs, bins } = series;
  const each = callsPerSample === 1 ? `each of the ${label}` : `means of ${callsPerSample} ${label}`;
  return {
    height: latencyHeight + titleHeight,
    draw: (top, x) => {
      const title = `Latency, ${each}; logarithmic`;
      const seen = bins.filter(({ fromNs }) => x.isInside(fromNs));
      if (seen.length === 0) return nothing('latency', title, top);
      const [high, low] = [top + titleHeight, top + titleHeight + latencyHeight - 12];
      const least = Math.min(...seen.map(({ p50Ns }) => p50Ns));
      const most = Math.max(...seen.map(({ maxNs }) => maxNs));
      const y = logScale(least * 0.8, most * 1.25, [low, high]);
      const at = (fromNs: number): number => x.at(fromNs + binNs / 2);
      const curve = (name: 'p50' | 'p99', of: (bin: LatencyOverTime['bins'][number]) => number): Html =>
        html`<path class="${name}" d="${pathOf(seen, { binNs, at, y: (bin) => y.at(of(bin)) })}"/>`;
      const last = seen.at(-1)!;
      const labels = spreadOut(
        [
          { text: 'max', kind: 'max', at: y.at(last.maxNs) },
          { text: 'p99', kind: 'p99', at: y.at(last.p99Ns) },
          { text: 'p50', kind: 'p50', at: y.at(last.p50Ns) },
        ],
        labelDistance,
        low,
      );
      return html`<g class="panel" data-panel="latency"><text class="paneltitle" x="${left}" y="${top + 14}">${title}</text>
  ${frame(y, showTick)}
  ${seen.map((bin) => html`<circle class="max" cx="${px(at(bin.fromNs))}" cy="${px(y.at(bin.maxNs))}" r="1.6"><title>${`at ${showNs(bin.fromNs)}: p50 ${showNs(bin.p50Ns)}, p99 ${showNs(bin.p99Ns)}, max ${showNs(bin.maxNs)}`}</title></circle>`)}
  ${curve('p99', ({ p99Ns }) => p99Ns)}${curve('p50', ({ p50Ns }) => p50Ns)}
  ${labels.map(({ text, kind, at: labelAt }) => html`<text class="curve ${kind}" x="${right + 8}" y="${px(labelAt + 4)}">${text}</text>`)}</g>`;
    },
  };
}

/** A line breaks where nothing ended for a while: a gap is what a stall looks like. */
function pathOf(
  bins: LatencyOverTime['bins'],
  {
    binNs,
    at,
    y,
  }: {
    readonly binNs: number;
    readonly at: (ns: number) => number;
    readonly y: (bin: LatencyOverTime['bins'][number]) => number;
  },
): string {
  const gapNs = 6 * binNs;
  return bins
    .map((bin, index) => {
      const isNew = index === 0 || bin.fromNs - bins[index - 1]!.fromNs > gapNs;
      // A point alone would not be seen.
      return `${isNew ? `M${px(at(bin.fromNs))} ${px(y(bin))}h.1` : ''}L${px(at(bin.fromNs))} ${px(y(bin))}`;
    })
    .join('');
}

function progressPanel({ progress }: AlignedTimeline): Panel {
  return {
    height: progressHeight + titleHeight,
    draw: (top, x) => {
      const steps = progress.slice(1).map((reading, index) => {
        const before = progress[index]!;
        const seconds = Math.max(1e-3, (reading.atNs - before.atNs) / 1e9);
        return {
          fromNs: before.atNs,
          toNs: reading.atNs,
          perSecond: Math.max(0, reading.operations - before.operations) / seconds,
        };
      });
      const seen = steps.filter(({ fromNs, toNs }) => x.isInside(fromNs) || x.isInside(toNs));
      const title = 'Operations a second, as the controller read them';
      if (seen.length === 0) return nothing('progress', title, top);
      const [high, low] = [top + titleHeight, top + titleHeight + progressHeight - 12];
      const y = linearScale(0, Math.max(1, ...seen.map(({ perSecond }) => perSecond)) * 1.08, [low, high], 3);
      const corners = seen.map(
        ({ fromNs, toNs, perSecond }) => `L${px(x.at(fromNs))} ${px(y.at(perSecond))}L${px(x.at(toNs))} ${px(y.at(perSecond))}`,
      );
      const path = `M${px(x.at(seen[0]!.fromNs))} ${low}${corners.join('')}L${px(x.at(seen.at(-1)!.toNs))} ${low}Z`;
      return html`<g class="panel" data-panel="progress"><text class="paneltitle" x="${left}" y="${top + 14}">${title}</text>
  ${frame(y, (value) => showByUnit(value, 'count'))}<path class="pace" d="${path}"/></g>`;
    },
  };
}

function nothing(id: string, title: string, top: number): Html {
  return html`<g class="panel" data-panel="${id}"><text class="paneltitle" x="${left}" y="${top + 14}">${title}</text>
  <text class="tick" x="${left}" y="${top + 40}">nothing ended in this time</text></g>`;
}

function frame(y: Scale, show: (value: number) => string): Html[] {
  return y.ticks.map(
    (tick) => html`<line class="grid" x1="${left}" x2="${right}" y1="${px(y.at(tick))}" y2="${px(y.at(tick))}"/>
  <text class="tick" x="${left - 8}" y="${px(y.at(tick) + 3.5)}" text-anchor="end">${show(tick)}</text>`,
  );
}

function showTick(ns: number): string {
  return showNs(ns).replace(/\.0+(?= )/, '');
}
