/** A handle of this thread on one object of the heap. */
import { codes, constants } from '../layout/index.ts';
import { foreignRef, HeapError, spentRef } from './heap-error.ts';
import type { SharedRoot } from './leak-watch.ts';
import type { Session } from './session.ts';

interface Data {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  view: DataView<SharedArrayBuffer> | undefined;
}

/**
 * Holds an object: it lives at least as long as the ref is not spent, by `drop` or by a `move` into a queue. Every use of a spent ref
 * throws SPENT_REF, except `using`, which lets it be. Calls on the pool throw HeapError: besides what is said at each, FENCED (this
 * client must stop), RETIRED, HEAP_CLOSED.
 *
 * Embedded references of an object have one writer at a time: `attach`, `detach` and `change` of an object are for the client that the
 * program says; anybody who holds the object may `acquire` meanwhile.
 */
export class Ref {
  readonly #session: Session;
  /** 0 once spent: the core refuses root 0, so that a use that is right pays for no look. */
  #root: number;
  /** Null for what nearly every ref is: the only handle on its root, and not watched. */
  #shared: SharedRoot | null = null;
  /** Made when first asked for. */
  #data: Data | null = null;

  constructor(session: Session, root: number) {
    this.#session = session;
    this.#root = root;
    if (--session.untilWatched === 0) this.#watch(session.leaks.next(root));
  }

  /** Makes the empty embedded reference `index` refer to what `target` holds. Throws OCCUPIED, COUNT_FULL, BAD_INDEX, FOREIGN_REF. */
  attach(index: number, target: Ref): void {
    if (index >>> 0 !== index || target.#session !== this.#session)
      throw this.#refusal('attach', codes.BAD_ARGUMENT, index, target);
    const code = this.#session.exports.shmAttach(this.#root, index, target.#root);
    if (code !== codes.OK) throw this.#refusal('attach', code, index, target);
  }

  /** Empties the embedded reference `index`; false when it was empty. Who was referred to last is gone then. Throws BAD_INDEX. */
  detach(index: number): boolean {
    if (index >>> 0 !== index) throw this.#refusal('detach', codes.BAD_ARGUMENT, index);
    const code = this.#session.exports.shmDetach(this.#root, index);
    if (code === codes.OK) return true;
    if (code === codes.EMPTY) return false;
    throw this.#refusal('detach', code, index);
  }

  /** Makes `index` refer to what `target` holds, whatever it referred to; no reader sees it empty. Throws COUNT_FULL, BAD_INDEX, FOREIGN_REF. */
  change(index: number, target: Ref): void {
    if (index >>> 0 !== index || target.#session !== this.#session)
      throw this.#refusal('change', codes.BAD_ARGUMENT, index, target);
    const code = this.#session.exports.shmChange(this.#root, index, target.#root);
    if (code !== codes.OK) throw this.#refusal('change', code, index, target);
  }

  /**
   * A ref of its own on what `index` refers to, also while another client changes that; undefined for an empty one.
   * Throws BAD_INDEX, COUNT_FULL, HEAP_FULL, QUOTA, BAD_OFFSET.
   */
  acquire(index: number): Ref | undefined {
    if (index >>> 0 !== index) throw this.#refusal('acquire', codes.BAD_ARGUMENT, index);
    const answer = this.#session.exports.shmAcquire(this.#root, index) >>> 0;
    if (answer >= codes.CODE_LIMIT) return new Ref(this.#session, answer);
    if (answer === codes.EMPTY) return undefined;
    throw this.#refusal('acquire', answer, index);
  }

  /** Another handle on the same root: nothing happens in the pool. The object is let go of with the last handle. */
  clone(): Ref {
    if (this.#root === 0) throw spentRef('clone');
    this.#shared ??= { root: this.#root, handles: 1, isWatched: false, stack: undefined };
    const shared = this.#shared;
    // The clone is watched when the root is: not by its own turn.
    this.#session.untilWatched += 1;
    const other = new Ref(this.#session, this.#root);
    shared.handles += 1;
    other.#shared = shared;
    if (shared.isWatched) this.#session.leaks.watch(other, shared);
    return other;
  }

  /** Lets go of the object and spends the ref. Throws SPENT_REF when it is spent already. */
  drop(): void {
    if (this.#shared !== null && !this.#leaveShared()) return;
    const code = this.#session.exports.shmDrop(this.#root);
    if (code !== codes.OK) throw this.#refusal('drop', code);
    this.#spend();
  }

  /** As `drop`, but lets a ref be that is spent, or whose heap is closed: for `using`. */
  [Symbol.dispose](): void {
    if (this.#root !== 0 && this.#session.isOpen) this.drop();
  }

  get isSpent(): boolean {
    return this.#root === 0;
  }

  /**
   * The object's data: the device's own bytes behind the embedded references, no copy. Other clients may write them at the same time. Not
   * to be used once the ref is spent: the bytes may be another object's then, and nothing can stop a view.
   */
  get bytes(): Uint8Array<SharedArrayBuffer> {
    return (this.#data ?? this.#makeData()).bytes;
  }

  /** The same bytes as `bytes`. */
  get view(): DataView<SharedArrayBuffer> {
    const data = this.#data ?? this.#makeData();
    data.view ??= new DataView(data.bytes.buffer, data.bytes.byteOffset, data.bytes.byteLength);
    return data.view;
  }

  /** Bytes of data that the object has room for: at least what was asked for. */
  get dataBytes(): number {
    const payload = this.#payload();
    const room = this.#session.blockBytes(payload - constants.OBJECT_HEADER_BYTES) - constants.OBJECT_HEADER_BYTES;
    return room - this.references * 8;
  }

  /** How many embedded references it has, used or not. */
  get references(): number {
    this.#payload();
    return this.#session.exports.shmReferences(this.#root);
  }

  /** How many references to the object there are at this moment, this ref's root included. */
  get count(): number {
    this.#payload();
    return this.#session.exports.shmCount(this.#root);
  }

  /** Offset of the payload from the start of the pool. */
  #payload(): number {
    const payload = this.#session.exports.shmPayload(this.#root) >>> 0;
    if (payload < codes.CODE_LIMIT) throw this.#refusal('a look at the object', codes.BAD_ARGUMENT);
    return payload;
  }

  #makeData(): Data {
    const { pool } = this.#session.core;
    const bytes = new Uint8Array(pool.buffer, pool.byteOffset + this.#payload() + this.references * 8, this.dataBytes);
    this.#data = { bytes, view: undefined };
    return this.#data;
  }

  #watch(shared: SharedRoot | null): void {
    this.#session.untilWatched = this.#session.leaks.interval;
    this.#shared = shared;
    if (shared !== null) this.#session.leaks.watch(this, shared);
  }

  /** Whether this was the last handle on the root, which is then to be dropped. Otherwise the ref is spent. */
  #leaveShared(): boolean {
    const shared = this.#shared;
    if (shared === null) return true;
    if (shared.isWatched) this.#session.leaks.unwatch(this);
    this.#shared = null;
    shared.handles -= 1;
    if (shared.handles === 0) return true;
    this.#spend();
    return false;
  }

  #spend(): void {
    this.#root = 0;
    this.#data = null;
  }

  #refusal(what: string, code: number, index?: number, target?: Ref): HeapError {
    if (code !== codes.BAD_ARGUMENT || !this.#session.isOpen) return this.#session.refusal(what, code);
    if (this.#root === 0 || target?.isSpent === true) return spentRef(what);
    if (target !== undefined && target.#session !== this.#session) return foreignRef(what);
    const references = this.#session.exports.shmReferences(this.#root);
    if (index !== undefined && (index >>> 0 !== index || index >= references)) {
      return new HeapError('BAD_INDEX', `${what} at ${index} of an object that has ${references} embedded references`, {
        hint: 'an object has as many as it was allocated with, counted from 0',
      });
    }
    return new HeapError('GONE', `${what} found nothing where the object should be`, {
      hint: 'somebody wrote over the pool: `inspect` says what is damaged',
    });
  }

  /** For queues and names: the root of a ref that is this session's and not spent. Throws FOREIGN_REF, SPENT_REF. */
  static rootOf(ref: Ref, session: Session, what: string): number {
    if (ref.#session !== session) throw foreignRef(what);
    if (ref.#root === 0) throw session.isOpen ? spentRef(what) : session.refusal(what, codes.NOT_JOINED);
    return ref.#root;
  }

  /** For queues: whether the ref's root is nobody else's, so that it can be moved. */
  static isSole(ref: Ref): boolean {
    return ref.#shared === null || ref.#shared.handles === 1;
  }

  /** For queues: spends a ref whose root was moved. */
  static spendMoved(ref: Ref): void {
    ref.#leaveShared();
    ref.#spend();
  }
}
