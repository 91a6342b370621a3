/** The packed words of the pool, unpacked; agent/core/layout packs them and draws their pictures. */
import { constants } from '../layout/index.ts';

function bits(word: bigint, from: number, count: number): number {
  return Number((word >> BigInt(from)) & ((1n << BigInt(count)) - 1n));
}

export function unpackFormatWord(word: bigint) {
  return { state: bits(word, 0, 8), machine: bits(word, 8, 16), reserved: bits(word, 24, 8), process: bits(word, 32, 32) };
}

export function unpackClientWord(word: bigint) {
  return { state: bits(word, 0, 3), machine: bits(word, 3, 7), process: bits(word, 10, 22), incarnation: bits(word, 32, 32) };
}

export function unpackRecoveryClaim(word: bigint) {
  return { recovererPlusOne: bits(word, 0, 10), recovererIncarnation: bits(word, 10, 32), deadIncarnation: bits(word, 42, 22) };
}

export function unpackServiceWord(word: bigint) {
  return { slotPlusOne: bits(word, 0, 16), reserved: bits(word, 16, 16), epoch: bits(word, 32, 32) };
}

export function unpackConnectionWord(word: bigint) {
  return {
    state: bits(word, 0, 4),
    server: bits(word, 4, 10),
    caller: bits(word, 14, 10),
    serverClosed: (word & constants.SERVER_CLOSED) !== 0n,
    callerClosed: (word & constants.CALLER_CLOSED) !== 0n,
    reserved: bits(word, 26, 6),
    epoch: bits(word, 32, 32),
  };
}

export function unpackLockWord(word: bigint) {
  return { clientPlusOne: bits(word, 0, 16), reserved: bits(word, 16, 16), incarnation: bits(word, 32, 32) };
}

export function unpackLockBlockWord(word: bigint) {
  return { nextPlusOne: bits(word, 0, 32), count: bits(word, 32, 32) };
}

const hashMask = (1n << 64n) - 1n;

/** What agent/core/rpc/directory.ts computes for a name, from its 64 zero-padded bytes. Never 0. */
export function serviceHash(name: DataView, nameBytes: number): bigint {
  let hash = 0xcbf29ce484222325n ^ BigInt(nameBytes);
  for (let at = 0; at < constants.NAME_LIMIT_BYTES; at += 8) {
    hash = ((hash ^ name.getBigUint64(at, true)) * 0x9e3779b97f4a7c15n) & hashMask;
    hash ^= hash >> 29n;
  }
  return hash === 0n ? 1n : hash;
}

/** A word that holds an offset, or 0: as a number, of which anything above 2^53 is as wrong as anything above the pool. */
export function wordAt(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 2 ** 32;
}
