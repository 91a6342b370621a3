/** Machines and their workers over time, on one clock, with the fault and what it stalled. */
import type { RunRecord } from '../runs/run-record.ts';
import type { AlignedMark, AlignedSpan, AlignedTimeline } from '../traces/align-timeline.ts';
import { type Html, html } from './html.ts';
import { linearScale } from './scale.ts';
import { showNs } from './units.ts';

const width = 1040;
const left = 190;
const right = 16;
const rowHeight = 20;
const machineGap = 12;
/** A span narrower than this would not be seen; neighbours of one kind that meet are drawn as one. */
const leastWidth = 1.2;
const labelledFrom = 54;
const pixelsPerLetter = 6.1;

export function timeLineSection(record: RunRecord, timeline: AlignedTimeline): Html | null {
  if (timeline.lanes.length === 0) return null;
  const closeUp = aroundFaults(timeline);
  return html`<section id="timeline">
  <h2>Time line</h2>
  <p class="lead">All stamps on the clock of ${record.topology.machines[0]}; ${clockErrors(record)}.
  <a href="trace.json">trace.json</a> opens in <code>ui.perfetto.dev</code> with every span.</p>
  ${closeUp !== null && html`<h3>Around the fault</h3>${drawing(timeline, closeUp, 'closeup')}<h3>The whole run</h3>`}
  ${drawing(timeline, { fromNs: 0, toNs: Math.max(1, timeline.endNs) }, 'whole')}
  ${legend(timeline)}
  </section>`;
}

interface Window {
  readonly fromNs: number;
  readonly toNs: number;
}

/** From the first fault to the last thing that it delayed, with some calm on both sides. */
function aroundFaults(timeline: AlignedTimeline): Window | null {
  const faults = timeline.marks.filter(({ kind }) => kind === 'fault');
  if (faults.length === 0) return null;
  const first = faults[0]!.atNs;
  const after = [
    ...timeline.marks.filter(({ atNs }) => atNs >= first).map(({ atNs }) => atNs),
    ...timeline.spans
      .filter(({ kind, startNs, endNs }) => kind === 'stall' && endNs >= first && startNs <= timeline.endNs)
      .map(({ endNs }) => endNs),
  ];
  const resumed = timeline.spans.find(({ kind, startNs }) => kind === 'calls' && startNs > Math.max(...after))?.startNs;
  const last = resumed ?? Math.max(...after);
  const calm = Math.max((last - first) * 0.35, 1e6);
  const window = { fromNs: Math.max(0, first - calm), toNs: Math.min(timeline.endNs, last + calm) };
  return window.toNs - window.fromNs < timeline.endNs * 0.8 ? window : null;
}

interface Row {
  readonly lane: number;
  readonly y: number;
}

function drawing(timeline: AlignedTimeline, { fromNs, toNs }: Window, id: string): Html {
  const x = linearScale(fromNs, toNs, [left, width - right], 8);
  const rows: Row[] = [];
  const headings: { readonly machine: string; readonly y: number }[] = [];
  let y = 26;
  for (const machine of timeline.machines) {
    const lanes = timeline.lanes.flatMap((lane, index) => (lane.machine === machine ? [index] : []));
    if (lanes.length === 0) continue;
    headings.push({ machine, y: y + 4 });
    y += 10;
    for (const lane of lanes) {
      rows.push({ lane, y });
      y += rowHeight;
    }
    y += machineGap;
  }
  const height = y + 22;
  const inside = timeline.spans.filter(({ startNs, endNs }) => endNs >= fromNs && startNs <= toNs);
  const at = (ns: number): number => Math.min(width - right, Math.max(left, x.at(ns)));
  const marks = timeline.marks.filter(({ atNs }) => atNs >= fromNs && atNs <= toNs);
  const faults = marks.filter(({ kind }) => kind === 'fault');
  const stalls = inside.filter(({ kind }) => kind === 'stall');
  return html`<figure><svg class="wide timeline" id="${`timeline-${id}`}" viewBox="0 0 ${width} ${height}" role="img" aria-label="time line">
  ${x.ticks.map(
    (tick) => html`<line class="grid" x1="${px(x.at(tick))}" x2="${px(x.at(tick))}" y1="18" y2="${height - 20}"/>
    <text class="tick" x="${px(x.at(tick))}" y="${height - 6}" text-anchor="middle">${showTime(tick, x.ticks)}</text>`,
  )}
  ${stalls.map((stall) => html`<rect class="stallband" x="${px(at(stall.startNs))}" width="${px(Math.max(1, at(stall.endNs) - at(stall.startNs)))}" y="18" height="${height - 38}"/>`)}
  ${headings.map(
    (heading) => html`<text class="machine" x="8" y="${heading.y}">${heading.machine}</text>
  <line class="rule" x1="8" x2="${width - right}" y1="${heading.y - 12}" y2="${heading.y - 12}"/>`,
  )}
  ${rows.map(
    (row) => html`<text class="lane" x="${left - 10}" y="${row.y + 14}" text-anchor="end">${timeline.lanes[row.lane]!.name}</text>
  <line class="base" x1="${left}" x2="${width - right}" y1="${row.y + rowHeight - 1}" y2="${row.y + rowHeight - 1}"/>
  ${merged(
    inside.filter(({ lane }) => lane === row.lane),
    at,
  ).map((span) => bar(span, row, at))}`,
  )}
  ${marks.map((mark) => flag(mark, rows, at, height))}
  ${faults.map((fault, index) => html`<text class="faultlabel" x="${px(labelAt(at(fault.atNs)))}" y="${12 + index * 12}" text-anchor="${anchor(at(fault.atNs))}">${fault.name}</text>`)}
  </svg></figure>`;
}

function bar(span: AlignedSpan & { readonly count: number }, row: Row, at: (ns: number) => number): Html {
  const from = at(span.startNs);
  const barWidth = Math.max(leastWidth, at(span.endNs) - from);
  const [top, height] = span.kind === 'process' ? [row.y + 6, 8] : [row.y + 2, rowHeight - 6];
  const room = Math.floor((barWidth - 8) / pixelsPerLetter);
  const label = span.count > 1 ? `${span.name} (${span.count} spans)` : span.name;
  return html`<g class="span ${span.kind}"><rect x="${px(from)}" y="${top}" width="${px(barWidth)}" height="${height}" rx="2"/>
  ${span.kind !== 'process' && barWidth > labelledFrom && html`<text x="${px(from + 5)}" y="${row.y + 13}">${span.name.slice(0, room)}</text>`}
  <title>${`${label}: ${showNs(span.endNs - span.startNs)}, from ${showNs(span.startNs)}${describe(span)}`}</title></g>`;
}

function flag(mark: AlignedMark, rows: readonly Row[], at: (ns: number) => number, height: number): Html | null {
  const row = rows.find(({ lane }) => lane === mark.lane);
  if (row === undefined) return null;
  const x = px(at(mark.atNs));
  const title = html`<title>${`${mark.name}, at ${showNs(mark.atNs)}${describe(mark)}`}</title>`;
  if (mark.kind === 'fault') {
    return html`<g class="mark fault"><line x1="${x}" x2="${x}" y1="16" y2="${height - 20}"/>
    <circle cx="${x}" cy="${row.y + 10}" r="6"/>${title}</g>`;
  }
  return html`<g class="mark event"><circle cx="${x}" cy="${row.y + 10}" r="4.5"/>
  <text x="${px(labelAt(Number(x)))}" y="${row.y + 13}" text-anchor="${anchor(Number(x))}">${mark.name}</text>${title}</g>`;
}

/** Neighbours of one name that would touch on the screen, as one bar: a run has thousands of batches. */
function merged(spans: readonly AlignedSpan[], at: (ns: number) => number): (AlignedSpan & { readonly count: number })[] {
  const bars: (AlignedSpan & { readonly count: number })[] = [];
  for (const span of spans) {
    const last = bars.at(-1);
    const touches =
      last !== undefined && at(span.startNs) - at(last.endNs) < 1 && last.name === span.name && last.kind === span.kind;
    if (touches && span.kind === 'calls') bars[bars.length - 1] = { ...last, endNs: span.endNs, count: last.count + 1 };
    else bars.push({ ...span, count: 1 });
  }
  return bars;
}

function describe({ detail }: AlignedSpan | AlignedMark): string {
  const entries = Object.entries(detail);
  return entries.length === 0 ? '' : ` (${entries.map(([key, value]) => `${key} ${value}`).join(', ')})`;
}

function clockErrors({ clocks, topology }: RunRecord): string {
  const told = clocks
    .filter(({ clock, by }) => clock !== topology.machines[0] && by !== 'reference')
    .map(({ clock, by, errorNs, driftPpm }) => {
      if (by === 'nothing') return `${clock} could not be placed`;
      const drift = driftPpm === null ? '' : `, drift ${driftPpm.toFixed(0)} ppm`;
      return `${clock} is placed by ${by === 'pool' ? 'exchanges over the pool' : 'causality'} to ± ${showNs(errorNs)}${drift}`;
    });
  return told.length === 0 ? 'no other clock is drawn' : told.join('; ');
}

function legend(timeline: AlignedTimeline): Html {
  const has = (kind: string): boolean => [...timeline.spans, ...timeline.marks].some((each) => each.kind === kind);
  const entry = (kind: string, text: string): Html | false =>
    has(kind) && html`<span class="${`key ${kind}`}"><i></i>${text}</span>`;
  return html`<p class="legend">${entry('process', 'a worker process lives')}${entry('task', 'a task, as the controller sees it')}${entry('calls', 'calls, as the caller’s clock sees them')}${entry('step', 'one system of a round')}${entry('phase', 'a phase of the run')}${entry('fault', 'the fault')}${entry('stall', 'a failed call, and the time without answers')}</p>`;
}

function labelAt(x: number): number {
  return x > width * 0.7 ? x - 9 : x + 9;
}

function anchor(x: number): string {
  return x > width * 0.7 ? 'end' : 'start';
}

function showTime(ns: number, ticks: readonly number[]): string {
  const step = ticks.length > 1 ? ticks[1]! - ticks[0]! : ns;
  if (step >= 1e8) return `${(ns / 1e9).toFixed(step >= 1e9 ? 0 : 1)} s`;
  if (step >= 1e5) return `${(ns / 1e6).toFixed(step >= 1e6 ? 0 : 1)} ms`;
  return `${(ns / 1e3).toFixed(0)} µs`;
}

function px(value: number): string {
  return value.toFixed(1);
}
