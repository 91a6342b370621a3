import type { ConnectionFigures, MethodFigures } from '@cxlpod/agent/statistics';
import { expect, test } from 'vitest';
import { describeStatistics, methodRows } from '../../src/runs/describe-statistics.ts';

/** Of the agent's declared buckets: the first two, and the last. */
const bucketCount = 22;

function method(changes: Partial<MethodFigures>): MethodFigures {
  return {
    method: 0,
    name: '',
    calls: 0,
    failed: 0,
    refused: 0,
    overruns: 0,
    timed: 0,
    totalNs: 0,
    buckets: Array.from({ length: bucketCount }, () => 0),
    ...changes,
  };
}

function connection(changes: Partial<ConnectionFigures>): ConnectionFigures {
  return {
    connection: 0,
    epoch: 1,
    service: 'calculator',
    state: 'open',
    timedOneOf: 16,
    sent: 0,
    inFlight: 0,
    resent: 0,
    late: 0,
    forged: 0,
    methods: [],
    ...changes,
  };
}

const buckets = (first: number, last: number): readonly number[] => {
  const all = Array.from({ length: bucketCount }, () => 0);
  all[1] = first;
  all[bucketCount - 1] = last;
  return all;
};

test('a method is told with its quantiles, those of the last bucket as longer than its begin', () => {
  const figures = connection({
    inFlight: 3,
    methods: [method({ name: 'add', calls: 1_600, timed: 100, totalNs: 20_000, buckets: buckets(98, 2), overruns: 2 })],
  });
  const rows = methodRows([figures], undefined, 0);

  expect(rows).toMatchObject([
    { calls: 1_600, callsPerSecond: null, p50Ns: 256, p99Ns: Number.POSITIVE_INFINITY, meanNs: 200, inFlight: 3 },
  ]);
  expect(describeStatistics(rows, [figures])).toMatch(/calculator +add +1,600 +0 +0 +2 +< 256 ns +> 134 ms +3/);
});

test('calls per second are those since the reading before, and a connection that is new began at nothing', () => {
  const before = [
    connection({ methods: [method({ calls: 100 })] }),
    connection({ connection: 1, epoch: 4, methods: [method({ calls: 50_000 })] }),
  ];
  const now = [
    connection({ methods: [method({ calls: 300 })] }),
    connection({ connection: 1, epoch: 5, methods: [method({ calls: 40 })] }),
    connection({ connection: 2, service: 'other', methods: [method({ calls: 7, method: 3 })] }),
  ];

  expect(methodRows(now, before, 2)).toMatchObject([
    { service: 'calculator', method: 0, calls: 340, callsPerSecond: 120 },
    { service: 'other', method: 3, calls: 7, callsPerSecond: 3.5 },
  ]);
});

test('a method that was not timed has no quantiles, a pool that nobody listened in no table', () => {
  const figures = connection({ service: 'quiet', methods: [method({ method: 5, calls: 2, failed: 1, refused: 1 })] });
  const rows = methodRows([figures], [figures], 1);
  expect(rows).toMatchObject([{ p50Ns: null, p99Ns: null, meanNs: null, callsPerSecond: 0 }]);
  const shown = describeStatistics(rows, [figures]);
  expect(shown).toMatch(/quiet +5 +2 +0 +1 +1 +0 +0\n/);
  expect(shown).not.toContain('upper ends');
  expect(describeStatistics([], [connection({})])).toContain('nothing was called');
  expect(describeStatistics([], [])).toBe('nobody has listened in this pool');
});
