/**
 * Points for k-means, and k-means without a heap. Coordinates are integers, of micrometres: sums of them are exact in whatever order they
 * are added up, so that two ways to compute the same means agree to the last bit.
 */
import { iris, irisDimensions } from './heap-iris.ts';
import { Random } from './heap-random.ts';

export const dimensions = irisDimensions;
const micrometresPerTenth = 1000;
/** Less than half of the last digit that was measured. */
const jitterMicrometres = 450;

/** The flowers, and then again and again with every measurement moved by less than it is known. */
export function makePoints(count: number, seed: number): Int32Array {
  const random = new Random(seed);
  const points = new Int32Array(count * dimensions);
  for (let index = 0; index < points.length; index++) {
    const measured = iris[index % iris.length]! * micrometresPerTenth;
    const jitter = index < iris.length ? 0 : random.between(-jitterMicrometres, jitterMicrometres);
    points[index] = measured + jitter;
  }
  return points;
}

/** Points at equal distances in the list. */
export function startingMeans(points: Int32Array, clusters: number): Float64Array {
  const stride = Math.floor(points.length / dimensions / clusters);
  const means = new Float64Array(clusters * dimensions);
  for (let cluster = 0; cluster < clusters; cluster++) {
    for (let axis = 0; axis < dimensions; axis++)
      means[cluster * dimensions + axis] = points[cluster * stride * dimensions + axis]!;
  }
  return means;
}

/** Of each cluster: how many points, and the sum of each coordinate. */
export const partialsOf = (clusters: number): number => clusters * (1 + dimensions);

/** Adds the points to the partial sums of the clusters whose means are nearest. */
export function assign(points: Int32Array, means: Float64Array, partials: Float64Array): void {
  const clusters = means.length / dimensions;
  for (let at = 0; at < points.length; at += dimensions) {
    let nearest = 0;
    let least = Number.POSITIVE_INFINITY;
    for (let cluster = 0; cluster < clusters; cluster++) {
      let distance = 0;
      for (let axis = 0; axis < dimensions; axis++) {
        const apart = points[at + axis]! - means[cluster * dimensions + axis]!;
        distance += apart * apart;
      }
      if (distance < least) {
        least = distance;
        nearest = cluster;
      }
    }
    const into = nearest * (1 + dimensions);
    partials[into]! += 1;
    for (let axis = 0; axis < dimensions; axis++) partials[into + 1 + axis]! += points[at + axis]!;
  }
}

/** A cluster without points keeps its mean. */
export function meansOf(partials: Float64Array, before: Float64Array): Float64Array {
  const means = before.slice();
  for (let cluster = 0; cluster * dimensions < means.length; cluster++) {
    const count = partials[cluster * (1 + dimensions)]!;
    if (count === 0) continue;
    for (let axis = 0; axis < dimensions; axis++) {
      means[cluster * dimensions + axis] = partials[cluster * (1 + dimensions) + 1 + axis]! / count;
    }
  }
  return means;
}

/**
 * The means after each iteration, in a few lines of ordinary JavaScript with one array a point: what the heap's are held against. All of
 * them, since k-means comes back to the same end from many a wrong step.
 */
export function plainSteps(points: Int32Array, start: Float64Array, iterations: number): number[][][] {
  const rows = (values: Int32Array | Float64Array): number[][] =>
    Array.from({ length: values.length / dimensions }, (_, row) => [
      ...values.subarray(row * dimensions, (row + 1) * dimensions),
    ]);
  const flowers = rows(points);
  const steps: number[][][] = [];
  let means = rows(start);
  for (let iteration = 0; iteration < iterations; iteration++) {
    const groups: number[][][] = means.map(() => []);
    for (const flower of flowers) {
      const distances = means.map((mean) => mean.reduce((sum, value, axis) => sum + square(flower[axis]! - value), 0));
      groups[distances.indexOf(Math.min(...distances))]!.push(flower);
    }
    means = means.map((mean, cluster) => {
      const group = groups[cluster]!;
      if (group.length === 0) return mean;
      return mean.map((_, axis) => group.reduce((sum, flower) => sum + flower[axis]!, 0) / group.length);
    });
    steps.push(means);
  }
  return steps;
}

function square(value: number): number {
  return value * value;
}
