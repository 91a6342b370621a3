import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LatencyRecorder, SpanRecorder, toThreeDigits } from '../../src/workloads/latency.ts';

describe('a latency recorder', () => {
  test('counts the mean of each sample by its value, in order', () => {
    const recorder = new LatencyRecorder(100);
    for (const elapsedNs of [45_678, 123_456, 45_711, 1_234_567]) recorder.record(elapsedNs);
    expect(recorder.counts()).toEqual({
      unit: 'ns',
      callsPerSample: 100,
      counts: [
        [457, 2],
        [1_230, 1],
        [12_300, 1],
      ],
    });
  });

  test('is never off by more than half a percent', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 1e12, noNaN: true }), (value) => {
        expect(Math.abs(toThreeDigits(value) - value)).toBeLessThanOrEqual(value * 0.005);
      }),
    );
  });
});

describe('a span recorder', () => {
  test('keeps all of few', () => {
    const recorder = new SpanRecorder(4);
    for (let index = 0; index < 4; index++) recorder.record('s', index, index + 1);
    expect(recorder.spans().map(({ startNs }) => startNs)).toEqual([0, 1, 2, 3]);
  });

  test.each([5, 100, 1_000, 12_345])('keeps at most its limit of %i, evenly, from the first on', (count) => {
    const recorder = new SpanRecorder(16);
    for (let index = 0; index < count; index++) recorder.record('s', index, index);
    const kept = recorder.spans().map(({ startNs }) => startNs);
    expect(kept.length).toBeLessThanOrEqual(16);
    expect(kept.length).toBeGreaterThanOrEqual(Math.min(count, 8));
    const stride = kept[1]! - kept[0]!;
    expect(kept).toEqual(kept.map((_, index) => index * stride));
    expect(count - kept.at(-1)!).toBeLessThanOrEqual(stride);
  });
});
