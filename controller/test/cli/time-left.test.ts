import { expect, test } from 'vitest';
import { timeLeft } from '../../src/cli/time-left.ts';
import { PartsClock } from '../../src/steps/parts-clock.ts';

test('the time left is told by whichever is over first', () => {
  expect(timeLeft(20_000, null)).toBe('about 20 s left');
  expect(timeLeft(20_000, 600_000)).toBe('about 20 s left');
  expect(timeLeft(null, 600_000)).toBe('about 10 min left');
  expect(timeLeft(3 * 3_600_000)).toBe('about 3.0 h left');
});

test('nothing is told before anything is known, and at the end', () => {
  expect(timeLeft()).toBe('');
  expect(timeLeft(null, null)).toBe('');
  expect(timeLeft(0)).toBe('');
  expect(timeLeft(900, 60_000)).toBe('');
});

test('parts that were never done here are taken to be as long as those that were done now', () => {
  const clock = new PartsClock([null, null, null, null]);
  expect(clock.leftMs(0)).toBeNull();
  clock.start(0, 60_000);
  expect(clock.leftMs(65_000)).toBeNull();
  clock.finish(0, 70_000);
  expect(clock.leftMs(70_000)).toBe(30_000);
});

test('a long part that is still to come is counted with all that it takes', () => {
  const clock = new PartsClock([5_000, 5_000, 600_000]);
  expect(clock.leftMs(0)).toBe(610_000);
  clock.start(0, 0);
  clock.finish(0, 5_000);
  expect(clock.leftMs(5_000)).toBe(605_000);
  clock.start(1, 5_000);
  clock.finish(1, 10_000);
  clock.start(2, 10_000);
  expect(clock.leftMs(310_000)).toBe(300_000);
});

test('a busy host makes what is left longer, and parts side by side make it shorter', () => {
  const slow = new PartsClock([10_000, 10_000]);
  slow.start(0, 0);
  slow.finish(0, 30_000);
  expect(slow.leftMs(30_000)).toBe(30_000);

  const two = new PartsClock([10_000, 10_000, 10_000, 10_000]);
  two.start(0, 0);
  two.start(1, 0);
  two.finish(0, 10_000);
  two.finish(1, 10_000);
  expect(two.leftMs(10_000)).toBe(10_000);
});
