/** Lines over an axis, for whatever a workload swept: drawn here, so that the page needs no script. */
import type { RunRecord } from '../runs/run-record.ts';
import type { Axis, Chart, ChartSeries } from '../workload/chart.ts';
import { chartsOf } from '../workload/result-of.ts';
import { colourOf } from './colours.ts';
import { providerSentence, warningOf } from './facts.ts';
import { type Html, html } from './html.ts';
import { linearScale, logScale, type Scale } from './scale.ts';
import { showByUnit } from './units.ts';

const width = 1040;
const height = 330;
const [top, bottom, left, right] = [14, height - 46, 78, width - 190];
const leastLabelDistance = 15;
/** More than these beside each other cannot be read; then the axis has decades instead. */
const ticksAtPoints = 12;

export function chartSection(record: RunRecord): Html | null {
  const charts = chartsOf(record.workload).filter(({ series }) => series.some(({ points }) => points.length > 0));
  if (charts.length === 0) return null;
  return html`<section id="charts">
  <h2>Swept</h2>
  <p class="lead">${providerSentence(record)} ${warningOf(record)}</p>
  ${charts.map(chart)}
  </section>`;
}

function chart({ id, title, lead, x, y, series }: Chart): Html {
  const drawn = series.filter(({ points }) => points.length > 0);
  const xs = [...new Set(drawn.flatMap(({ points }) => points.map((point) => point.x)))].sort((a, b) => a - b);
  const across = scaleOf(x, xs, [left, right], { ends: 'tight' });
  const up = scaleOf(
    y,
    drawn.flatMap(({ points }) => points.flatMap(({ low, high }) => [low, high])),
    [bottom, top],
    { ends: 'wide' },
  );
  const xTicks = xs.length <= ticksAtPoints ? xs : across.ticks;
  const labels = spreadOut(
    drawn.map(({ points }, index) => ({ index, at: up.at(points.at(-1)!.y) })),
    leastLabelDistance,
  );
  return html`<h3>${title}</h3><p class="lead">${lead}</p>
  <figure><svg class="wide" viewBox="0 0 ${width} ${height}" role="img" data-chart="${id}" aria-label="${`${title}: ${y.label} by ${x.label}`}">
  ${up.ticks.map(
    (tick) => html`<line class="grid" x1="${left}" x2="${right}" y1="${px(up.at(tick))}" y2="${px(up.at(tick))}"/>
    <text class="tick" x="${left - 8}" y="${px(up.at(tick) + 3.5)}" text-anchor="end">${showByUnit(tick, y.unit)}</text>`,
  )}
  ${xTicks.map(
    (tick) => html`<line class="grid" x1="${px(across.at(tick))}" x2="${px(across.at(tick))}" y1="${top}" y2="${bottom}"/>
    <text class="tick" x="${px(across.at(tick))}" y="${bottom + 17}" text-anchor="middle">${showByUnit(tick, x.unit)}</text>`,
  )}
  <text class="sub" x="${px((left + right) / 2)}" y="${height - 8}" text-anchor="middle">${axisLabel(x)}</text>
  <text class="sub" x="${left}" y="${top - 3}" text-anchor="start">${axisLabel(y)}</text>
  ${drawn.map((each, index) => line(each, index, across, up, labels.find((label) => label.index === index)!.at))}
  </svg></figure>
  ${values(drawn, xs, x, y)}`;
}

function line({ tag, label, points, published }: ChartSeries, index: number, across: Scale, up: Scale, labelAt: number): Html {
  const colour = colourOf(tag, index);
  const path = points.map(({ x, y }) => `${px(across.at(x))},${px(up.at(y))}`).join(' ');
  const bars = points.filter(({ low, high }) => high > low);
  return html`<g data-series="${tag}">
    ${bars.map(({ x, low, high }) => html`<line x1="${px(across.at(x))}" x2="${px(across.at(x))}" y1="${px(up.at(low))}" y2="${px(up.at(high))}" stroke="${colour}" stroke-width="1.4" opacity="0.55"/>`)}
    <polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2" stroke-dasharray="${published === true ? '5 4' : 'none'}"><title>${label}</title></polyline>
    ${points.map(({ x, y }) => html`<circle cx="${px(across.at(x))}" cy="${px(up.at(y))}" r="3.4" fill="${published === true ? 'none' : colour}" stroke="${colour}"/>`)}
    <text class="curve" x="${right + 10}" y="${px(labelAt + 4)}" style="fill:${colour}">${label}</text>
  </g>`;
}

/** What is drawn, as numbers: of one's own lines with the spread. */
function values(drawn: readonly ChartSeries[], xs: readonly number[], x: Axis, y: Axis): Html {
  return html`<details><summary>values</summary><table class="quantiles">
  <thead><tr><th>${x.label}</th>${drawn.map(({ label }) => html`<th class="n">${label}</th>`)}</tr></thead>
  <tbody>${xs.map(
    (at) =>
      html`<tr><td>${showByUnit(at, x.unit)}</td>${drawn.map(({ points }) => {
        const point = points.find((each) => each.x === at);
        if (point === undefined) return html`<td class="n dim">–</td>`;
        const spread = point.high > point.low ? ` (${showByUnit(point.low, y.unit)} – ${showByUnit(point.high, y.unit)})` : '';
        return html`<td class="n">${showByUnit(point.y, y.unit)}<span class="dim">${spread}</span></td>`;
      })}</tr>`,
  )}</tbody></table></details>`;
}

/** `tight`: ends at the first and the last value; `wide`: with room around them, a linear one from 0. */
function scaleOf(
  axis: Axis,
  of: readonly number[],
  ends: readonly [number, number],
  { ends: room }: { readonly ends: 'tight' | 'wide' },
): Scale {
  const [least, most] = [Math.min(...of), Math.max(...of)];
  const isWide = room === 'wide';
  if (axis.scale === 'log') {
    // What is 0 has no place on it: it is drawn at its lower end.
    const low = Math.min(...of.filter((value) => value > 0), most > 0 ? most : 1);
    return logScale(isWide ? low * 0.8 : low, (isWide ? 1.25 : 1) * Math.max(most, low), ends);
  }
  return linearScale(isWide ? Math.min(0, least) : least, isWide ? most * 1.08 : most, ends, isWide ? 6 : 8);
}

function axisLabel({ label, scale }: Axis): string {
  return scale === 'log' ? `${label} (logarithmic)` : label;
}

/** Moves labels apart until none is nearer than `least` to the next, and back up where they would leave the plot. */
export function spreadOut<T extends { readonly at: number }>(labels: readonly T[], least: number, end: number = bottom): T[] {
  const placed: T[] = [];
  for (const label of [...labels].sort((a, b) => a.at - b.at)) {
    const above = placed.at(-1);
    placed.push(above === undefined ? label : { ...label, at: Math.max(label.at, above.at + least) });
  }
  let limit = end;
  return placed
    .reverse()
    .map((label) => {
      const at = Math.min(label.at, limit);
      limit = at - least;
      return { ...label, at };
    })
    .reverse();
}

function px(value: number): string {
  return value.toFixed(1);
}
