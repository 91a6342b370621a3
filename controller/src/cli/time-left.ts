/** How much longer something takes that is done in parts, for the person who waits. */

/** Undefined parts: until `limitMs`. Empty before anything is known, and at the end. */
export function timeLeft(
  elapsedMs: number,
  {
    done,
    of: total,
    limitMs,
  }: { readonly done: number; readonly of?: number | undefined; readonly limitMs?: number | undefined },
): string {
  const byParts = total === undefined || done === 0 ? undefined : (elapsedMs / done) * (total - done);
  const byLimit = limitMs === undefined ? undefined : limitMs - elapsedMs;
  const known = [byParts, byLimit].filter((each) => each !== undefined);
  const leftMs = Math.min(...known);
  return known.length === 0 || leftMs < 1_000 ? '' : `about ${showDuration(leftMs)} left`;
}

export function showDuration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}
