import type { LatencyCounts } from '@cxlpod/agent/protocol';
import { expect, test } from 'vitest';
import { printLatencyLog, quantilesOf, readLatencyLog } from '../../src/traces/latency-log.ts';

const batches = (counts: LatencyCounts['counts'], callsPerSample = 100): LatencyCounts => ({
  unit: 'ns',
  callsPerSample,
  counts,
});

test('quantiles of known samples are those samples, to three digits', () => {
  const quantiles = quantilesOf([batches([[1000, 90]]), batches([[2000, 9]]), batches([[1_000_000, 1]])]);

  expect(quantiles.samples).toBe(100);
  expect(quantiles.p50Ns).toBe(1000);
  expect(quantiles.p90Ns).toBe(1000);
  expect(quantiles.p99Ns / 2000).toBeCloseTo(1, 3);
  expect(quantiles.maxNs / 1_000_000).toBeCloseTo(1, 3);
});

test('samples of 1 call and of 100 calls are not mixed into one distribution', () => {
  expect(() => quantilesOf([batches([[1000, 1]], 100), batches([[1000, 1]], 1)])).toThrow(/100 and of 1 calls/);
});

test('no sample at all gives zeros, not a crash', () => {
  expect(quantilesOf([])).toMatchObject({ samples: 0, p50Ns: 0, maxNs: 0 });
});

test('a log has the version line, the tag on every interval, and reads back as what was written', () => {
  const text = printLatencyLog('rpc-core', [
    {
      startS: 1000,
      endS: 1001,
      latency: batches([
        [500, 3],
        [700, 2],
      ]),
    },
    {
      startS: 1001,
      endS: 1002.5,
      latency: batches([
        [500, 1],
        [90_000, 4],
      ]),
    },
  ]);

  expect(text).toMatch(/^#\[Histogram log format version 1\.3\]\n/);
  expect(text.match(/^Tag=rpc-core,\d+\.\d{3},\d+\.\d{3},/gm)).toHaveLength(2);
  const read = readLatencyLog(text);
  expect(read.tag).toBe('rpc-core');
  expect(read.counts.map(([, count]) => count)).toEqual([4, 2, 4]);
  expect(read.counts[2]![0] / 90_000).toBeCloseTo(1, 2);
});
