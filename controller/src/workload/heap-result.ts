/** What every workload of the heap returns beside its own: what was checked, and the figures for the first screen. */
export interface HeapResult {
  /** What the tasks compared themselves, and found right; a wrong answer fails the run. */
  readonly checked: { readonly what: string; readonly count: number };
  readonly figures: readonly Figure[];
}

export interface Figure {
  readonly name: string;
  readonly value: string;
  readonly detail: string;
}

/** Objects, words, points: so many a second. */
export function perSecond(count: number, elapsedNs: number): number {
  return elapsedNs > 0 ? (count * 1e9) / elapsedNs : 0;
}

export function showPerSecond(rate: number): string {
  return `${Math.round(rate).toLocaleString('en-US')}/s`;
}

export function showSpread(values: readonly number[]): string {
  return `${showPerSecond(Math.min(...values))} to ${showPerSecond(Math.max(...values))}`;
}
