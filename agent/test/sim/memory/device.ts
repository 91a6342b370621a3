/** The bytes of the device, and what a power-off left uncertain about them. Counted in words of 4 bytes and lines of 16 words. */
import { MemoryFault } from '../memory-profile.ts';
import type { ChangedPages } from './changed-pages.ts';

export const wordsPerLine = 16;

/** How many options there are; answers one of them, from 0. */
export type Choose = (options: number) => number;

/** A state of a line that may be what the device holds. */
interface Version {
  readonly words: Int32Array;
  /** Had this been written back last, something newer was lost with the machine, and the line is poisoned. */
  readonly isPoisoned: boolean;
}

export interface DeviceState {
  readonly undecided: ReadonlyMap<number, readonly Version[]>;
  readonly poisoned: ReadonlyMap<number, Uint8Array>;
}

export class Device {
  readonly words: Int32Array;
  readonly #choose: Choose;
  readonly #changed: ChangedPages | undefined;
  /** Lines of crashed machines: which version was written back in time is decided when somebody looks (rule 10). */
  #undecided = new Map<number, readonly Version[]>();
  /** Lines that fault when read: 1 for each word that was not yet written again. */
  #poisoned = new Map<number, Uint8Array>();

  constructor(words: Int32Array, choose: Choose, changed?: ChangedPages) {
    this.words = words;
    this.#choose = choose;
    this.#changed = changed;
  }

  /** To be called before the line is read, or written in part. */
  decide(line: number): void {
    if (this.#undecided.size === 0) return;
    const versions = this.#undecided.get(line);
    if (versions === undefined) return;
    this.#undecided.delete(line);
    const version = versions[this.#choose(versions.length)]!;
    this.#set(line, version.words);
    if (version.isPoisoned) this.poison(line);
  }

  decideAll(): void {
    for (const line of [...this.#undecided.keys()]) this.decide(line);
  }

  /** A machine died with the line dirty: what it had written is here, oldest first, what the device has is a version too. */
  lose(line: number, written: readonly Int32Array[], poisons: boolean): void {
    const present = this.#undecided.get(line) ?? [{ words: this.#copyOf(line), isPoisoned: poisons }];
    const last = written.length - 1;
    const added = written.map((words, index) => ({ words, isPoisoned: poisons && index < last }));
    this.#undecided.set(line, distinct([...present, ...added]));
  }

  poison(line: number): void {
    this.#poisoned.set(line, new Uint8Array(wordsPerLine).fill(1));
  }

  writeLine(line: number, words: Int32Array): void {
    this.#undecided.delete(line);
    this.#set(line, words);
  }

  writeWord(index: number, value: number): void {
    this.decide(index >> 4);
    this.#changed?.mark(index << 2);
    this.words[index] = value;
  }

  /** A word was stored, in a cache or here: it is no longer lost. */
  heal(index: number): void {
    if (this.#poisoned.size === 0) return;
    const words = this.#poisoned.get(index >> 4);
    if (words === undefined) return;
    words[index & 15] = 0;
    if (!words.includes(1)) this.#poisoned.delete(index >> 4);
  }

  /** To be called before a load is answered from the line, in whatever cache it is. */
  refusePoison(line: number): void {
    if (this.#poisoned.size > 0 && this.#poisoned.has(line)) {
      throw new MemoryFault(`a load from the poisoned line at ${line * 64}`);
    }
  }

  #set(line: number, words: Int32Array): void {
    this.#changed?.mark(line << 6);
    this.words.set(words, line * wordsPerLine);
  }

  #copyOf(line: number): Int32Array {
    return this.words.slice(line * wordsPerLine, (line + 1) * wordsPerLine);
  }

  state(): DeviceState {
    return {
      undecided: new Map(this.#undecided),
      poisoned: new Map([...this.#poisoned].map(([line, words]) => [line, words.slice()])),
    };
  }

  become({ undecided, poisoned }: DeviceState): void {
    this.#undecided = new Map(undecided);
    this.#poisoned = new Map([...poisoned].map(([line, words]) => [line, words.slice()]));
  }
}

/** Two equal versions are one choice; the poisoned of two equal ones stays beside the sound one. */
function distinct(versions: readonly Version[]): readonly Version[] {
  const seen = new Map<string, Version>();
  for (const version of versions) seen.set(`${version.words.join()} ${version.isPoisoned}`, version);
  return [...seen.values()];
}
