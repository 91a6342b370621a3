/**
 * A time line as a Chrome trace (JSON object format), which Perfetto and chrome://tracing open. A machine is a process, a lane
 * a thread; times are microseconds with decimals, as the format asks, and shown in ns.
 */
import type { AlignedMark, AlignedSpan, AlignedTimeline } from './align-timeline.ts';
import type { LatencyOverTime } from './over-time.ts';
import { type Detail, type Lane, type MarkKind, markKinds, type SpanKind, spanKinds } from './timeline.ts';

export interface ChromeTrace {
  readonly displayTimeUnit: 'ns';
  readonly otherData: Readonly<Record<string, string>>;
  readonly traceEvents: readonly ChromeEvent[];
}

export type ChromeEvent =
  | (Common & { readonly ph: 'X'; readonly cat: string; readonly ts: number; readonly dur: number; readonly args: Detail })
  | (Common & { readonly ph: 'i'; readonly cat: string; readonly ts: number; readonly s: 'g' | 't'; readonly args: Detail })
  | (Common & { readonly ph: 'C'; readonly cat: string; readonly ts: number; readonly args: Readonly<Record<string, number>> })
  | (Common & { readonly ph: 'M'; readonly args: Readonly<Record<string, string | number>> });

interface Common {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
}

/** Process 0 means something else to trace viewers, so the first machine (the controller) is 1. */
const firstId = 1;

export function toChromeTrace(timeline: AlignedTimeline, otherData: Readonly<Record<string, string>>): ChromeTrace {
  const pidOf = (lane: Lane): number => firstId + timeline.machines.indexOf(lane.machine);
  const place = (laneIndex: number) => ({ pid: pidOf(timeline.lanes[laneIndex]!), tid: firstId + laneIndex });
  const names: ChromeEvent[] = [
    ...timeline.machines.flatMap((machine, index): ChromeEvent[] => [
      { ph: 'M', name: 'process_name', pid: firstId + index, tid: 0, args: { name: machine } },
      { ph: 'M', name: 'process_sort_index', pid: firstId + index, tid: 0, args: { sort_index: index } },
    ]),
    ...timeline.lanes.flatMap((lane, index): ChromeEvent[] => [
      { ph: 'M', name: 'thread_name', ...place(index), args: { name: lane.name } },
      { ph: 'M', name: 'thread_sort_index', ...place(index), args: { sort_index: index } },
    ]),
  ];
  const spans = timeline.spans.map(
    ({ lane, kind, name, startNs, endNs, detail }): ChromeEvent => ({
      ph: 'X',
      cat: kind,
      name,
      ...place(lane),
      ts: startNs / 1000,
      dur: (endNs - startNs) / 1000,
      args: detail,
    }),
  );
  const marks = timeline.marks.map(
    ({ lane, kind, name, atNs, detail }): ChromeEvent => ({
      ph: 'i',
      cat: kind,
      name,
      ...place(lane),
      ts: atNs / 1000,
      s: kind === 'fault' ? 'g' : 't',
      args: detail,
    }),
  );
  const counters = [...timeline.latencies.flatMap(latencyEvents), ...timeline.progress.map(progressEvent)];
  return { displayTimeUnit: 'ns', otherData, traceEvents: [...names, ...spans, ...marks, ...counters] };
}

/** Name of an event that viewers pass over: what a counter's numbers are of. */
const seriesEvent = 'latency_series';
const latencyCategory = 'latency';
const progressCategory = 'progress';

/** A counter of the controller, and before it what its numbers mean. */
function latencyEvents({ label, callsPerSample, binNs, bins }: LatencyOverTime, series: number): ChromeEvent[] {
  const place = { pid: firstId, tid: series };
  return [
    { ph: 'M', name: seriesEvent, ...place, args: { label, callsPerSample, binNs } },
    ...bins.map(
      ({ fromNs, p50Ns, p99Ns, maxNs }): ChromeEvent => ({
        ...{ ph: 'C', name: `latency of ${label}, ns`, cat: latencyCategory, ...place, ts: fromNs / 1000 },
        args: { p50: p50Ns, p99: p99Ns, max: maxNs },
      }),
    ),
  ];
}

function progressEvent({ atNs, operations }: AlignedTimeline['progress'][number]): ChromeEvent {
  return { ph: 'C', name: 'operations', cat: progressCategory, pid: firstId, tid: 0, ts: atNs / 1000, args: { operations } };
}

/** The inverse, for a report that is made again from a run folder. Events of other writers are left out. */
export function fromChromeTrace(trace: ChromeTrace): AlignedTimeline {
  const machines: string[] = [];
  const lanes: Lane[] = [];
  const latencies: (LatencyOverTime & { readonly bins: LatencyOverTime['bins'][number][] })[] = [];
  for (const event of trace.traceEvents) {
    if (event.ph !== 'M') continue;
    if (event.name === 'process_name') machines[event.pid - firstId] = String(event.args.name);
    if (event.name === 'thread_name') {
      lanes[event.tid - firstId] = { machine: machines[event.pid - firstId] ?? '', name: String(event.args.name) };
    }
    if (event.name === seriesEvent) {
      const { label, callsPerSample, binNs } = event.args;
      latencies[event.tid] = { label: String(label), callsPerSample: Number(callsPerSample), binNs: Number(binNs), bins: [] };
    }
  }
  const spans: AlignedSpan[] = [];
  const marks: AlignedMark[] = [];
  const progress: AlignedTimeline['progress'][number][] = [];
  for (const event of trace.traceEvents) {
    const lane = event.tid - firstId;
    if (event.ph === 'X' && isOneOf(spanKinds, event.cat)) {
      const startNs = event.ts * 1000;
      const endNs = startNs + event.dur * 1000;
      spans.push({ lane, kind: event.cat as SpanKind, name: event.name, startNs, endNs, detail: event.args });
    }
    if (event.ph === 'i' && isOneOf(markKinds, event.cat)) {
      marks.push({ lane, kind: event.cat as MarkKind, name: event.name, atNs: event.ts * 1000, detail: event.args });
    }
    if (event.ph === 'C' && event.cat === latencyCategory) {
      const { p50 = 0, p99 = 0, max = 0 } = event.args;
      latencies[event.tid]?.bins.push({ fromNs: event.ts * 1000, p50Ns: p50, p99Ns: p99, maxNs: max });
    }
    if (event.ph === 'C' && event.cat === progressCategory) {
      progress.push({ atNs: event.ts * 1000, operations: event.args.operations ?? 0 });
    }
  }
  const endNs = [...spans.map((span) => span.endNs), ...marks.map((mark) => mark.atNs)].reduce((a, b) => Math.max(a, b), 0);
  return { machines, lanes, spans, marks, latencies: latencies.filter(Boolean), progress, endNs };
}

function isOneOf(kinds: readonly string[], kind: string): boolean {
  return kinds.includes(kind);
}
