/**
 * The door of the traced core (agent/core/memory/traced.ts), passing through to the mapped pool: every access is real, and counted,
 * so that a worker can die before its n-th one, whether a crash point is there or not; and a deliberate mistake of docs/mutants.md can be
 * switched on. Slow: each access is a call.
 */
import type { MappedPool } from './map.ts';

/** What a traced access is, from its `what`: kind | size << 4 | order << 8. */
const kinds = { load: 0, store: 1, swap: 2, add: 3, or: 4, writeBack: 5, storeThrough: 9 } as const;
const ownOrder = 2;

export interface CountedAccess {
  readonly imports: {
    access(
      what: number,
      address: number,
      site: number,
      low: number,
      high: number,
      expectedLow: number,
      expectedHigh: number,
    ): number;
    upperHalf(): number;
    mutant(): number;
  };
  /** From here on accesses are counted; instead of the `last`-th, `die` is called, which does not return. */
  begin(last: number): void;
}

export function countedAccess(
  { memory }: MappedPool,
  die: (what: number, address: number, site: number) => never,
  mutant = 0,
): CountedAccess {
  const words = new Int32Array(memory.buffer);
  const pairs = new BigInt64Array(memory.buffer);
  let upper = 0;
  let left = Number.POSITIVE_INFINITY;

  const narrow = (kind: number, at: number, low: number): number => {
    if (kind === kinds.load) return Atomics.load(words, at);
    if (kind === kinds.store) return Atomics.store(words, at, low);
    throw new Error(`the core has no access of kind ${kind} to 32 bits`);
  };
  const wide = (kind: number, at: number, value: bigint, expected: () => bigint): bigint => {
    if (kind === kinds.load) return Atomics.load(pairs, at);
    if (kind === kinds.swap) return Atomics.compareExchange(pairs, at, expected(), value);
    if (kind === kinds.add) return Atomics.add(pairs, at, value);
    if (kind === kinds.or) return Atomics.or(pairs, at, value);
    if (kind === kinds.store || kind === kinds.storeThrough) return Atomics.store(pairs, at, value);
    throw new Error(`the core has no access of kind ${kind} to 64 bits`);
  };
  return {
    imports: {
      access(what, address, site, low, high, expectedLow, expectedHigh) {
        const kind = what & 15;
        // Where machines share a coherent cache, writing back and fences change nothing that can be read.
        if (kind >= kinds.writeBack && kind !== kinds.storeThrough) return 0;
        if (what >> 8 !== ownOrder && --left === 0) die(what, address >>> 0, site);
        if (((what >> 4) & 15) === 4) return narrow(kind, address >>> 2, low);
        const before = wide(kind, address >>> 3, joined(low, high), () => joined(expectedLow, expectedHigh));
        upper = Number(before >> 32n);
        return Number(BigInt.asIntN(32, before));
      },
      upperHalf: () => upper,
      mutant: () => mutant,
    },
    begin: (last) => {
      left = last;
    },
  };
}

function joined(low: number, high: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}
