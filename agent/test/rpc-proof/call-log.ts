/**
 * What every call came to, kept where no death of a process loses it: behind the history, in the same file. Each byte has one writer at a
 * time: executions the server of the call's connection, outcomes the caller.
 */
import type { MappedPool } from '../../src/pool/pool.ts';

/** The history proper, before the log. */
export const historySizeBytes = 1024 * 1024;
/** Processes that call, one after the other: each has its own numbers. */
export const callerLimit = 32;
const headerBytes = 4096;

export const outcome = { none: 0, begun: 1, answered: 2, unknown: 3, notSent: 4, givenUp: 5 } as const;

export interface LogShape {
  /** Calls of one caller, at most. */
  readonly calls: number;
}

export function logBytes({ calls }: LogShape): number {
  return Math.ceil((headerBytes + 2 * callerLimit * calls) / 4096) * 4096;
}

/** `words`: 0 = stop; 16 + caller = calls that the caller began; 64 + caller = of those, how many ended; 128 + server = what it complained of. */
export class CallLog {
  readonly words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #calls: number;

  constructor(bytes: Uint8Array, { calls }: LogShape) {
    this.#bytes = bytes;
    this.#calls = calls;
    this.words = new Int32Array(bytes.buffer, bytes.byteOffset, headerBytes / 4);
  }

  static of(mapped: MappedPool, shape: LogShape): CallLog {
    const at = mapped.historyBase + historySizeBytes;
    return new CallLog(new Uint8Array(mapped.memory.buffer, at, logBytes(shape)), shape);
  }

  get isStopped(): boolean {
    return Atomics.load(this.words, 0) !== 0;
  }

  stop(): void {
    Atomics.store(this.words, 0, 1);
  }

  executions(caller: number): Uint8Array {
    const at = headerBytes + caller * this.#calls;
    return this.#bytes.subarray(at, at + this.#calls);
  }

  outcomes(caller: number): Uint8Array {
    const at = headerBytes + (callerLimit + caller) * this.#calls;
    return this.#bytes.subarray(at, at + this.#calls);
  }

  begun(caller: number): number {
    return Atomics.load(this.words, 16 + caller);
  }

  ended(): number {
    let sum = 0;
    for (let caller = 0; caller < callerLimit; caller++) sum += Atomics.load(this.words, 64 + caller);
    return sum;
  }

  /** Requests that came out of order, twice, or not as they were sent. */
  complaints(): number {
    return Atomics.load(this.words, 128);
  }

  complain(): void {
    Atomics.add(this.words, 128, 1);
  }
}
