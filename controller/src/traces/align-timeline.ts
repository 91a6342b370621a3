/** A time line on one clock: ns since the run's first stamp, lanes in the order of machines, nothing overlapping on a lane. */
import type { ClockAlignment, Stamp } from './align-clocks.ts';
import { controllerClock } from './align-clocks.ts';
import { type LatencyOverTime, latenciesOverTime } from './over-time.ts';
import type { Detail, Lane, MarkKind, SpanKind, Timeline } from './timeline.ts';

export interface AlignedSpan {
  /** Index into `lanes`. */
  readonly lane: number;
  readonly kind: SpanKind;
  readonly name: string;
  readonly startNs: number;
  readonly endNs: number;
  readonly detail: Detail;
}

export interface AlignedMark {
  readonly lane: number;
  readonly kind: MarkKind;
  readonly name: string;
  readonly atNs: number;
  readonly detail: Detail;
}

export interface AlignedTimeline {
  /** The controller first, then the machines in number order. */
  readonly machines: readonly string[];
  readonly lanes: readonly Lane[];
  /** By lane, then by start. */
  readonly spans: readonly AlignedSpan[];
  readonly marks: readonly AlignedMark[];
  readonly latencies: readonly LatencyOverTime[];
  /** Operations that had ended by then. */
  readonly progress: readonly { readonly atNs: number; readonly operations: number }[];
  readonly endNs: number;
}

export function alignTimeline(timeline: Timeline, machines: readonly string[], alignment: ClockAlignment): AlignedTimeline {
  const toNs = (stamp: Stamp): number => alignment.toReferenceNs(stamp);
  const ordered = [controllerClock, ...machines];
  const spans = timeline.spans.map((span) => {
    const startNs = toNs(span.start);
    // Two clocks may disagree by their error; a span never ends before it starts.
    return { ...span, startNs, endNs: Math.max(startNs, toNs(span.end)) };
  });
  const marks = timeline.marks.map((mark) => ({ ...mark, atNs: toNs(mark.at) }));
  const startNs = minimum([...spans.map((span) => span.startNs), ...marks.map((mark) => mark.atNs)]);
  const lanes: Lane[] = [];
  const alignedSpans: AlignedSpan[] = [];
  const alignedMarks: AlignedMark[] = [];

  for (const lane of lanesInOrder([...spans, ...marks], ordered)) {
    const own = spans.filter((span) => isSame(span.lane, lane)).sort((a, b) => a.startNs - b.startNs || a.endNs - b.endNs);
    const firstRow = lanes.length;
    const rowEndsNs: number[] = [];
    for (const { kind, name, startNs: spanStartNs, endNs, detail } of own) {
      const free = rowEndsNs.findIndex((rowEndNs) => rowEndNs <= spanStartNs);
      const row = liesOver.has(kind) ? 0 : free === -1 ? rowEndsNs.length : free;
      if (!liesOver.has(kind)) rowEndsNs[row] = endNs;
      const at = { startNs: spanStartNs - startNs, endNs: endNs - startNs };
      alignedSpans.push({ lane: firstRow + row, kind, name, ...at, detail: detail ?? {} });
    }
    const rows = Math.max(1, rowEndsNs.length);
    for (let row = 0; row < rows; row++) lanes.push(row === 0 ? lane : { ...lane, name: `${lane.name} (${row + 1})` });
    for (const { lane: markLane, kind, name, atNs, detail } of marks) {
      if (isSame(markLane, lane)) alignedMarks.push({ lane: firstRow, kind, name, atNs: atNs - startNs, detail: detail ?? {} });
    }
  }
  alignedSpans.sort((a, b) => a.lane - b.lane || a.startNs - b.startNs);
  alignedMarks.sort((a, b) => a.atNs - b.atNs);
  const endNs = Math.max(0, ...ends(alignedSpans), ...alignedMarks.map((mark) => mark.atNs));
  const latencies = latenciesOverTime(
    timeline.samples.map(({ series, start, end, calls }) => ({
      ...{ series, calls, startNs: toNs(start) - startNs },
      endNs: Math.max(toNs(start), toNs(end)) - startNs,
    })),
    endNs,
  );
  const progress = timeline.progress.map(({ at, operations }) => ({ atNs: toNs(at) - startNs, operations }));
  return { machines: ordered, lanes, spans: alignedSpans, marks: alignedMarks, latencies, progress, endNs };
}

const liesOver: ReadonlySet<SpanKind> = new Set(['harm', 'recovery']);

function lanesInOrder(drawn: readonly { readonly lane: Lane }[], machines: readonly string[]): Lane[] {
  const lanes = new Map(drawn.map(({ lane }) => [`${lane.machine}\n${lane.name}`, lane] as const));
  const place = (lane: Lane): number => (machines.indexOf(lane.machine) + machines.length + 1) % (machines.length + 1);
  return [...lanes.values()].sort((a, b) => place(a) - place(b));
}

function isSame(a: Lane, b: Lane): boolean {
  return a.machine === b.machine && a.name === b.name;
}

/** Without spreading: a run may have more spans than a call takes arguments. */
function minimum(values: readonly number[]): number {
  return values.reduce((least, value) => Math.min(least, value), values[0] ?? 0);
}

function ends(spans: readonly AlignedSpan[]): number[] {
  return [spans.reduce((latest, span) => Math.max(latest, span.endNs), 0)];
}
