import type { LatencyCounts, Span } from '../protocol/tasks.ts';

/** Counts latencies by value, rounded to 3 significant digits: small to send, and finer than any of them is known. */
export class LatencyRecorder {
  readonly #counts = new Map<number, number>();
  readonly #callsPerSample: number;

  constructor(callsPerSample: number) {
    this.#callsPerSample = callsPerSample;
  }

  /** One sample: `callsPerSample` calls that took `elapsedNs` together. */
  record(elapsedNs: number): void {
    const value = toThreeDigits(elapsedNs / this.#callsPerSample);
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + 1);
  }

  counts(): LatencyCounts {
    return {
      unit: 'ns',
      callsPerSample: this.#callsPerSample,
      counts: [...this.#counts].sort(([left], [right]) => left - right),
    };
  }
}

export function toThreeDigits(value: number): number {
  return Number(value.toPrecision(3));
}

/** Keeps at most `limit` spans of however many, evenly: when full, every second one goes, and half as many are taken from then on. */
export class SpanRecorder {
  readonly #limit: number;
  #spans: Span[] = [];
  #stride = 1;
  #seen = 0;

  constructor(limit = 2_000) {
    this.#limit = limit;
  }

  record(name: string, startNs: number, endNs: number): void {
    if (this.#seen++ % this.#stride !== 0) return;
    if (this.#spans.length === this.#limit) {
      this.#spans = this.#spans.filter((_, index) => index % 2 === 0);
      this.#stride *= 2;
      if ((this.#seen - 1) % this.#stride !== 0) return;
    }
    this.#spans.push({ name, startNs, endNs });
  }

  spans(): readonly Span[] {
    return this.#spans;
  }
}
