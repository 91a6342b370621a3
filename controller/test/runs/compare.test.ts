import { describe, expect, test } from 'vitest';
import { compare, rotated, spreadOf } from '../../src/workload/compare.ts';

const system = (tag: string) => ({ tag, label: tag, sentence: '' });
const round = (ns: number) => ({ unit: 'ns' as const, callsPerSample: 100, counts: [[ns, 10]] as const });

describe('a comparison', () => {
  test('takes each ratio inside its own round, so that a slow round slows both', () => {
    const { entries } = compare([system('floor'), system('rpc')], [[100, 1000, 300].map(round), [200, 2000, 900].map(round)]);

    expect(entries[0]!.ratio).toEqual({ median: 1, low: 1, high: 1 });
    expect(entries[1]!.ratio.median).toBeCloseTo(2, 3);
    expect(entries[1]!.ratio.high).toBeCloseTo(3, 2);
  });

  test('refuses a system that missed a round', () => {
    expect(() => compare([system('floor'), system('rpc')], [[100, 100].map(round), [200].map(round)])).toThrow(/every round/);
  });

  test('refuses to divide by nothing', () => {
    expect(() => compare([system('floor')], [[]])).toThrow(/baseline/);
  });
});

test('every system comes first, and after every other, equally often', () => {
  const systems = ['a', 'b', 'c'];
  const firsts = [0, 1, 2, 3, 4, 5].map((index) => rotated(systems, index)[0]);

  expect(firsts).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
  expect(rotated(systems, 1)).toEqual(['b', 'c', 'a']);
});

test('the spread of values is their median, lowest and highest', () => {
  expect(spreadOf([3, 1, 2, 10])).toEqual({ median: 2.5, low: 1, high: 10 });
});
