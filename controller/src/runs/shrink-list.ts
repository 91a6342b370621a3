/**
 * The fewest parts of a list with which something still fails (delta debugging): all once more, then none; then halves, quarters and so on
 * are tried alone, then left out, until no single part can be spared. Null: it does not fail again, not even with all of them.
 */
export async function shrinkList<T>(
  parts: readonly T[],
  fails: (parts: readonly T[]) => Promise<boolean>,
): Promise<readonly T[] | null> {
  if (!(await fails(parts))) return null;
  if (parts.length === 0 || (await fails([]))) return [];
  let least = parts;
  let pieces = 2;
  while (least.length > 1) {
    const size = Math.ceil(least.length / pieces);
    const chunks = Array.from({ length: Math.ceil(least.length / size) }, (_, index) =>
      least.slice(index * size, (index + 1) * size),
    );
    const without = chunks.map((chunk) => least.filter((part) => !chunk.includes(part)));
    // Of two halves each is the other without it.
    const candidates = chunks.length === 2 ? chunks : [...chunks, ...without];
    const smaller = await first(candidates, fails);
    if (smaller !== null) {
      least = smaller;
      pieces = Math.max(2, Math.min(pieces - 1, least.length));
    } else if (size === 1) {
      return least;
    } else {
      pieces = Math.min(least.length, pieces * 2);
    }
  }
  return least;
}

async function first<T>(candidates: readonly (readonly T[])[], fails: (parts: readonly T[]) => Promise<boolean>) {
  for (const candidate of candidates) if (await fails(candidate)) return candidate;
  return null;
}
