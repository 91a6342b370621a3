/** The heap as one thread uses it. */
import { codes, constants, layout } from '../layout/index.ts';
import type { Core } from '../pool/core.ts';
import { checkPool } from '../pool/format.ts';
import { leavePool } from '../pool/join.ts';
import { HeapError, heapError } from './heap-error.ts';
import { ReceiveQueue, SendQueue } from './queues.ts';
import { Ref } from './ref.ts';
import { handOverName, type LeakReports, Session, segmentBytesOf, threadScratchAt } from './session.ts';

export interface OpenOptions {
  /** What this client may hold, rounded down to whole segments, of which it needs one; none given: no limit. */
  readonly quotaBytes?: number;
  /** Which refs that were forgotten are reported and dropped when they are collected: one in 256, or all, with where they came from. */
  readonly leakReports?: LeakReports;
}

/**
 * Opens the heap for a thread that joined the pool (`joinPool`). One heap per thread, closed by its `close`.
 * Throws HeapError: NOT_JOINED, NO_HEAP, NOT_COHERENT, HEAP_CLIENTS_FULL, RETIRED, ALREADY_OPEN, BAD_SIZE, FENCED; PoolError as `checkPool`.
 */
export function openHeap(core: Core, options: OpenOptions = {}): HeapClient {
  checkPool(core);
  if (isOpenFor(core)) {
    throw new HeapError('ALREADY_OPEN', 'the heap is open in this thread already', { hint: 'share its HeapClient' });
  }
  if (isFencedSelf(core)) throw heapError('opening the heap', codes.FENCED);
  const quotaSegments = quotaIn(core, options.quotaBytes);
  const code = core.exports.shmOpen(quotaSegments);
  if (code === codes.FULL) {
    throw new HeapError(
      'HEAP_CLIENTS_FULL',
      `the heap was formatted for fewer clients: this is client ${core.exports.selfClient()}`,
      {
        hint: 'format the pool with more `heap.clients`, or let clients with lower numbers leave',
      },
    );
  }
  if (code !== codes.OK) throw heapError('opening the heap', code);
  // Of a client that left the pool without closing its heap.
  sessions.get(core)?.close();
  const session = new Session(core, quotaSegments, options.leakReports ?? 'sampled');
  sessions.set(core, session);
  return new HeapClient(session);
}

const sessions = new WeakMap<Core, Session>();

export class HeapClient {
  readonly #session: Session;
  /** A queue found twice is the same object: its end is closed once. */
  readonly #received = new Map<number, ReceiveQueue>();

  constructor(session: Session) {
    this.#session = session;
  }

  /**
   * A new object with room for `sizeBytes` of data, whose bytes are whatever was there, and `references` embedded references, all empty.
   * Throws BAD_SIZE, HEAP_FULL and QUOTA with `numbers`, FENCED, RETIRED, HEAP_CLOSED.
   */
  alloc(sizeBytes: number, references = 0): Ref {
    if (sizeBytes >>> 0 !== sizeBytes || references >>> 0 !== references)
      throw this.#noObject(sizeBytes, references, codes.BAD_ARGUMENT);
    const answer = this.#session.exports.shmAlloc(sizeBytes, references) >>> 0;
    if (answer < codes.CODE_LIMIT) throw this.#noObject(sizeBytes, references, answer);
    return new Ref(this.#session, answer);
  }

  /** A ref on what the named root holds, also while another client changes it; undefined for nothing. Throws BAD_NAME, COUNT_FULL, HEAP_FULL. */
  root(name: string): Ref | undefined {
    const session = this.#session;
    const answer = session.exports.shmGetName(handOverName(session.core, name)) >>> 0;
    if (answer >= codes.CODE_LIMIT) return new Ref(session, answer);
    if (answer === codes.NOT_FOUND || answer === codes.EMPTY) return undefined;
    throw session.refusal(`looking up "${name}"`, answer);
  }

  /**
   * Makes the named root hold what the ref holds, or nothing; no reader sees anything in between. It outlives every client. Names are never
   * taken back. Throws BAD_NAME, NAMES_FULL, COUNT_FULL, SPENT_REF, FOREIGN_REF; NAME_BUSY while another client changes it: try again.
   */
  setRoot(name: string, ref: Ref | undefined): void {
    const session = this.#session;
    const what = `setting "${name}"`;
    const root = ref === undefined ? 0 : Ref.rootOf(ref, session, what);
    const code = session.exports.shmSetName(handOverName(session.core, name), root);
    if (code === codes.OK) return;
    if (code === codes.FULL) {
      // A name that there is no place for holds nothing.
      if (ref === undefined) return;
      throw new HeapError('NAMES_FULL', `${what} found all names taken`, { hint: 'format the pool with more `heap.names`' });
    }
    if (code === codes.BUSY) {
      throw new HeapError('NAME_BUSY', `${what} found another client at it`, {
        hint: 'try again; if that client is dead, its recovery lets go of the name',
      });
    }
    throw session.refusal(what, code);
  }

  /**
   * Opens a queue to another client of the pool; `incarnation`, if given, must still be that client's. `tag`: what both sides agree on to tell
   * queues apart, an integer from 0 to 2^53 - 1. Throws SELF_QUEUE, NO_SUCH_CLIENT, QUEUES_FULL, BAD_TAG.
   */
  openQueue(
    receiver: { readonly id: number; readonly incarnation?: number },
    options: { readonly tag?: number } = {},
  ): SendQueue {
    const { exports, core } = this.#session;
    const { id, incarnation } = receiver;
    const [tagLow, tagHigh] = halves(options.tag ?? 0);
    if (this.#session.isOpen && id === core.exports.selfClient()) {
      throw new HeapError('SELF_QUEUE', `client ${id} cannot open a queue to itself`, { hint: 'a queue goes to another client' });
    }
    // The core takes whatever fits into 32 bits.
    const answer = id >>> 0 === id && id < constants.CLIENT_COUNT ? exports.shmOpenQueue(id, tagLow, tagHigh) : codes.NOT_FOUND;
    if (answer === codes.FULL) {
      throw new HeapError('QUEUES_FULL', `a queue to client ${id} found no place: all are in use`, {
        hint: 'close queues at both ends, or format the pool with more `heap.queues`',
      });
    }
    if (answer === codes.NOT_FOUND) throw noSuchClient(receiver);
    if (answer < codes.CODE_LIMIT) throw this.#session.refusal(`opening a queue to client ${id}`, answer);
    const queue = new SendQueue(this.#session, answer - codes.CODE_LIMIT, id);
    // Incarnations only grow: the one that is there now was there when the queue was opened, or the queue is to nobody.
    if (incarnation !== undefined && core.exports.clientIncarnation(id) >>> 0 !== incarnation) {
      queue.close();
      throw noSuchClient(receiver);
    }
    return queue;
  }

  /** The queues that others opened to this client and it did not close, all or those with this tag. */
  queues(options: { readonly tag?: number } = {}): ReceiveQueue[] {
    const session = this.#session;
    if (!session.isOpen) throw session.refusal('looking for queues', codes.NOT_JOINED);
    const [tagLow, tagHigh] = halves(options.tag ?? 0);
    const at = threadScratchAt(session.core) + constants.SCRATCH_BATCH_OFFSET;
    const indices: number[] = [];
    for (let more = true; more; ) {
      const first = indices.length === 0 ? 0 : indices.at(-1)! + 1;
      const found = session.exports.shmFindQueues(tagLow, tagHigh, options.tag === undefined ? 1 : 0, first);
      indices.push(...new Uint32Array(session.core.bytes.buffer, at, found));
      more = found === constants.BATCH_LIMIT;
    }
    return indices.map((queue) => {
      const known = this.#received.get(queue) ?? new ReceiveQueue(session, queue, (closed) => this.#received.delete(closed));
      this.#received.set(queue, known);
      return known;
    });
  }

  /** Takes back what nobody uses: adopts what clients left that are gone, gives empty segments back. Not needed, but for others' sake. */
  collect(): void {
    const code = this.#session.exports.shmCollect();
    if (code !== codes.OK) throw this.#session.refusal('collecting', code);
  }

  /** Bytes of the segments that this client holds, whether they are full or not. */
  get heldBytes(): number {
    return this.#session.isOpen ? this.#session.exports.shmHeldBytes() : 0;
  }

  /** 0: no limit. */
  get quotaBytes(): number {
    return this.#session.quotaBytes;
  }

  /** Refs in use, clones counted once. */
  get rootsInUse(): number {
    return this.#session.isOpen ? this.#session.exports.shmRootsInUse() : 0;
  }

  get isOpen(): boolean {
    return this.#session.isOpen;
  }

  /**
   * Drops whatever refs are left, closes this client's queues, leaves the pool. How many refs were left, clones counted once: 0 in a
   * program that forgets none. Again: 0. Throws FENCED, and then leaves nothing: what this client held is its recoverer's.
   */
  close(): number {
    if (!this.#session.isOpen) return 0;
    const { core } = this.#session;
    const left = this.rootsInUse;
    const isFenced = isFencedSelf(core);
    this.#session.close();
    if (isFenced) throw heapError('closing the heap', codes.FENCED);
    leavePool(core);
    return left;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** For what is built on the heap, as agent/src/kv is. */
  static sessionOf(heap: HeapClient): Session {
    return heap.#session;
  }

  #noObject(sizeBytes: number, references: number, code: number): HeapError {
    const session = this.#session;
    const what = `an object of ${sizeBytes} bytes and ${references} references`;
    const isMemory = code === codes.HEAP_FULL || code === codes.QUOTA;
    if (!session.isOpen || (code !== codes.BAD_ARGUMENT && !isMemory)) return session.refusal(what, code);
    const askedBytes = sizeBytes + references * 8 + constants.OBJECT_HEADER_BYTES;
    const heapBytes = session.segmentCount * session.segmentBytes;
    if (!isMemory || askedBytes > heapBytes) {
      return new HeapError('BAD_SIZE', `there cannot be ${what}`, {
        hint: `both are integers from 0, not both 0; the heap has ${heapBytes} bytes, ${constants.OBJECT_HEADER_BYTES} go to the object's header`,
      });
    }
    return session.noMemory(what, askedBytes, code);
  }
}

function isOpenFor(core: Core): boolean {
  const at = threadScratchAt(core) + constants.SCRATCH_HEAP_OFFSET + layout.HeapScratch.clientPlusOne.offset;
  return new DataView(core.bytes.buffer, at, 4).getUint32(0, true) !== 0;
}

function isFencedSelf({ exports }: Core): boolean {
  const self = exports.selfClient();
  return self >= 0 && exports.isFenced(self, exports.selfIncarnation()) !== 0;
}

function quotaIn(core: Core, quotaBytes: number | undefined): number {
  if (quotaBytes === undefined) return 0;
  const segmentBytes = segmentBytesOf(core);
  if (segmentBytes === 0) return 0;
  if (!Number.isSafeInteger(quotaBytes) || quotaBytes < segmentBytes) {
    throw new HeapError('BAD_SIZE', `a quota of ${quotaBytes} bytes is less than a segment`, {
      hint: `a client holds whole segments, here of ${segmentBytes} bytes`,
    });
  }
  return Math.min(Math.floor(quotaBytes / segmentBytes), constants.SEGMENT_COUNT_LIMIT);
}

function halves(tag: number): readonly [low: number, high: number] {
  if (!Number.isSafeInteger(tag) || tag < 0) {
    throw new HeapError('BAD_TAG', `a queue cannot have the tag ${tag}`, { hint: 'an integer from 0 to 2^53 - 1' });
  }
  return [tag % 2 ** 32, Math.floor(tag / 2 ** 32)];
}

function noSuchClient({ id, incarnation }: { readonly id: number; readonly incarnation?: number }): HeapError {
  const which = incarnation === undefined ? `client ${id}` : `client ${id}, incarnation ${incarnation},`;
  return new HeapError('NO_SUCH_CLIENT', `${which} is not in the pool`, {
    hint: 'it left or died; `inspect` lists who is there',
  });
}
