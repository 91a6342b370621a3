/** How much longer something takes, for the person who waits. */

/** By whichever is over first; null: that one says nothing. Empty when nobody knows, and at the end. */
export function timeLeft(...waysMs: readonly (number | null)[]): string {
  const known = waysMs.filter((each) => each !== null);
  const leftMs = Math.min(...known);
  return known.length === 0 || leftMs < 1_000 ? '' : `about ${showDuration(leftMs)} left`;
}

export function showDuration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}
