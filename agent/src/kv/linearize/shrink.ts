/** Of a history that nothing explains, the fewest operations that nothing explains. */
import { type Budget, explain } from './explain.ts';
import type { Operation } from './operation.ts';

const leastWindow = 64;
const windowGrowth = 8;

/**
 * Takes away what can be taken away: no operation of the answer can be spared. `operations` have no order up to the end of `last`, and
 * what the answer shows is true of the whole: had the whole an order, so would the answer.
 */
export function shrink<Of extends Operation>(
  operations: readonly Of[],
  { initial, last, budget }: { readonly initial: number; readonly last: Of; readonly budget: Budget },
): readonly Of[] {
  const hasNone = (some: readonly Of[]): boolean => explain(some, initial, budget).found === 'none';
  let left: readonly Of[] = operations;
  const known = without(left, (each) => each.from >= last.to || (each.kind === 'read' && each.to > last.to));
  if (hasNone(known)) left = known;
  // What went wrong is mostly near the end.
  for (let size = leastWindow; size < left.length; size *= windowGrowth) {
    const outside = new Set(left.slice(0, -size));
    const window = without(left, (each) => outside.has(each));
    if (!hasNone(window)) continue;
    left = window;
    break;
  }
  for (let size = Math.ceil(left.length / 2); ; size = Math.ceil(size / 2)) {
    const before = left.length;
    for (let from = 0; from < left.length; ) {
      const chunk = new Set(left.slice(from, from + size));
      const fewer = without(left, (each) => chunk.has(each));
      if (budget.steps <= 0 || budget.isOver?.() === true) return left;
      if (fewer.length < left.length && hasNone(fewer)) left = fewer;
      else from += size;
    }
    // Once a read is gone, a write before it may go.
    if (size === 1 && left.length === before) return left;
  }
}

/**
 * Without the operations that may go and can. A read can. A write can if no read that is left saw its value; or if others wrote that too, and
 * all who saw it were over before the write began, or began when yet another write had been in between (which may go as well, after it):
 * so for deletes, which many do.
 */
function without<Of extends Operation>(operations: readonly Of[], mayGo: (operation: Of) => boolean): readonly Of[] {
  const left = operations.filter((each) => each.kind === 'write' || !mayGo(each));
  const reads = new Map<number, Reads>();
  for (const [value, ofValue] of groupByValue(left.filter(({ kind }) => kind === 'read'))) reads.set(value, new Reads(ofValue));
  const writers = groupByValue(operations.filter(({ kind }) => kind === 'write'));
  const later = new LaterWrites(left);
  return left.filter((write) => {
    if (write.kind === 'read' || !mayGo(write)) return true;
    const readers = reads.get(write.value);
    if (readers === undefined) return false;
    if (write.value !== 0 && writers.get(write.value)!.length === 1) return true;
    return readers.lastEndOfBegunBy(later.firstOver(write)) > write.from;
  });
}

function groupByValue<Of extends Operation>(operations: readonly Of[]): Map<number, Of[]> {
  const groups = new Map<number, Of[]>();
  for (const operation of operations) {
    const known = groups.get(operation.value);
    if (known === undefined) groups.set(operation.value, [operation]);
    else known.push(operation);
  }
  return groups;
}

/** Of one value. */
class Reads {
  readonly #begins: readonly number[];
  /** Of those up to each, when the last one ended. */
  readonly #lastEnds: number[] = [];

  constructor(reads: readonly Operation[]) {
    const sorted = [...reads].sort((a, b) => a.from - b.from);
    this.#begins = sorted.map(({ from }) => from);
    for (const { to } of sorted) this.#lastEnds.push(Math.max(to, this.#lastEnds.at(-1) ?? -1));
  }

  /** -1 when none had begun. */
  lastEndOfBegunBy(ticket: number): number {
    return this.#lastEnds[firstPlace(this.#begins.length, (place) => this.#begins[place]! > ticket) - 1] ?? -1;
  }
}

/** The first of so many places that is; it is for all that follow. */
function firstPlace(count: number, is: (place: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (is(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Of the writes that are certain and began after another one had ended. */
class LaterWrites {
  /** By begin. */
  readonly #writes: readonly Operation[];
  /** From each on, when the first is over, and the first of another value than that. */
  readonly #soonest: (readonly [best: Operation, other: Operation | null])[];

  constructor(operations: readonly Operation[]) {
    this.#writes = operations.filter(({ kind, isOpen }) => kind === 'write' && !isOpen).sort((a, b) => a.from - b.from);
    this.#soonest = new Array(this.#writes.length);
    let best: Operation | null = null;
    let other: Operation | null = null;
    for (let index = this.#writes.length - 1; index >= 0; index--) {
      const write = this.#writes[index]!;
      if (best === null || write.to < best.to) {
        if (best !== null && best.value !== write.value) other = best;
        best = write;
      } else if (write.value !== best.value && (other === null || write.to < other.to)) other = write;
      this.#soonest[index] = [best, other];
    }
  }

  /** When the first write of another value is over that began after this one had ended. */
  firstOver({ to, value }: Operation): number {
    const place = firstPlace(this.#writes.length, (each) => this.#writes[each]!.from > to);
    const [best, other] = this.#soonest[place] ?? [null, null];
    return (best?.value === value ? other?.to : best?.to) ?? Number.POSITIVE_INFINITY;
  }
}
