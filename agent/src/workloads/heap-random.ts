/** A small generator (xorshift32): the same seed, the same choices, on every machine. */
export class Random {
  #state: number;

  constructor(seed: number) {
    // Neighbouring seeds shall not give neighbouring streams; 0 is the one state that it cannot leave.
    this.#state = Math.imul(seed + 1, 0x9e3779b1) >>> 0 || 1;
    for (let turn = 0; turn < 8; turn++) this.below(2);
  }

  /** An integer from 0 to `limit` - 1. */
  below(limit: number): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state >>> 0;
    return this.#state % limit;
  }

  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }
}
