/**
 * How memory behaves between machines: the seam behind which the profiles of memory/ stand. A profile is given every access of every
 * client, as plain numbers, because this is called some ten million times a second.
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

/** Kinds of access: the lowest four bits of `what`, as agent/core/memory/traced.ts numbers them. */
export const kinds = {
  load: 0,
  store: 1,
  swap: 2,
  add: 3,
  or: 4,
  writeBack: 5,
  storeFence: 6,
  invalidate: 7,
  fullFence: 8,
  storeThrough: 9,
  prefetch: 10,
} as const;
export type Kind = keyof typeof kinds;

/** Flushes, fences and prefetches change no byte. */
export const isWrite = (what: number): boolean =>
  ((what & 15) >= kinds.store && (what & 15) <= kinds.or) || (what & 15) === kinds.storeThrough;

export const isFlush = (what: number): boolean => (what & 15) >= kinds.writeBack && (what & 15) !== kinds.storeThrough;

/** A store that publishes (an xchg on x86), not one that waits in the store buffer. */
export const isAtomic = (what: number): boolean => what >> 8 === 1;

/** Where the parts of a simulated address space lie. What is not the pool (history, scratch) is never cached. */
export interface MemoryExtent {
  readonly sizeBytes: number;
  readonly poolBase: number;
  readonly poolSizeBytes: number;
}

export type MemoryMaker = (extent: MemoryExtent) => MemoryProfile;

/** A read that the hardware answers with an error: the client that made it dies of it. */
export class MemoryFault extends Error {
  override readonly name = 'MemoryFault';
}

/** How a machine ends when its power goes. */
export interface MachineCrash {
  /** Global persistent flush: every dirty line reaches the device. */
  readonly persistsCaches?: boolean;
  /** Lines that were lost fault when they are read, until every byte of them was written again. */
  readonly poisonsLostLines?: boolean;
}

export interface MemoryProfile {
  /** The device's bytes, for inspection between steps; without `settle`, lines that are still in a cache are not there. */
  readonly bytes: Uint8Array;
  /** The upper half of the last access's result. */
  readonly upper: number;
  /** Makes an access for a client, given by its index, of a machine; returns the lower half of its result. */
  access(
    client: number,
    machine: number,
    what: number,
    address: number,
    low: number,
    high: number,
    expectedLow: number,
    expectedHigh: number,
  ): number;
  /** SIGKILL: what the client stored is on its way and arrives; its machine's cache stays. */
  endClient(client: number, machine: number): void;
  /** Power-off: what was in store buffers and cache of the machine is gone. */
  crashMachine(machine: number, how: MachineCrash): void;
  /** Everything that is on its way arrives, so that `bytes` is what everybody sees. In the middle of a run it hides what is missing. */
  settle(): void;
  /** Somebody may write these bytes past the profile, now or later. */
  expose(address: number, sizeBytes: number): void;
  /** What no device of this profile can do right, and was asked for; as sentences. */
  readonly problems: readonly string[];
  /** Draws anew what is left to chance. */
  reseed(seed: number): void;
  snapshot(): unknown;
  restore(snapshot: unknown): void;
}
