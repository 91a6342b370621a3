/** How often a method was called and how long it took, as plain numbers in a row: of a service or caller, over all its connections. */

const bucketCount = 40;
const [countAt, failedAt, refusedAt, timedAt, totalAt, overrunsAt, bucketsAt] = [0, 1, 2, 3, 4, 5, 8];

export interface MethodNumbers {
  /** Calls that ended, in any way. */
  readonly count: number;
  /** Of these: FAILED, TOO_LARGE, UNKNOWN_METHOD and, on the calling side, without an answer. */
  readonly failed: number;
  readonly refused: number;
  /** How many were timed; the numbers below are of these. */
  readonly timed: number;
  readonly totalNs: number;
  /** Longer than the time budget. */
  readonly overruns: number;
  /** `buckets[i]` calls took from 2^i to 2^(i+1) ns. */
  readonly buckets: readonly number[];
}

/** One writer. */
export class MethodStats {
  readonly #row = new Float64Array(bucketsAt + bucketCount);

  ended(): void {
    this.#row[countAt]!++;
  }

  failed(): void {
    this.#row[failedAt]!++;
  }

  refused(): void {
    this.#row[refusedAt]!++;
  }

  took(ns: number, budgetNs = Number.POSITIVE_INFINITY): void {
    const row = this.#row;
    row[timedAt]!++;
    row[totalAt]! += ns;
    if (ns > budgetNs) row[overrunsAt]!++;
    const bucket = ns < 2 ? 0 : Math.min(Math.floor(Math.log2(ns)), bucketCount - 1);
    row[bucketsAt + bucket]!++;
  }

  read(): MethodNumbers {
    const row = this.#row;
    return {
      count: row[countAt]!,
      failed: row[failedAt]!,
      refused: row[refusedAt]!,
      timed: row[timedAt]!,
      totalNs: row[totalAt]!,
      overruns: row[overrunsAt]!,
      buckets: Array.from(row.subarray(bucketsAt, bucketsAt + bucketCount)),
    };
  }
}

/** A value in ns that the given part of the timed calls did not exceed, rounded up to a power of two; NaN when none was timed. */
export function quantileNs(numbers: MethodNumbers, part: number): number {
  if (numbers.timed === 0) return Number.NaN;
  let left = Math.ceil(numbers.timed * part);
  const bucket = numbers.buckets.findIndex((count) => {
    left -= count;
    return left <= 0;
  });
  return 2 ** (bucket + 1);
}
