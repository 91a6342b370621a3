/** The packed words of the heap, taken apart as agent/core/layout draws them. */

export function unpackSegmentWord(word: bigint): {
  readonly state: number;
  readonly ownerPlusOne: number;
  readonly position: number;
  readonly incarnation: number;
} {
  const low = Number(word & 0xffffffffn);
  return { state: low & 15, ownerPlusOne: (low >>> 4) & 0xfff, position: low >>> 16, incarnation: Number(word >> 32n) };
}

export function unpackPageWord(word: bigint): {
  readonly kind: number;
  readonly sizeClass: number;
  readonly run: number;
  readonly blockBytes: number;
} {
  const low = Number(word & 0xffffffffn);
  return { kind: low & 0xff, sizeClass: (low >>> 8) & 0xff, run: low >>> 16, blockBytes: Number(word >> 32n) };
}

/** In two halves, because there is one for every object. */
export function unpackReferenceWord(
  low: number,
  high: number,
): { readonly clientPlusOne: number; readonly count: number; readonly era: number } {
  return { clientPlusOne: high >>> 22, count: (high >>> 8) & 0x3fff, era: (high & 0xff) * 2 ** 32 + low };
}

export function unpackQueueWord(word: bigint): {
  readonly epoch: number;
  readonly state: number;
  readonly sender: number;
  readonly receiver: number;
  readonly senderClosed: boolean;
  readonly receiverClosed: boolean;
  readonly drainedByReceiver: boolean;
} {
  const low = Number(word & 0xffffffffn);
  return {
    epoch: Number(word >> 32n),
    state: low & 3,
    sender: (low >>> 12) & 0x3ff,
    receiver: low >>> 22,
    senderClosed: (low & 4) !== 0,
    receiverClosed: (low & 8) !== 0,
    drainedByReceiver: (low & 16) !== 0,
  };
}
