import { expect, test } from 'vitest';
import { timeLeft } from '../../src/cli/time-left.ts';

test('the time left is told from parts that are done, from a limit, and from whichever is sooner', () => {
  expect(timeLeft(10_000, { done: 2, of: 6 })).toBe('about 20 s left');
  expect(timeLeft(10_000, { done: 2, limitMs: 600_000 })).toBe('about 10 min left');
  expect(timeLeft(10_000, { done: 2, of: 6, limitMs: 15_000 })).toBe('about 5 s left');
  expect(timeLeft(3_600_000, { done: 1, of: 4 })).toBe('about 3.0 h left');
});

test('nothing is told before anything is known, and at the end', () => {
  expect(timeLeft(0, { done: 0, of: 6 })).toBe('');
  expect(timeLeft(10_000, { done: 6, of: 6 })).toBe('');
  expect(timeLeft(10_000, { done: 3, limitMs: 9_000 })).toBe('');
});
