/** Operations of one client over the time in which another one dies, counted in short buckets. */
import { monotonicNs } from '../pool/clock.ts';
import type { Span, Survival } from '../protocol/tasks.ts';

/** The client that is to die, as far as the survivor sees it in the pool: no clock but the survivor's own is needed. */
export interface Partner {
  /** Only grows while it works. */
  operations(): number;
  isFenced(): boolean;
}

interface Bucket extends Span {
  readonly operations: number;
  /** Of the partner, at the end of this bucket. */
  readonly partnerOperations: number;
  readonly isFenced: boolean;
}

const nsPerMs = 1e6;
/** Some minutes of buckets. */
const bucketLimit = 100_000;

export class SurvivalWatch {
  readonly #partner: Partner;
  readonly #bucketNs: number;
  readonly #afterNs: number;
  readonly #buckets: Bucket[] = [];
  #bucketStartNs = monotonicNs();
  #inBucket = 0;
  #fencedNs = 0;
  #lastDoneNs = 0;
  #longestStallNs = 0;
  #total = 0;

  /** Ends `afterMs` after the partner was seen to be fenced. */
  constructor(partner: Partner, { bucketMs, afterMs }: { readonly bucketMs: number; readonly afterMs: number }) {
    this.#partner = partner;
    this.#bucketNs = bucketMs * nsPerMs;
    this.#afterNs = afterMs * nsPerMs;
  }

  /** To be told often: how many operations were done since the last time. False once enough was seen. */
  note(operations: number): boolean {
    const nowNs = monotonicNs();
    this.#inBucket += operations;
    this.#total += operations;
    if (operations > 0) {
      if (this.#lastDoneNs > 0) this.#longestStallNs = Math.max(this.#longestStallNs, nowNs - this.#lastDoneNs);
      this.#lastDoneNs = nowNs;
    }
    if (nowNs - this.#bucketStartNs >= this.#bucketNs) this.#closeBucket(nowNs);
    return this.#buckets.length < bucketLimit && (this.#fencedNs === 0 || nowNs - this.#fencedNs < this.#afterNs);
  }

  /** A stall that lasts until the end counts, too. */
  result(blocked: number): Survival {
    const nowNs = monotonicNs();
    this.#closeBucket(nowNs);
    const lastAlive = this.#buckets.findLastIndex(
      ({ partnerOperations }, index) => partnerOperations !== (this.#buckets[index - 1]?.partnerOperations ?? 0),
    );
    // Whole buckets only, in which both worked, and in which the fence stood from the start.
    const before = this.#buckets.filter(
      (_, index) => index < lastAlive && (this.#buckets[index - 1]?.partnerOperations ?? 0) > 0,
    );
    const after = this.#buckets.filter((_, index) => this.#buckets[index - 1]?.isFenced === true);
    const stallNs = this.#lastDoneNs === 0 ? 0 : nowNs - this.#lastDoneNs;
    return {
      operations: this.#total,
      before: rateOf(before),
      after: rateOf(after),
      blocked,
      longestStallNs: Math.max(this.#longestStallNs, stallNs),
      spans: this.#buckets.map(({ name, startNs, endNs }) => ({ name, startNs, endNs })).slice(-spanLimit),
    };
  }

  #closeBucket(nowNs: number): void {
    const isFenced = this.#partner.isFenced();
    if (isFenced && this.#fencedNs === 0) this.#fencedNs = nowNs;
    this.#buckets.push({
      name: `${this.#inBucket} operations`,
      startNs: this.#bucketStartNs,
      endNs: nowNs,
      operations: this.#inBucket,
      partnerOperations: this.#partner.operations(),
      isFenced,
    });
    this.#bucketStartNs = nowNs;
    this.#inBucket = 0;
  }
}

const spanLimit = 2_000;

function rateOf(buckets: readonly Bucket[]): { readonly operations: number; readonly ms: number } {
  return {
    operations: buckets.reduce((sum, { operations }) => sum + operations, 0),
    ms: buckets.reduce((sum, { startNs, endNs }) => sum + (endNs - startNs), 0) / nsPerMs,
  };
}
