import { describe, expect, test } from 'vitest';
import { alignClocks } from '../../src/traces/align-clocks.ts';
import { alignTimeline } from '../../src/traces/align-timeline.ts';
import { fromChromeTrace, toChromeTrace } from '../../src/traces/chrome-trace.ts';
import { latenciesOverTime } from '../../src/traces/over-time.ts';
import { Timeline } from '../../src/traces/timeline.ts';

const sample = (startNs: number, endNs: number, calls = 100, series = 'calls') => ({ series, startNs, endNs, calls });

describe('latencies over time', () => {
  test('stand where their sample ended, as the mean of its calls', () => {
    const [series] = latenciesOverTime([sample(0, 1e6), sample(1e6, 901e6)], 1e9);

    expect(series).toMatchObject({ label: 'calls', callsPerSample: 100, binNs: 2_500_000 });
    expect(series!.bins).toEqual([
      { fromNs: 0, p50Ns: 10_000, p99Ns: 10_000, maxNs: 10_000 },
      { fromNs: 900e6, p50Ns: 9_000_000, p99Ns: 9_000_000, maxNs: 9_000_000 },
    ]);
  });

  test('are as few bins as a drawing can show, however many samples there are', () => {
    const samples = Array.from({ length: 20_000 }, (_, index) =>
      sample(index * 50_000, index * 50_000 + (index % 100 === 0 ? 4e6 : 1e6)),
    );
    const [series] = latenciesOverTime(samples, 20_000 * 50_000);

    expect(series!.bins.length).toBeGreaterThan(350);
    expect(series!.bins.length).toBeLessThanOrEqual(402);
    expect(new Set(series!.bins.map(({ p50Ns }) => p50Ns))).toEqual(new Set([10_000]));
    expect(Math.max(...series!.bins.map(({ maxNs }) => maxNs))).toBe(40_000);
  });

  test('of different things are kept apart, and the most usual size of a sample is told', () => {
    const samples = [sample(0, 1, 100), sample(0, 1, 100), sample(0, 1, 7), sample(0, 1, 1, 'objects')];
    expect(latenciesOverTime(samples, 1).map(({ label, callsPerSample }) => [label, callsPerSample])).toEqual([
      ['calls', 100],
      ['objects', 1],
    ]);
  });
});

test('a trace carries latencies and progress, and reads back as it was written', () => {
  const timeline = new Timeline();
  const at = (ns: number) => ({ clock: 'vm1', ns });
  const lane = { machine: 'vm1', name: 'machine' };
  timeline.spans.push({ lane, kind: 'harm', name: 'dead', start: at(1_000_000), end: at(5_000_000) });
  timeline.spans.push({ lane, kind: 'recovery', name: 'suspected', start: at(2_000_000), end: at(3_000_000) });
  timeline.samples.push({ series: 'calls', start: at(1_000_000), end: at(2_000_000), calls: 100 });
  timeline.samples.push({ series: 'gets', start: at(2_000_000), end: at(4_000_000), calls: 10 });
  timeline.progress.push({ at: at(1_000_000), operations: 0 }, { at: at(3_000_000), operations: 40 });
  const original = alignTimeline(timeline, ['vm1'], alignClocks({ reference: 'vm1', offsets: [], observations: [] }));

  expect(fromChromeTrace(toChromeTrace(original, {}))).toEqual(original);
  expect(original.progress).toEqual([
    { atNs: 0, operations: 0 },
    { atNs: 2_000_000, operations: 40 },
  ]);
  // What lies over other spans takes no row of its own.
  expect(original.lanes).toEqual([lane]);
});
