/** The judge of the judge: tries every order of a few operations, and every choice among those that may be missing. */
import type { Operation } from '../../../src/kv/linearize/operation.ts';

export function hasOrder(operations: readonly Operation[], initial: number): boolean {
  const judged = operations.filter(({ kind, isOpen }) => kind === 'write' || !isOpen);
  return place(judged, initial);
}

function place(left: readonly Operation[], value: number): boolean {
  if (left.every(({ isOpen }) => isOpen)) return true;
  return left.some((next) => {
    // Of the rest, none was over before this one began; what is open and would be in the way is left out.
    const rest = left.filter((each) => each !== next);
    if (next.from >= next.to) return false;
    if (rest.some((each) => !each.isOpen && each.to < next.from)) return false;
    if (next.kind === 'read' && next.value !== value) return false;
    return place(
      rest.filter((each) => !each.isOpen || each.to > next.from),
      next.kind === 'write' ? next.value : value,
    );
  });
}
