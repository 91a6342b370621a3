/** A row for each machine that was harmed, each worker, each thing it did: who lived, who stood still, who waited. */
import type { AlignedMark, AlignedSpan, AlignedTimeline } from '../../traces/align-timeline.ts';
import { type Html, html } from '../html.ts';
import { showNs } from '../units.ts';
import { type Across, left, px, right } from './window.ts';

const rowHeight = 20;
const machineGap = 10;
/** A span narrower than this would not be seen; neighbours of one kind that meet are drawn as one. */
const leastWidth = 1.2;
const labelledFrom = 40;
const pixelsPerLetter = 6.1;

interface Row {
  readonly lane: number;
  readonly y: number;
}

export interface Lanes {
  readonly height: number;
  readonly rows: readonly Row[];
  readonly headings: readonly { readonly machine: string; readonly y: number }[];
}

/** Of a machine, what it was like itself comes first, and its recovery last. */
const order = (name: string): number => (name === 'machine' ? 0 : name === 'recovery' ? 2 : 1);

export function placeLanes(timeline: AlignedTimeline, top: number): Lanes {
  const rows: Row[] = [];
  const headings: Lanes['headings'][number][] = [];
  let y = top;
  for (const machine of timeline.machines) {
    const lanes = timeline.lanes
      .flatMap((lane, index) => (lane.machine === machine ? [{ index, name: lane.name }] : []))
      .sort((a, b) => order(a.name) - order(b.name));
    if (lanes.length === 0) continue;
    headings.push({ machine, y });
    for (const { index } of lanes) {
      rows.push({ lane: index, y });
      y += rowHeight;
    }
    y += machineGap;
  }
  return { height: y - top, rows, headings };
}

export function drawLanes(timeline: AlignedTimeline, { rows, headings }: Lanes, x: Across): Html {
  return html`${headings.map(
    (
      { machine, y },
      index,
    ) => html`${index > 0 && html`<line class="rule" x1="8" x2="${right}" y1="${y - machineGap / 2}" y2="${y - machineGap / 2}"/>`}
  <text class="machine" x="8" y="${y + 14}">${machine}</text>`,
  )}
  ${rows.map((row) => drawRow(timeline, row, x))}`;
}

function drawRow(timeline: AlignedTimeline, row: Row, x: Across): Html {
  const { name } = timeline.lanes[row.lane]!;
  const own = timeline.spans.filter(({ lane }) => lane === row.lane);
  const seen = own.filter(({ startNs, endNs }) => x.isInside(startNs) || x.isInside(endNs) || spansWindow(startNs, endNs, x));
  const marks = timeline.marks.filter(({ lane, kind, atNs }) => lane === row.lane && kind === 'event' && x.isInside(atNs));
  return html`<text class="lane" x="${left - 10}" y="${row.y + 14}" text-anchor="end">${name === 'machine' ? 'the machine' : name}</text>
  <line class="base" x1="${left}" x2="${right}" y1="${row.y + rowHeight - 1}" y2="${row.y + rowHeight - 1}"/>
  ${name === 'machine' && html`<rect class="alive" x="${left}" width="${right - left}" y="${row.y + 6}" height="8" rx="2"><title>the machine is there</title></rect>`}
  ${merged(
    seen.filter(({ kind }) => kind !== 'harm'),
    x,
  ).map((span) => bar(span, row, x))}
  ${gapsOf(own, timeline.endNs)
    .filter(({ startNs, endNs }) => x.isInside(startNs) || x.isInside(endNs) || spansWindow(startNs, endNs, x))
    .map((gap) => bar(gap, row, x))}
  ${seen.filter(({ kind }) => kind === 'harm').map((span) => bar({ ...span, count: 1 }, row, x))}
  ${marks.map((mark, index) => event(mark, marks[index + 1], { row, x, isAlone: seen.length === 0 }))}`;
}

function spansWindow(startNs: number, endNs: number, x: Across): boolean {
  return x.at(startNs) <= left && x.at(endNs) >= right;
}

type Bar = AlignedSpan & { readonly count: number };

/** A post whose worker was killed is empty until the next one fills it, and drawn so. */
function gapsOf(spans: readonly AlignedSpan[], endNs: number): Bar[] {
  const lives = spans.filter(({ kind }) => kind === 'process');
  return lives.flatMap((life, index): Bar[] => {
    const until = lives[index + 1]?.startNs ?? endNs;
    // The next one may be known to run before the end of this one is stamped.
    if (life.detail.exitCode === 0 || until <= life.endNs) return [];
    const harm = spans.some(({ kind, startNs }) => kind === 'harm' && startNs <= until && startNs >= life.startNs);
    if (harm) return [];
    return [{ ...life, kind: 'harm', name: 'dead', startNs: life.endNs, endNs: until, detail: {}, count: 1 }];
  });
}

function bar(span: Bar, row: Row, x: Across): Html {
  const { kind, name, count, startNs, endNs } = span;
  const from = x.at(startNs);
  const barWidth = Math.max(leastWidth, x.at(endNs) - from);
  const [top, height] = kind === 'process' ? [row.y + 6, 8] : [row.y + 2, rowHeight - 6];
  const label = count > 1 ? `${name} (${count} spans)` : name;
  const room = Math.floor((barWidth - 8) / pixelsPerLetter);
  const text = name.length <= room ? name : `${name.slice(0, Math.max(0, room - 1))}…`;
  const looks = kind === 'harm' ? `harm ${lookOf(name)}` : kind;
  return html`<g class="span ${looks}"><rect x="${px(from)}" y="${top}" width="${px(barWidth)}" height="${height}" rx="2"/>
  ${kind !== 'process' && barWidth > Math.min(labelledFrom, name.length * pixelsPerLetter + 10) && html`<text x="${px(from + 5)}" y="${row.y + 13}">${text}</text>`}
  <title>${`${label}: ${showNs(endNs - startNs)}, from ${showNs(startNs)}${describe(span)}`}</title></g>`;
}

/** Of a harm: dead, standing still, or anything else. */
function lookOf(name: string): 'dead' | 'frozen' | 'other' {
  return name === 'dead' || name === 'frozen' ? name : 'other';
}

/** Told beside it where that hides nothing; in any case when it is pointed at. */
function event(
  mark: AlignedMark,
  next: AlignedMark | undefined,
  { row, x, isAlone }: { readonly row: Row; readonly x: Across; readonly isAlone: boolean },
): Html {
  const at = x.at(mark.atNs);
  const end = next === undefined ? right : x.at(next.atNs) - 8;
  const hasRoom = isAlone && at + 9 + mark.name.length * pixelsPerLetter < end;
  return html`<g class="mark event"><path d="M${px(at)} ${row.y + 4}l5 6-5 6-5-6z"/>
  ${hasRoom && html`<text x="${px(at + 9)}" y="${row.y + 14}">${mark.name}</text>`}<title>${`${mark.name}, at ${showNs(mark.atNs)}${describe(mark)}`}</title></g>`;
}

/** Too narrow for its name to be read. */
const narrow = 6;

/** Neighbours that would touch on the screen, as one bar: a run has thousands of batches, and may have as many failed calls. */
function merged(spans: readonly AlignedSpan[], x: Across): Bar[] {
  const bars: Bar[] = [];
  for (const span of spans) {
    const last = bars.at(-1);
    const touches = last !== undefined && last.kind === span.kind && x.at(span.startNs) - x.at(last.endNs) < 1;
    const isNarrow = x.at(span.endNs) - x.at(span.startNs) < narrow;
    const isMore = touches && (last.name === span.name ? span.kind === 'calls' || isNarrow : isNarrow);
    if (isMore) bars[bars.length - 1] = { ...last, endNs: span.endNs, count: last.count + 1 };
    else bars.push({ ...span, count: 1 });
  }
  return bars;
}

export function describe({ detail }: Pick<AlignedSpan, 'detail'>): string {
  const entries = Object.entries(detail).filter(([, value]) => value !== null);
  return entries.length === 0 ? '' : ` (${entries.map(([key, value]) => `${key} ${value}`).join(', ')})`;
}
