/**
 * Looks for an order of the operations on a register that explains all of them: each at one moment between its begin and its end, and
 * every read sees the last value written before it. (Wing and Gong, 1993; one register at a time, as Horn and Kroening, 2015; and
 * no operation is placed before an end asks for it, as Lowe, 2017.)
 *
 * Begins and ends are gone through in their order, with all *states* that the register can be in (`state.ts`). Where a value has one writer
 * there is one state; where several wrote the same, such as deletes, it may take many, and the search gives up when they are too many.
 */
import { type Operation, type Settled, settle } from './operation.ts';
import { Frontier, type State } from './state.ts';

export interface Budget {
  /** States that may still be made, and compared: time. */
  steps: number;
  /** States at once: memory. */
  readonly states: number;
  /** Looked at now and then; true: give up. */
  isOver?(): boolean;
}

export type Explained<Of extends Operation> =
  | { readonly found: 'order' }
  /** Up to the end of this operation there is none. */
  | { readonly found: 'none'; readonly last: Of }
  | { readonly found: 'gave-up'; readonly why: string };

export function explain<Of extends Operation>(operations: readonly Of[], initial: number, budget: Budget): Explained<Of> {
  const settled = settle(operations, initial);
  const impossible = settled.find(({ from, to, isOptional }) => to <= from && !isOptional);
  if (impossible !== undefined) return { found: 'none', last: impossible.of };
  try {
    return new Search(settled, initial, budget).run() as Explained<Of>;
  } catch (error) {
    if (error instanceof GaveUp) return { found: 'gave-up', why: error.message };
    throw error;
  }
}

class GaveUp extends Error {}

/** An operation that has begun and not ended, and its bit in the sets of a state. */
interface Present {
  readonly settled: Settled;
  readonly place: bigint;
}

const stepsBetweenLooks = 4096;

class Search {
  readonly #events: readonly Event[];
  readonly #budget: Budget;
  #stepsAtLook: number;
  /** By value: when the last read of it begins, and how many writes of it have not ended. */
  readonly #lastRead = new Map<number, number>();
  readonly #writesLeft = new Map<number, number>();
  readonly #present = new Map<Settled, Present>();
  readonly #freePlaces: bigint[] = [];
  #places = 0n;
  #states: readonly State[];
  #now = 0;

  constructor(settled: readonly Settled[], initial: number, budget: Budget) {
    this.#events = eventsOf(settled);
    this.#budget = budget;
    this.#stepsAtLook = budget.steps;
    this.#states = [{ value: initial, unread: 0n, written: 0n, owed: 0n }];
    for (const { kind, value, from } of settled) {
      if (kind === 'read') this.#lastRead.set(value, Math.max(from, this.#lastRead.get(value) ?? 0));
      else this.#writesLeft.set(value, (this.#writesLeft.get(value) ?? 0) + 1);
    }
  }

  run(): Explained<Operation> {
    for (const { settled, at, isEnd } of this.#events) {
      this.#now = at;
      if (isEnd) this.#end(settled);
      else this.#begin(settled);
      if (this.#states.length === 0) return { found: 'none', last: settled.of };
    }
    return { found: 'order' };
  }

  /** A read is placed as soon as its value is there: it changes nothing. */
  #begin(settled: Settled): void {
    const place = this.#freePlaces.pop() ?? 1n << this.#places++;
    this.#present.set(settled, { settled, place });
    const { kind, value, isOptional } = settled;
    if (kind === 'write' && isOptional) return;
    this.#spend(this.#states.length);
    this.#states = this.#states.map((state) => {
      if (kind === 'write') return { ...state, owed: state.owed | place };
      return state.value === value ? state : { ...state, unread: state.unread | place };
    });
  }

  #end(settled: Settled): void {
    const { place } = this.#present.get(settled)!;
    const kept = this.#frontier();
    for (const state of this.#states) {
      if (settled.kind === 'read') this.#endRead(state, settled, place, kept);
      else this.#endWrite(state, settled, place, kept);
    }
    this.#present.delete(settled);
    this.#freePlaces.push(place);
    if (settled.kind === 'write') this.#writesLeft.set(settled.value, this.#writesLeft.get(settled.value)! - 1);
    const forgotten = this.#frontier();
    const others = ~place;
    for (const { value, unread, written, owed } of kept.states()) {
      forgotten.add({ value, unread: unread & others, written: written & others, owed: owed & others });
    }
    this.#states = forgotten.states();
  }

  #endRead(state: State, { value }: Settled, place: bigint, into: Frontier): void {
    if ((state.unread & place) === 0n) into.add(state);
    else this.#reach(state, (write) => write.value === value, into);
  }

  /**
   * A write that began before another one was placed may have been just before that one, seen by nobody: it is covered, and owes nothing.
   * Now is its last moment to be seen.
   */
  #endWrite(state: State, settled: Settled, place: bigint, into: Frontier): void {
    const isOwed = (state.owed & place) !== 0n;
    const isPlaced = (state.written & place) !== 0n;
    const isNeeded = !isPlaced && (this.#isReadLater(settled.value) || this.#isAwaited(state, settled.value));
    if (!isOwed && !(isNeeded && this.#isLastWrite(settled.value))) into.add(state);
    if (isOwed || isNeeded) this.#reach(state, (write) => write === settled, into);
  }

  /** Whether a read that is still to begin sees this value. */
  #isReadLater(value: number): boolean {
    return (this.#lastRead.get(value) ?? -1) > this.#now;
  }

  #isLastWrite(value: number): boolean {
    return this.#writesLeft.get(value) === 1;
  }

  #isAwaited(state: State, value: number): boolean {
    if (state.unread === 0n) return false;
    for (const { settled, place } of this.#present.values()) {
      if (settled.kind === 'read' && settled.value === value && (state.unread & place) !== 0n) return true;
    }
    return false;
  }

  /** All states in which a write that is a `goal` was placed last, and before it others, as far as reads that are waiting see them. */
  #reach(before: State, isGoal: (write: Settled) => boolean, into: Frontier): void {
    const from = this.#withLastReads(before, isGoal);
    const seen = new Set<string>();
    const waiting = [from];
    for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
      for (const write of this.#candidates(state, isGoal)) {
        const placed = this.#placed(state, write);
        this.#spend(1);
        if (isGoal(write.settled)) {
          into.add(placed);
          continue;
        }
        // Its value will not be seen any more.
        const key = `${placed.unread}/${placed.written}`;
        if (seen.has(key)) continue;
        seen.add(key);
        waiting.push(placed);
      }
    }
  }

  /** Places what serves all reads of its value that there will ever be: such a write is of no use later. */
  #withLastReads(before: State, isGoal: (write: Settled) => boolean): State {
    let state = before;
    for (const present of this.#present.values()) {
      const { settled, place } = present;
      if (settled.kind !== 'write' || (state.written & place) !== 0n || isGoal(settled)) continue;
      if (!this.#isReadLater(settled.value) && this.#isAwaited(state, settled.value)) state = this.#placed(state, present);
    }
    return state;
  }

  #candidates(state: State, isGoal: (write: Settled) => boolean): Present[] {
    const candidates: Present[] = [];
    const soonest = new Map<number, Present>();
    for (const present of this.#present.values()) {
      const { settled, place } = present;
      if (settled.kind !== 'write' || (state.written & place) !== 0n) continue;
      // One that is read later, and is the last one to be seen then, must not be covered now.
      const isUseful = this.#isAwaited(state, settled.value) && !this.#isLastWrite(settled.value);
      if (!isGoal(settled) && !isUseful) continue;
      if (!settled.isOptional) {
        candidates.push(present);
        continue;
      }
      // Optional ones of one value are as good as each other, but for how long they can be used.
      const known = soonest.get(settled.value);
      if (known === undefined || settled.to < known.settled.to) soonest.set(settled.value, present);
    }
    return [...candidates, ...soonest.values()];
  }

  /** With the write placed, the reads that now see their value placed too, and all other writes that have begun covered. */
  #placed(state: State, { settled, place }: Present): State {
    let { unread } = state;
    if (unread !== 0n) {
      for (const other of this.#present.values()) {
        if (other.settled.kind === 'read' && other.settled.value === settled.value) unread &= ~other.place;
      }
    }
    return { value: settled.value, unread, written: state.written | place, owed: 0n };
  }

  #frontier(): Frontier {
    return new Frontier((compared, held) => {
      this.#spend(compared);
      if (held > this.#budget.states) throw new GaveUp(`more than ${this.#budget.states} states were possible at once`);
    });
  }

  #spend(steps: number): void {
    const budget = this.#budget;
    budget.steps -= steps;
    if (budget.steps < 0) throw new GaveUp('the steps that were allowed are used up');
    if (this.#stepsAtLook - budget.steps < stepsBetweenLooks) return;
    this.#stepsAtLook = budget.steps;
    if (budget.isOver?.() === true) throw new GaveUp('the time that was allowed is used up');
  }
}

interface Event {
  readonly settled: Settled;
  readonly at: number;
  readonly isEnd: boolean;
}

/** In the order of tickets. A write is known to be over at the end of a read that saw it: then the write's end comes first. */
function eventsOf(settled: readonly Settled[]): Event[] {
  const events: Event[] = [];
  for (const each of settled) {
    events.push({ settled: each, at: each.from, isEnd: false });
    if (each.to !== Number.POSITIVE_INFINITY && each.to > each.from) events.push({ settled: each, at: each.to, isEnd: true });
  }
  const rank = ({ settled: { kind }, isEnd }: Event): number => (!isEnd ? 0 : kind === 'write' ? 1 : 2);
  return events.sort((a, b) => a.at - b.at || rank(a) - rank(b));
}
