/**
 * How the soak and its workers talk: words in the region of the coherence gate, which nobody else uses meanwhile. A worker looks at
 * them between two operations; the soak, and whoever dies at a crash point, can see at any time what everybody is doing.
 */
import { constants } from '../../src/layout/index.ts';
import type { Core } from '../../src/pool/pool.ts';

export const lineLimit = 16;
const lineBytes = 256;
const pauseOffset = constants.GATE_OFFSET + lineLimit * lineBytes;

export const warm = 1;
export const working = 2;

export const commands = { none: 0, work: 1, arm: 2, recover: 3 } as const;

/** Words of 32 bits of a worker's line. The first two are one word of 64: the number of the newest command. */
const words = {
  command: 0,
  kind: 2,
  first: 3,
  second: 4,
  done: 5,
  answer: 6,
  state: 7,
  operation: 8,
  operations: 9,
  paused: 10,
  seen: 11,
  others: 16,
};
type Word = keyof typeof words;

export class Line {
  readonly number: number;
  readonly #words: Uint32Array<SharedArrayBuffer>;

  constructor(core: Core, number: number) {
    this.number = number;
    this.#words = new Uint32Array(
      core.bytes.buffer,
      core.mapped.poolBase + constants.GATE_OFFSET + number * lineBytes,
      lineBytes / 4,
    );
  }

  get(word: Word): number {
    return Atomics.load(this.#words, words[word]);
  }

  set(word: Word, value: number): void {
    Atomics.store(this.#words, words[word], value);
  }

  clear(): void {
    this.#words.fill(0);
  }

  /** Returns its number, which `done` will show. */
  command(kind: number, first = 0, second = 0): number {
    const number = this.get('command') + 1;
    this.set('kind', kind);
    this.set('first', first);
    this.set('second', second);
    this.set('command', number);
    return number;
  }

  /** What another line said when this one's worker died. */
  noteOther(number: number, operation: number): void {
    Atomics.store(this.#words, words.others + number, operation);
  }

  other(number: number): number {
    return Atomics.load(this.#words, words.others + number);
  }
}

export function commandOffset(core: Core, number: number): number {
  return core.mapped.poolBase + constants.GATE_OFFSET + number * lineBytes;
}

/** Odd: everybody stops at the next boundary between two operations. */
export function pauseOffsetOf(core: Core): number {
  return core.mapped.poolBase + pauseOffset;
}

export function pauseWord(core: Core): Uint32Array<SharedArrayBuffer> {
  return new Uint32Array(core.bytes.buffer, pauseOffsetOf(core), 2);
}
