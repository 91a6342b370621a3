/** How much longer something takes that is done in parts of one kind: scenarios, one after the other or side by side. */

export class PartsClock {
  /** What each takes, by the last times; null: it was never done here. */
  readonly #expectedMs: readonly (number | null)[];
  readonly #startedMs = new Map<number, number>();
  readonly #over = new Set<number>();
  readonly #tookMs: number[] = [];
  #firstMs: number | null = null;

  constructor(expectedMs: readonly (number | null)[]) {
    this.#expectedMs = expectedMs;
  }

  /** What comes before the first part, such as bringing a pod up, is not done again for each. */
  start(part: number, nowMs: number): void {
    this.#firstMs ??= nowMs;
    this.#startedMs.set(part, nowMs);
  }

  /** Also one that never came to its start. */
  finish(part: number, nowMs: number): void {
    this.#over.add(part);
    const startedMs = this.#startedMs.get(part);
    if (startedMs !== undefined) this.#tookMs.push(nowMs - startedMs);
  }

  /**
   * At the pace so far, whatever makes it: a busy host, parts side by side, what has to be done between them. A part that was never done
   * here is taken to be as long as the others. Null: nobody knows.
   */
  leftMs(nowMs: number): number | null {
    const meanMs = this.#meanMs();
    if (meanMs === null) return null;
    let doneMs = 0;
    let leftMs = 0;
    for (const [part, known] of this.#expectedMs.entries()) {
      const wholeMs = known ?? meanMs;
      const spentMs = this.#over.has(part) ? wholeMs : nowMs - (this.#startedMs.get(part) ?? nowMs);
      doneMs += Math.min(wholeMs, spentMs);
      leftMs += Math.max(0, wholeMs - spentMs);
    }
    const isPaced = this.#tookMs.length > 0 && doneMs > 0;
    return isPaced ? (leftMs * (nowMs - this.#firstMs!)) / doneMs : leftMs;
  }

  /** Of those that are done, as long as they took; else of those that were done before. */
  #meanMs(): number | null {
    const known = this.#tookMs.length > 0 ? this.#tookMs : this.#expectedMs.filter((each) => each !== null);
    return known.length === 0 ? null : known.reduce((sum, each) => sum + each, 0) / known.length;
  }
}
