/** Every system's latencies on one logarithmic axis: where they pile up, and how far their tails go. */
import { colourOf } from './colours.ts';
import { type Html, html } from './html.ts';
import type { Distribution } from './report-input.ts';
import { logScale, type Scale } from './scale.ts';
import { showCount, showNs } from './units.ts';

const width = 1040;
const left = 232;
const right = 96;
const rowHeight = 58;
const binsPerDecade = 40;

/** Fractions of samples above: 50 %, 10 %, 1 %, ... so that each further nine has the same room. */
const percentiles = [50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99];
/** With fewer, the upper percentiles are all the same sample. */
const samplesForCurves = 100;

export function distributionSection(distributions: readonly Distribution[]): Html | null {
  const drawn = distributions.filter(({ counts }) => counts.length > 0);
  if (drawn.length === 0) return null;
  const values = drawn.flatMap(({ counts }) => [counts[0]![0], counts.at(-1)![0]]);
  const scale = logScale(Math.min(...values) * 0.85, Math.max(...values) * 1.15, [left, width - right]);
  return html`<section id="distributions">
  <h2>Distributions</h2>
  <p class="lead">Each sample is the mean of the batch that the table names, so single slow calls are spread over their batch.
  Left to right is latency, on one logarithmic axis for all; the height is the share of samples.</p>
  ${ridges(drawn, scale)}
  ${drawn.some(({ samples }) => samples >= samplesForCurves) && html`<h3>By percentile</h3>${curves(drawn)}`}
  ${quantileTable(drawn)}
  </section>`;
}

function ridges(drawn: readonly Distribution[], scale: Scale): Html {
  const height = drawn.length * rowHeight + 34;
  const bottom = height - 24;
  return html`<figure><svg class="wide" viewBox="0 0 ${width} ${height}" role="img" aria-label="histograms of latency, one row a system">
  ${scale.ticks.map(
    (tick) => html`<line class="grid" x1="${px(scale.at(tick))}" x2="${px(scale.at(tick))}" y1="4" y2="${bottom}"/>
    <text class="tick" x="${px(scale.at(tick))}" y="${height - 8}" text-anchor="middle">${showTick(tick)}</text>`,
  )}
  ${drawn.map((distribution, index) => ridge(distribution, index, scale))}
  </svg></figure>`;
}

function ridge(distribution: Distribution, index: number, scale: Scale): Html {
  const { label, tag, p50Ns, p99Ns, samples } = distribution;
  const base = (index + 1) * rowHeight;
  const colour = colourOf(tag, index);
  const bins = binned(distribution);
  const most = Math.max(...bins.map(({ share }) => share));
  const top = (share: number): number => base - (share / most) * (rowHeight - 14);
  const first = bins[0]!;
  const last = bins.at(-1)!;
  const path = [
    `M${px(scale.at(first.fromNs))} ${base}`,
    ...bins.flatMap(({ fromNs, toNs, share }) => [
      `L${px(scale.at(fromNs))} ${px(top(share))}`,
      `L${px(scale.at(toNs))} ${px(top(share))}`,
    ]),
    `L${px(scale.at(last.toNs))} ${base}Z`,
  ].join('');
  return html`<g data-ridge="${tag}">
    <text class="label" x="${left - 12}" y="${base - 18}" text-anchor="end">${label}</text>
    <text class="sub" x="${left - 12}" y="${base - 4}" text-anchor="end">${showCount(samples)} samples</text>
    <line class="base" x1="${left}" x2="${width - right}" y1="${base}" y2="${base}"/>
    <path d="${path}" fill="${colour}" fill-opacity="0.28" stroke="${colour}" stroke-width="1.4"/>
    <line x1="${px(scale.at(p50Ns))}" x2="${px(scale.at(p50Ns))}" y1="${base - rowHeight + 12}" y2="${base}" stroke="${colour}" stroke-width="2"/>
    <line x1="${px(scale.at(p99Ns))}" x2="${px(scale.at(p99Ns))}" y1="${base - 16}" y2="${base}" stroke="${colour}" stroke-width="2" stroke-dasharray="3 2"/>
    <text class="value" x="${width - right + 10}" y="${base - 18}">${showNs(p50Ns)}</text>
    <text class="sub" x="${width - right + 10}" y="${base - 4}">p99 ${showNs(p99Ns)}</text>
    <title>${`${label}: p50 ${showNs(p50Ns)} (line), p99 ${showNs(p99Ns)} (dashed)`}</title>
  </g>`;
}

interface Bin {
  readonly fromNs: number;
  readonly toNs: number;
  readonly share: number;
}

function binned({ counts, samples }: Distribution): Bin[] {
  const binOf = (ns: number): number => Math.floor(Math.log10(Math.max(1, ns)) * binsPerDecade);
  const shares = new Map<number, number>();
  for (const [ns, count] of counts) shares.set(binOf(ns), (shares.get(binOf(ns)) ?? 0) + count / samples);
  const first = Math.min(...shares.keys());
  const last = Math.max(...shares.keys());
  return Array.from({ length: last - first + 1 }, (_, index) => ({
    fromNs: 10 ** ((first + index) / binsPerDecade),
    toNs: 10 ** ((first + index + 1) / binsPerDecade),
    share: shares.get(first + index) ?? 0,
  }));
}

function curves(drawn: readonly Distribution[]): Html {
  const height = 300;
  const [top, bottom, start, end] = [14, height - 28, 64, width - 225];
  const lowest = Math.min(...drawn.map(({ counts }) => counts[0]![0]));
  const highest = Math.max(...drawn.map(({ maxNs }) => maxNs));
  const y = logScale(lowest * 0.85, highest * 1.2, [bottom, top]);
  const nines = (percentile: number): number => -Math.log10(1 - Math.min(percentile, 99.999) / 100);
  const most = Math.max(...drawn.map(({ samples }) => samples));
  // As far as the largest distribution can tell: of 1,000 samples the last one is p99.9.
  const shown = percentiles.filter((percentile) => percentile <= 100 - 100 / most + 1e-9);
  const last = shown.at(-1)!;
  const span = nines(last);
  const x = (percentile: number): number => start + (nines(percentile) / span) * (end - start);
  const labels = spreadOut(
    drawn.map((distribution, index) => ({ index, at: y.at(valueAt(distribution, last)) })),
    15,
  );
  return html`<figure><svg class="wide" viewBox="0 0 ${width} ${height}" role="img" aria-label="latency by percentile, one line a system">
  ${y.ticks.map(
    (tick) => html`<line class="grid" x1="${start}" x2="${end}" y1="${px(y.at(tick))}" y2="${px(y.at(tick))}"/>
    <text class="tick" x="${start - 8}" y="${px(y.at(tick) + 3.5)}" text-anchor="end">${showTick(tick)}</text>`,
  )}
  ${[0, ...shown.filter((_, index) => index % 2 === 0)].map(
    (percentile) => html`<line class="grid" x1="${px(x(percentile))}" x2="${px(x(percentile))}" y1="${top}" y2="${bottom}"/>
    <text class="tick" x="${px(x(percentile))}" y="${height - 10}" text-anchor="middle">${percentile === 0 ? 'min' : `p${percentile}`}</text>`,
  )}
  ${drawn.map((distribution, index) => {
    const points = steps(distribution)
      .filter(([percentile]) => percentile <= last)
      .map(([percentile, ns]) => `${px(x(percentile))},${px(y.at(ns))}`);
    const lastNs = valueAt(distribution, last);
    const line = withoutRepeats([...points, `${px(end)},${px(y.at(lastNs))}`]).join(' ');
    const dashes = distribution.tag.endsWith('-again') ? '5 3' : 'none';
    const colour = colourOf(distribution.tag, index);
    const labelAt = labels.find((label) => label.index === index)!.at;
    return html`<polyline data-curve="${distribution.tag}" points="${line}" fill="none" stroke="${colour}" stroke-width="2"
      stroke-dasharray="${dashes}"><title>${distribution.label}</title></polyline>
      <text class="curve" x="${end + 8}" y="${px(labelAt + 4)}" style="fill:${colour}">${distribution.label}</text>`;
  })}
  </svg></figure>`;
}

/** Many values may lie at one place of the drawing. */
function withoutRepeats(points: readonly string[]): string[] {
  return points.filter((point, index) => point !== points[index - 1]);
}

/** Points of the cumulative distribution: [percentile, ns], ascending. */
function steps({ counts, samples }: Distribution): (readonly [number, number])[] {
  let seen = 0;
  return counts.flatMap(([ns, count]) => {
    const before = (100 * seen) / samples;
    seen += count;
    return [[before, ns] as const, [(100 * seen) / samples, ns] as const];
  });
}

function valueAt(distribution: Distribution, percentile: number): number {
  return steps(distribution).find(([at]) => at >= percentile)?.[1] ?? distribution.maxNs;
}

/** Moves labels apart until none is nearer than `least` to the next. */
function spreadOut<T extends { readonly at: number }>(labels: readonly T[], least: number): T[] {
  const sorted = [...labels].sort((a, b) => a.at - b.at);
  return sorted.reduce<T[]>((placed, label) => {
    const above = placed.at(-1);
    placed.push(above === undefined ? label : { ...label, at: Math.max(label.at, above.at + least) });
    return placed;
  }, []);
}

function quantileTable(drawn: readonly Distribution[]): Html {
  return html`<table class="quantiles">
  <thead><tr><th>system</th><th class="n">p50</th><th class="n">p90</th><th class="n">p99</th><th class="n">p99.9</th><th class="n">max</th>
  <th class="n">samples</th><th class="n">calls a sample</th><th>log</th></tr></thead>
  <tbody>${drawn.map(
    (each, index) => html`<tr><td><span class="dot" style="background:${colourOf(each.tag, index)}"></span>${each.label}</td>
    ${[each.p50Ns, each.p90Ns, each.p99Ns, each.p999Ns, each.maxNs].map((ns) => html`<td class="n">${showNs(ns)}</td>`)}
    <td class="n">${showCount(each.samples)}</td><td class="n">${showCount(each.callsPerSample)}</td>
    <td><a href="${each.file}">${each.file}</a></td></tr>`,
  )}</tbody></table>`;
}

function showTick(ns: number): string {
  return showNs(ns).replace(/\.0+(?= )/, '');
}

function px(value: number): string {
  return value.toFixed(1);
}
