import { codes, constants } from '../layout/index.ts';
import { Ref } from '../shm/ref.ts';
import type { Session } from '../shm/session.ts';
import { KvError } from './kv-error.ts';
import type { StoreShape } from './open-store.ts';

/** An integer from 0 to 2^64 - 1. */
export type Key = number | bigint;

/** From the node that the core answers with to its value, and from an object's payload to that node. */
const valueOffset = constants.KV_NODE_DATA_BYTES;
const nodeOffset = constants.KV_NODE_REFERENCES * 8;

/**
 * A store as one thread uses it. Whoever claimed a key's partition puts and deletes it; everybody gets it, at any time, without waiting for
 * anybody, also while the writer is dead. A put replaces the value for all readers at once. For each key gets, puts and deletes are
 * linearizable. Calls throw HeapError as well: HEAP_FULL, QUOTA, FENCED, RETIRED, HEAP_CLOSED.
 */
export class KvStore {
  readonly shape: StoreShape;
  readonly #session: Session;
  readonly #ref: Ref;
  /** 0 once closed. */
  #root: number;
  readonly #bytes: Uint8Array<SharedArrayBuffer>;
  readonly #base: number;
  readonly #claimed = new Set<number>();
  /** Of all stores of this thread: it has one pair of hazards. */
  readonly #looking: { isLooking: boolean };
  // Halves of the key in hand: a number that is returned costs nothing, a pair does.
  #low = 0;
  #high = 0;

  /** For `openStore`. The store takes the ref over. */
  constructor(session: Session, ref: Ref, shape: StoreShape) {
    this.shape = shape;
    this.#session = session;
    this.#ref = ref;
    this.#root = Ref.rootOf(ref, session, 'opening a store');
    this.#bytes = session.core.bytes;
    this.#base = session.core.pool.byteOffset;
    this.#looking = lookingOf(session);
  }

  /**
   * Makes this client the one that changes a partition, until `letGo`, `close`, or its end. False while another one is: who is there, or
   * died and is not recovered. Again: true. Throws BAD_PARTITION.
   */
  claim(partition: number): boolean {
    const code = this.#session.exports.kvClaim(this.#root, this.#partition(partition));
    if (code === codes.BUSY) return false;
    if (code !== codes.OK && code !== codes.ALREADY) throw this.#refusal(`claiming partition ${partition}`, code);
    this.#claimed.add(partition);
    return true;
  }

  /** Lets another client claim the partition. Throws BAD_PARTITION, NOT_WRITER. */
  letGo(partition: number): void {
    const code = this.#session.exports.kvYield(this.#root, this.#partition(partition));
    if (code === codes.BAD_ARGUMENT && this.#root !== 0)
      throw this.#refusal(`letting go of partition ${partition}`, codes.REFUSED);
    if (code !== codes.OK) throw this.#refusal(`letting go of partition ${partition}`, code);
    this.#claimed.delete(partition);
  }

  /** In which partition the key is. */
  partitionOf(key: Key): number {
    this.#split(key);
    if (this.#root === 0) throw this.#refusal('looking for a partition', codes.BAD_ARGUMENT);
    return this.#session.exports.kvPartition(this.#root, this.#low, this.#high);
  }

  /** Stores a copy of the value, at once for all readers. Whether the key had a value before. Throws NOT_WRITER, BAD_KEY, HEAP_FULL. */
  put(key: Key, value: Uint8Array): boolean {
    this.#split(key);
    const root = this.#alloc(value.length);
    this.#bytes.set(value, this.#valueOfRoot(root));
    return this.#link(key, root, value.length);
  }

  /** As `put`, but `write` makes the value in the device's own bytes, which hold whatever was there. They are not to be used after it. */
  putWith(key: Key, sizeBytes: number, write: (bytes: Uint8Array<SharedArrayBuffer>) => void): boolean {
    this.#split(key);
    const { exports } = this.#session;
    const root = this.#alloc(sizeBytes);
    const at = this.#valueOfRoot(root);
    try {
      write(this.#bytes.subarray(at, at + sizeBytes));
    } catch (error) {
      exports.shmDrop(root);
      throw error;
    }
    this.#split(key);
    return this.#link(key, root, sizeBytes);
  }

  /** A copy of the key's value; undefined when it has none. Throws BAD_KEY, NESTED_READ. */
  get(key: Key): Uint8Array | undefined {
    const node = this.#find(key);
    if (node === 0) return undefined;
    const at = this.#base + node + valueOffset;
    const value = this.#bytes.slice(at, at + this.#session.exports.kvValueBytes(node));
    this.#session.exports.kvRelease();
    return value;
  }

  /** Copies the key's value to the start of `target`, as much as fits. How long the value is; -1 when there is none. */
  getInto(key: Key, target: Uint8Array): number {
    const node = this.#find(key);
    if (node === 0) return -1;
    const at = this.#base + node + valueOffset;
    const length = this.#session.exports.kvValueBytes(node);
    target.set(this.#bytes.subarray(at, at + Math.min(length, target.length)));
    this.#session.exports.kvRelease();
    return length;
  }

  /**
   * Looks at the key's value where it lies, without a copy; undefined when there is none. The bytes stay what they are until `use` returns,
   * whatever the writer does, and are not to be used after it. `use` may put, delete, and use the heap, but not get or read.
   */
  read<Result>(key: Key, use: (value: Uint8Array<SharedArrayBuffer>) => Result): Result | undefined {
    const node = this.#find(key);
    if (node === 0) return undefined;
    const at = this.#base + node + valueOffset;
    this.#looking.isLooking = true;
    try {
      return use(this.#bytes.subarray(at, at + this.#session.exports.kvValueBytes(node)));
    } finally {
      this.#looking.isLooking = false;
      this.#session.exports.kvRelease();
    }
  }

  /** Whether there is a value. */
  has(key: Key): boolean {
    const node = this.#find(key);
    if (node !== 0) this.#session.exports.kvRelease();
    return node !== 0;
  }

  /** Takes the key out for all readers at once; false when it had no value. Throws NOT_WRITER, BAD_KEY. */
  delete(key: Key): boolean {
    this.#split(key);
    const code = this.#session.exports.kvDelete(this.#root, this.#low, this.#high);
    if (code === codes.OK) return true;
    if (code === codes.NOT_FOUND) return false;
    throw this.#refusal(`deleting key ${key}`, code);
  }

  /**
   * The values of `count` keys from `first` on, as many as there are, in order. Keys are hashed, the store has no order of its own: this is
   * one get a key, and no snapshot.
   */
  *scan(first: number, count: number): Generator<readonly [key: number, value: Uint8Array]> {
    for (let key = first; key < first + count; key++) {
      const value = this.get(key);
      if (value !== undefined) yield [key, value];
    }
  }

  get isOpen(): boolean {
    return this.#root !== 0;
  }

  /** Lets go of the partitions that this store claimed. The keys stay. Again: nothing. */
  close(): void {
    if (this.#root === 0) return;
    if (this.#session.isOpen) {
      for (const partition of this.#claimed) this.#session.exports.kvYield(this.#root, partition);
      this.#ref.drop();
    }
    this.#root = 0;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Offset of the key's node, which a hazard of this thread names; 0 for none. */
  #find(key: Key): number {
    if (this.#looking.isLooking) {
      throw new KvError(
        'NESTED_READ',
        'a get within a `read`',
        'a thread looks at one value at a time: return from `read` first',
      );
    }
    this.#split(key);
    const node = this.#session.exports.kvGet(this.#root, this.#low, this.#high) >>> 0;
    if (node >= codes.CODE_LIMIT) return node;
    if (node === codes.NOT_FOUND) return 0;
    if (node === codes.BUSY) throw new KvError('UNSETTLED', `the bucket of key ${key} changed all the time`, 'try again');
    throw this.#refusal(`getting key ${key}`, node);
  }

  #alloc(sizeBytes: number): number {
    const size = constants.KV_NODE_DATA_BYTES + sizeBytes;
    const root = this.#session.exports.shmAlloc(size, constants.KV_NODE_REFERENCES) >>> 0;
    if (root < codes.CODE_LIMIT) {
      const isMemory = root === codes.HEAP_FULL || root === codes.QUOTA;
      throw isMemory
        ? this.#session.noMemory(`a value of ${sizeBytes} bytes`, size, root)
        : this.#refusal('storing a value', root);
    }
    return root;
  }

  /** Where the value of the node begins that a root of this client holds, in the linear memory. */
  #valueOfRoot(root: number): number {
    return this.#base + (this.#session.exports.shmPayload(root) >>> 0) + nodeOffset + valueOffset;
  }

  #link(key: Key, root: number, sizeBytes: number): boolean {
    const code = this.#session.exports.kvPut(this.#root, root, this.#low, this.#high, sizeBytes);
    if (code === codes.OK) return false;
    if (code === codes.ALREADY) return true;
    this.#session.exports.shmDrop(root);
    throw this.#refusal(`putting key ${key}`, code);
  }

  #split(key: Key): void {
    if (typeof key === 'number') {
      if (!Number.isSafeInteger(key) || key < 0) throw badKey(key);
      this.#low = key >>> 0;
      this.#high = Math.floor(key / 2 ** 32);
      return;
    }
    if (key < 0n || key >= 1n << 64n) throw badKey(key);
    this.#low = Number(key & 0xffffffffn);
    this.#high = Number(key >> 32n);
  }

  #partition(index: number): number {
    if (Number.isInteger(index) && index >= 0 && index < this.shape.partitions) return index;
    throw new KvError('BAD_PARTITION', `partition ${index} of ${this.shape.partitions}`, 'partitions are counted from 0');
  }

  #refusal(what: string, code: number): Error {
    if (this.#session.isOpen && this.#root === 0)
      return new KvError('STORE_CLOSED', `${what} was tried after the store was closed`);
    if (code === codes.REFUSED) {
      return new KvError(
        'NOT_WRITER',
        `${what} is not for this client`,
        '`claim` the partition first: `partitionOf` says which it is',
      );
    }
    if (code === codes.BAD_ARGUMENT) {
      return new KvError(
        'OTHER_STORE',
        `${what} found no store where it was`,
        'somebody wrote over the pool: `inspect` says what is damaged',
      );
    }
    return this.#session.refusal(what, code);
  }
}

const lookers = new WeakMap<Session, { isLooking: boolean }>();

function lookingOf(session: Session): { isLooking: boolean } {
  const known = lookers.get(session) ?? { isLooking: false };
  lookers.set(session, known);
  return known;
}

function badKey(key: Key): KvError {
  return new KvError('BAD_KEY', `${key} cannot be a key`, 'an integer from 0 to 2^64 - 1, above 2^53 - 1 as a bigint');
}
