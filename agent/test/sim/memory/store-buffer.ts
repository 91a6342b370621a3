/**
 * What a client has stored and flushed and nobody else sees yet. An entry leaves when nothing older blocks it (rules 2 and 3 of
 * memory-model.md).
 */

export const buffered = { store: 0, ntstore: 1, clflush: 2, clflushopt: 3, clwb: 4, sfence: 5 } as const;
export type Buffered = (typeof buffered)[keyof typeof buffered];

export interface Entry {
  readonly kind: Buffered;
  /** Of a store: the index of its first word; of a flush: of its line's first. */
  readonly index: number;
  readonly isWide: boolean;
  readonly low: number;
  readonly high: number;
}

export class StoreBuffer {
  readonly machine: number;
  entries: Entry[] = [];

  constructor(machine: number) {
    this.machine = machine;
  }

  push(entry: Entry): void {
    this.entries.push(entry);
  }

  /** The places of entries that may leave now. */
  leavers(): number[] {
    const places: number[] = [];
    for (let place = 0; place < this.entries.length; place++) {
      if (this.#mayLeave(place)) places.push(place);
    }
    return places;
  }

  #mayLeave(place: number): boolean {
    const younger = this.entries[place]!;
    for (let before = 0; before < place; before++) {
      if (blocks(this.entries[before]!, younger)) return false;
    }
    return true;
  }

  take(place: number): Entry {
    return this.entries.splice(place, 1)[0]!;
  }

  /** The newest value this client has on the way for a word; undefined when the line answers. */
  newest(index: number): number | undefined {
    for (let place = this.entries.length - 1; place >= 0; place--) {
      const { kind, index: first, isWide, low, high } = this.entries[place]!;
      if (kind > buffered.ntstore) continue;
      if (first === index) return low;
      if (isWide && first + 1 === index) return high;
    }
    return undefined;
  }
}

/** Rule 3. */
export function blocks(older: Entry, younger: Entry): boolean {
  if (older.kind === buffered.sfence || younger.kind === buffered.sfence) return true;
  const sameLine = older.index >> 4 === younger.index >> 4;
  const isFlush = younger.kind === buffered.clflush || younger.kind === buffered.clflushopt || younger.kind === buffered.clwb;
  switch (older.kind) {
    case buffered.store:
      return (
        younger.kind === buffered.store ||
        younger.kind === buffered.clflush ||
        (sameLine && (isFlush || younger.kind === buffered.ntstore))
      );
    case buffered.clflush:
      return younger.kind === buffered.store || younger.kind === buffered.clflush || (sameLine && isFlush);
    case buffered.ntstore:
      return sameLine;
    default:
      return false;
  }
}
