/**
 * One copy of the bytes in which every access takes effect at once, in the order of the schedule: sequentially consistent, and the
 * fast default for crash sweeps and schedules. What it cannot show, a cache can: see write-back.ts.
 */
import { isFlush, kinds, type MemoryExtent, type MemoryProfile } from '../memory-profile.ts';
import { ChangedPages } from './changed-pages.ts';

export const coherentMemory = (extent: MemoryExtent): CoherentMemory => new CoherentMemory(extent.sizeBytes);

export class CoherentMemory implements MemoryProfile {
  readonly bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly changed: ChangedPages;
  readonly problems = [];
  upper = 0;

  /** While on, `hashLow` and `hashHigh` follow the contents: equal contents, equal hashes. */
  isHashing = false;
  hashLow = 0;
  hashHigh = 0;

  constructor(sizeBytes: number) {
    this.bytes = new Uint8Array(sizeBytes);
    this.#words = new Int32Array(this.bytes.buffer);
    this.changed = new ChangedPages(this.bytes);
  }

  access(
    _client: number,
    _machine: number,
    what: number,
    address: number,
    low: number,
    high: number,
    expectedLow: number,
    expectedHigh: number,
  ): number {
    const kind = what & 15;
    if (isFlush(what)) return 0;
    const sizeBytes = (what >> 4) & 15;
    if ((address & (sizeBytes - 1)) !== 0) throw new Error(`an access of ${sizeBytes} bytes at ${address} is not aligned`);
    const words = this.#words;
    const index = address >> 2;
    const before = words[index];
    if (before === undefined) throw new Error(`an access at ${address} is outside the memory`);
    const upper = sizeBytes === 8 ? words[index + 1]! : 0;
    this.upper = upper;
    if (kind === kinds.load) return before;

    let newLow = low;
    let newHigh = sizeBytes === 8 ? high : upper;
    if (kind === kinds.swap) {
      if (before !== (expectedLow | 0) || upper !== (expectedHigh | 0)) return before;
    } else if (kind === kinds.add) {
      const sum = (before >>> 0) + (low >>> 0);
      newLow = sum | 0;
      newHigh = (upper + high + (sum > 0xffffffff ? 1 : 0)) | 0;
    } else if (kind === kinds.or) {
      newLow = before | low;
      newHigh = upper | high;
    }
    this.changed.mark(address);
    if (this.isHashing) {
      this.#rehash(index, before, newLow | 0);
      if (sizeBytes === 8) this.#rehash(index + 1, upper, newHigh | 0);
    }
    words[index] = newLow;
    if (sizeBytes === 8) words[index + 1] = newHigh;
    return before;
  }

  /** The hash is the exclusive or of one hash a word, so a write takes its word's old hash out and puts the new one in. */
  #rehash(index: number, before: number, after: number): void {
    this.hashLow ^= mix(index, before, 0x9e3779b1) ^ mix(index, after, 0x9e3779b1);
    this.hashHigh ^= mix(index, before, 0xc2b2ae35) ^ mix(index, after, 0xc2b2ae35);
  }

  endClient(): void {}

  /** There is no cache, so nothing can be lost: what this shows of a power-off is the clients' end. */
  crashMachine(): void {}

  settle(): void {}

  reseed(): void {}

  expose(address: number, sizeBytes: number): void {
    this.changed.expose(address, sizeBytes);
  }

  snapshot(): Uint8Array {
    return this.changed.snapshot();
  }

  restore(snapshot: unknown): void {
    this.changed.restore(snapshot as Uint8Array);
    this.hashLow = 0;
    this.hashHigh = 0;
  }
}

function mix(index: number, value: number, factor: number): number {
  let mixed = Math.imul(value ^ Math.imul(index, factor), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13) ^ index, factor);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x27d4eb2f);
  return mixed ^ (mixed >>> 16);
}
