import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { alignClocks } from '../../src/traces/align-clocks.ts';
import { type AlignedTimeline, alignTimeline } from '../../src/traces/align-timeline.ts';
import { type ChromeEvent, fromChromeTrace, toChromeTrace } from '../../src/traces/chrome-trace.ts';
import { Timeline } from '../../src/traces/timeline.ts';

const server = { machine: 'vm1', name: 'server' };
const caller = { machine: 'vm2', name: 'caller' };
const vm1 = (ns: number) => ({ clock: 'vm1', ns });

function aligned(timeline: Timeline): AlignedTimeline {
  return alignTimeline(timeline, ['vm1', 'vm2'], alignClocks({ reference: 'vm1', offsets: [], observations: [] }));
}

/** Pairs of spans of one lane that are on at the same time. */
function overlaps(events: readonly ChromeEvent[]): string[] {
  const spans = events.filter((event) => event.ph === 'X').sort((a, b) => a.ts - b.ts);
  return spans.flatMap((span, index) =>
    spans
      .slice(index + 1)
      .filter((later) => later.pid === span.pid && later.tid === span.tid && later.ts < span.ts + span.dur - 1e-9)
      .map((later) => `${span.name} and ${later.name}`),
  );
}

describe('a Chrome trace', () => {
  test('shows ns, starts at zero, and gives every event a named process and thread', () => {
    const timeline = new Timeline();
    timeline.spans.push({ lane: server, kind: 'task', name: 'serve', start: vm1(5_000_500), end: vm1(5_002_000) });
    timeline.mark({ lane: caller, kind: 'fault', name: 'died', at: vm1(5_001_000), detail: { hit: 3 } });

    const trace = JSON.parse(JSON.stringify(toChromeTrace(aligned(timeline), {}))) as ReturnType<typeof toChromeTrace>;

    expect(trace.displayTimeUnit).toBe('ns');
    const [span] = trace.traceEvents.filter((event) => event.ph === 'X');
    expect(span).toMatchObject({ ts: 0, dur: 1.5, cat: 'task' });
    const [mark] = trace.traceEvents.filter((event) => event.ph === 'i');
    expect(mark).toMatchObject({ ts: 0.5, s: 'g', args: { hit: 3 } });
    const named = trace.traceEvents.filter((event) => event.ph === 'M' && event.name === 'thread_name');
    for (const event of [span!, mark!]) {
      expect(named.some(({ pid, tid }) => pid === event.pid && tid === event.tid)).toBe(true);
    }
    expect(span!.pid).not.toBe(mark!.pid);
  });

  test('never has two spans on one lane at once, whatever was recorded', () => {
    const span = fc.record({ lane: fc.constantFrom(server, caller), start: fc.nat(1000), length: fc.nat(300) });
    fc.assert(
      fc.property(fc.array(span, { maxLength: 40 }), (spans) => {
        const timeline = new Timeline();
        for (const { lane, start, length } of spans) {
          timeline.spans.push({ lane, kind: 'task', name: 'x', start: vm1(start), end: vm1(start + length) });
        }
        const { traceEvents } = toChromeTrace(aligned(timeline), {});

        expect(overlaps(traceEvents)).toEqual([]);
        expect(traceEvents.filter((event) => event.ph === 'X')).toHaveLength(spans.length);
      }),
    );
  });

  test('the check above sees an overlap', () => {
    const event = { ph: 'X', cat: 'task', pid: 1, tid: 1, args: {}, dur: 10 } as const;
    expect(
      overlaps([
        { ...event, name: 'a', ts: 0 },
        { ...event, name: 'b', ts: 5 },
      ]),
    ).toEqual(['a and b']);
  });

  test('keeps the controller first and the machines in their order', () => {
    const timeline = new Timeline();
    for (const machine of ['vm2', 'controller', 'vm1']) {
      timeline.mark({ lane: { machine, name: 'x' }, kind: 'event', name: 'e', at: vm1(0) });
    }

    expect(aligned(timeline).lanes.map((lane) => lane.machine)).toEqual(['controller', 'vm1', 'vm2']);
  });

  test('reads back as the time line that was written', () => {
    const timeline = new Timeline();
    timeline.spans.push({ lane: server, kind: 'process', name: 'pid 7', start: vm1(0), end: vm1(4000), detail: { pid: 7 } });
    timeline.spans.push({ lane: caller, kind: 'calls', name: 'calls', start: vm1(1000), end: vm1(2000) });
    timeline.mark({ lane: server, kind: 'fault', name: 'died', at: vm1(4000) });
    const original = aligned(timeline);

    expect(fromChromeTrace(toChromeTrace(original, {}))).toEqual(original);
  });
});
