/** The lines that one machine has in its cache, shared by all its clients. A line that is not here is Invalid. */
import { wordsPerLine } from './device.ts';

export interface CachedLine {
  readonly line: number;
  readonly words: Int32Array;
  isDirty: boolean;
  /** While dirty: what the line was before its last store, back to the last moment at which the device certainly got it. */
  versions: Int32Array[];
  /** Its place in `MachineCache.resident`. */
  place: number;
}

export class MachineCache {
  readonly #lines = new Map<number, CachedLine>();
  /** The same lines in no order, to draw one of them. */
  readonly resident: CachedLine[] = [];

  get(line: number): CachedLine | undefined {
    return this.#lines.get(line);
  }

  /** Clean, with the device's words. */
  fill(line: number, device: Int32Array): CachedLine {
    const words = device.slice(line * wordsPerLine, (line + 1) * wordsPerLine);
    return this.#add({ line, words, isDirty: false, versions: [], place: this.resident.length });
  }

  #add(entry: CachedLine): CachedLine {
    this.#lines.set(entry.line, entry);
    this.resident.push(entry);
    return entry;
  }

  drop({ line, place }: CachedLine): void {
    this.#lines.delete(line);
    const last = this.resident.pop()!;
    if (last.line === line) return;
    this.resident[place] = last;
    last.place = place;
  }

  copy(): MachineCache {
    const copy = new MachineCache();
    for (const { line, words, isDirty, versions, place } of this.resident) {
      copy.#add({ line, words: words.slice(), isDirty, versions: [...versions], place });
    }
    return copy;
  }
}
