/** What a register may be at a moment, as far as what has begun allows. */
export interface State {
  readonly value: number;
  /** Of the operations that have begun and not ended: reads that are not placed, */
  readonly unread: bigint;
  /** writes that are placed, */
  readonly written: bigint;
  /** and writes that are neither placed nor covered by one that was placed after they began. */
  readonly owed: bigint;
}

/** States of which none makes another one needless: of the same value, with no more to do, and no fewer writes to do it with. */
export class Frontier {
  readonly #byValue = new Map<number, State[]>();
  readonly #onAdd: (compared: number, held: number) => void;
  #held = 0;

  constructor(onAdd: (compared: number, held: number) => void) {
    this.#onAdd = onAdd;
  }

  add(state: State): void {
    const known = this.#byValue.get(state.value) ?? [];
    this.#onAdd(1 + known.length, this.#held);
    if (known.some((other) => isNeedless(state, other))) return;
    const kept = known.filter((other) => !isNeedless(other, state));
    kept.push(state);
    this.#held += kept.length - known.length;
    this.#byValue.set(state.value, kept);
  }

  states(): State[] {
    return [...this.#byValue.values()].flat();
  }
}

function isNeedless(state: State, beside: State): boolean {
  return (beside.unread & ~state.unread) === 0n && (beside.written & ~state.written) === 0n && (beside.owed & ~state.owed) === 0n;
}
