import { KvError, type KvStore } from '../kv/index.ts';
import { AgentError } from '../protocol/agent-error.ts';

/** Key, version, checksum: the least that a value needs to say whose it is and that it is whole. */
export const valueLeastBytes = 12;

/** What is wrong with a value, if anything. */
export type Flaw = 'torn' | 'of another key' | 'of an older version' | 'missing';

/**
 * Writes values that say whose they are, and reads them: each carries its key, its version and a checksum over all of its words, which
 * follow from both. So a value that is torn, or memory that is used again under a reader, does not go unnoticed.
 */
export class KvValues {
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  /** Of the value that was read last. */
  version = 0;

  /** `sizeBytes`: a multiple of 4. */
  constructor(sizeBytes: number) {
    this.#words = new Uint32Array(sizeBytes / 4);
    this.#bytes = new Uint8Array(this.#words.buffer);
  }

  /** The bytes to put; they are used again by the next call. */
  make(key: number, version: number): Uint8Array {
    const words = this.#words;
    const last = words.length - 1;
    words[0] = key;
    words[1] = version;
    for (let index = 2; index < last; index++) words[index] = wordOf(key, version, index);
    words[last] = checksum(words, last);
    return this.#bytes;
  }

  /** Gets a key's value and looks at all of it. Undefined when there is none; else what is wrong with it, or ''. Leaves its `version`. */
  look(store: KvStore, key: number): Flaw | '' | undefined {
    const length = store.getInto(key, this.#bytes);
    this.version = 0;
    if (length < 0) return undefined;
    const words = this.#words;
    const last = words.length - 1;
    if (length !== this.#bytes.length || words[last] !== checksum(words, last)) return 'torn';
    if (words[0] !== key) return 'of another key';
    const version = words[1]!;
    for (let index = 2; index < last; index++) if (words[index] !== wordOf(key, version, index)) return 'torn';
    this.version = version;
    return '';
  }
}

function wordOf(key: number, version: number, index: number): number {
  return (Math.imul(key ^ Math.imul(version, 0x9e3779b1), 0x85ebca6b) + Math.imul(index, 0xc2b2ae35)) >>> 0;
}

function checksum(words: Uint32Array, count: number): number {
  let sum = 0x811c9dc5;
  for (let index = 0; index < count; index++) sum = Math.imul(sum ^ words[index]!, 0x01000193);
  return sum >>> 0;
}

/** Makes this worker the writer of these partitions. Throws AgentError PARTITION_BUSY. */
export function claimAll(store: KvStore, partitions: readonly number[]): void {
  for (const partition of partitions) {
    try {
      if (store.claim(partition)) continue;
    } catch (error) {
      if (!(error instanceof KvError)) throw error;
      throw new AgentError('BAD_PARAMETERS', `partition ${partition} cannot be claimed`, { cause: error });
    }
    throw new AgentError('PARTITION_BUSY', `another client writes partition ${partition}`, {
      hint: 'give each worker partitions of its own; those of a dead worker are free once it is recovered',
    });
  }
}
