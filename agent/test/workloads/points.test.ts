/** The measurements are Fisher's: their published means; and what k-means must do on them, by hand. */
import { expect, test } from 'vitest';
import { iris } from '../../src/workloads/heap-iris.ts';
import {
  assign,
  dimensions,
  makePoints,
  meansOf,
  partialsOf,
  plainSteps,
  startingMeans,
} from '../../src/workloads/heap-points.ts';

/** In tenths of a centimetre, times 50: sums over the fifty flowers of each kind, of which Fisher prints the means. */
test('every kind of flower has the means that Fisher printed', () => {
  expect(iris).toHaveLength(150 * 4);
  const meansOfKind = (kind: number): number[] =>
    [0, 1, 2, 3].map((axis) => {
      let sum = 0;
      for (let flower = kind * 50; flower < (kind + 1) * 50; flower++) sum += iris[flower * 4 + axis]!;
      return sum / 500;
    });
  expect([0, 1, 2].map(meansOfKind)).toEqual([
    [5.006, 3.428, 1.462, 0.246],
    [5.936, 2.77, 4.26, 1.326],
    [6.588, 2.974, 5.552, 2.026],
  ]);
});

test('more points than flowers are flowers moved by less than they were measured, the same for the same seed', () => {
  const points = makePoints(450, 9);
  expect([...points.subarray(0, iris.length)]).toEqual(iris.map((tenths) => tenths * 1000));
  for (const [index, point] of points.entries()) expect(Math.abs(point - iris[index % iris.length]! * 1000)).toBeLessThan(500);
  expect([...makePoints(450, 9)]).toEqual([...points]);
  expect([...makePoints(450, 10)]).not.toEqual([...points]);
});

test('shares of the points add up to what all of them give, and to what plain JavaScript computes', () => {
  const points = makePoints(1_000, 5);
  const start = startingMeans(points, 4);
  let means = start;
  for (let iteration = 0; iteration < 7; iteration++) {
    const sums = new Float64Array(partialsOf(4));
    for (const [from, to] of [
      [0, 10],
      [10, 600],
      [600, 1_000],
    ] as const) {
      assign(points.subarray(from * dimensions, to * dimensions), means, sums);
    }
    means = meansOf(sums, means);
  }
  expect([...means]).toEqual(plainSteps(points, start, 7).at(-1)!.flat());
});
