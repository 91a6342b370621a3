/**
 * How the device behaves between machines: the seam where a write-back cache per machine goes (memory-model.md). COH is one copy of
 * the bytes in which every access takes effect at once, in the order of the schedule.
 */

/** One access of the core, as agent/core/memory/traced.ts announces it. Values are 32-bit halves. */
export interface Access {
  /** kind | size << 4 | order << 8 */
  readonly what: number;
  readonly address: number;
  readonly site: number;
  readonly low: number;
  readonly high: number;
  readonly expectedLow: number;
  readonly expectedHigh: number;
}

export interface MemoryProfile {
  /** The device's bytes, for inspection between steps. */
  readonly bytes: Uint8Array;
  /** Makes an access for a client of this machine; returns the lower half of its result, `upper` holds the other. */
  access(machine: number, access: Access): number;
  readonly upper: number;
}

/** Kinds of access: the lowest four bits of `what`, as agent/core/memory/traced.ts numbers them. */
export const kinds = { load: 0, store: 1, swap: 2, add: 3, or: 4, writeBack: 5, storeFence: 6 } as const;

/** A write-back and a fence change no byte that anybody reads. */
export const isWrite = ({ what }: Access): boolean => (what & 15) >= kinds.store && (what & 15) <= kinds.or;

export class CoherentMemory implements MemoryProfile {
  readonly bytes: Uint8Array;
  readonly #words: Int32Array;
  upper = 0;

  constructor(sizeBytes: number) {
    this.bytes = new Uint8Array(sizeBytes);
    this.#words = new Int32Array(this.bytes.buffer);
  }

  access(_machine: number, { what, address, low, high, expectedLow, expectedHigh }: Access): number {
    const kind = what & 15;
    if (kind === kinds.storeFence) return 0;
    const sizeBytes = kind === kinds.writeBack ? 1 : (what >> 4) & 15;
    if (address % sizeBytes !== 0) throw new Error(`an access of ${sizeBytes} bytes at ${address} is not aligned`);
    if (address + sizeBytes > this.bytes.length) throw new Error(`an access at ${address} is outside the memory`);
    const words = this.#words;
    const index = address >> 2;
    const before = words[index]!;
    this.upper = sizeBytes === 8 ? words[index + 1]! : 0;
    if (kind === kinds.writeBack) return 0;
    if (kind === kinds.store) {
      words[index] = low;
      if (sizeBytes === 8) words[index + 1] = high;
    } else if (kind === kinds.swap) {
      if (before === (expectedLow | 0) && this.upper === (expectedHigh | 0)) {
        words[index] = low;
        words[index + 1] = high;
      }
    } else if (kind === kinds.add) {
      const sum = (before >>> 0) + (low >>> 0);
      words[index] = sum | 0;
      words[index + 1] = this.upper + high + (sum > 0xffffffff ? 1 : 0);
    } else if (kind === kinds.or) {
      words[index] = before | low;
      words[index + 1] = this.upper | high;
    }
    return before;
  }
}
