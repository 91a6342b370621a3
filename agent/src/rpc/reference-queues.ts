/**
 * The references that travel with the messages of one connection: a queue of the heap for each direction, opened by its sender when it
 * is first needed. Sender and receiver know each other's queue by its tag, which names the connection.
 *
 *   1. send      Put the references into the queue. From here on the receiver has them, or its recovery drops them.
 *   2. COMMIT    Send the message, which says their numbers.
 *   3. take      The receiver takes references up to those numbers.
 *
 * Dead before 2: they are in the queue and nobody asks for them; whoever closes the queue last drops them. Dead after 2: the same, unless the
 * receiver has taken them. A message never says numbers that are not in the queue yet, so the receiver never waits for any.
 *
 * Requests are sent and received in one order. Responses are received in whatever order the caller looks: it keeps those that come before
 * the ones it wants, until their response is looked at.
 */
import { unpackConnectionWord } from '../inspect/packed-words.ts';
import { constants, layout } from '../layout/index.ts';
import type { ClientIdentity } from '../protocol/messages.ts';
import { HeapClient } from '../shm/heap-client.ts';
import { HeapError } from '../shm/heap-error.ts';
import type { ReceiveQueue, SendQueue, SendResult } from '../shm/queues.ts';
import { Ref } from '../shm/ref.ts';
import type { Session } from '../shm/session.ts';
import { ReferencesWord } from './references-word.ts';
import { RpcError } from './rpc-error.ts';

/** One side of a connection: a `Connection` or a `Server`. */
export interface ConnectionEnd {
  readonly connection: number;
  readonly epoch: number;
  readonly window: number;
  readonly other: ClientIdentity | undefined;
}

export class ReferenceQueues {
  /** References that one message may carry. */
  readonly limit: number;
  readonly #heap: HeapClient;
  readonly #session: Session;
  readonly #end: ConnectionEnd;
  readonly #isOrdered: boolean;
  readonly #use: ConnectionUse;
  #outgoing: SendQueue | undefined;
  #incoming: ReceiveQueue | undefined;
  /** Number of the next reference to send. */
  #sent = 0;
  /** Number of the next one to take out of the queue. */
  #taken = 0;
  #word = 0;
  /** Taken out of the queue before their response was looked at, by number. */
  readonly #early = new Map<number, Ref>();
  /** Numbers of references that nobody will ask for. */
  readonly #unwanted = new Set<number>();
  #isClosed = false;

  /** `isOrdered`: what this end receives comes in the order in which it was sent, as requests do. */
  constructor(heap: HeapClient, end: ConnectionEnd, isOrdered: boolean) {
    this.#heap = heap;
    this.#session = HeapClient.sessionOf(heap);
    this.#end = end;
    this.#isOrdered = isOrdered;
    this.limit = Math.min(this.#session.queueCapacity, ReferencesWord.countLimit);
    this.#use = { place: end.connection, epoch: end.epoch, isServer: isOrdered };
    settle(heap);
  }

  /**
   * Begins a message of `count` references, `refs` among them. Throws RpcError BAD_ARGUMENT for what no message can carry, HeapError SPENT_REF,
   * FOREIGN_REF.
   */
  begin(refs: readonly Ref[], isMove: boolean, count: number): void {
    this.#word = 0;
    for (const ref of refs) Ref.rootOf(ref, this.#session, 'a reference of a call');
    if (isMove && refs.length > 1 && new Set(refs).size < refs.length)
      throw new RpcError('BAD_ARGUMENT', 'a reference cannot be moved twice');
    if (count <= this.limit) return;
    throw new RpcError('BAD_ARGUMENT', `${count} references in one message; ${this.limit} are the limit`, {
      hint: 'refer to them from one object, or format the pool with a larger `heap.queueCapacity`',
    });
  }

  /** Whether `count` references would be taken now. */
  hasRoom(count: number): boolean {
    return this.#outgoing === undefined || this.#outgoing.room >= count;
  }

  /**
   * Puts the references into the queue, all or none; `word` is then what the message has to say of them, and it is to be sent next.
   * `full`: try again. `closed`: the other side takes none any more. Throws HeapError COUNT_FULL, QUEUES_FULL: `word` tells of what has gone
   * before, and the message that is sent instead must say it. `isLarge`: the first one holds the message, and is moved.
   */
  send(refs: readonly Ref[], isMove: boolean, isLarge: boolean): SendResult {
    const queue = this.#open();
    if (queue === undefined) return 'closed';
    if (queue.room < refs.length) return 'full';
    const first = this.#sent;
    let count = 0;
    try {
      for (const ref of refs) {
        const result = isMove || (isLarge && count === 0) ? queue.move(ref) : queue.send(ref);
        if (result !== 'sent') return result;
        count++;
      }
      return 'sent';
    } finally {
      this.#sent = ReferencesWord.after(first, count);
      this.#word = count === 0 ? 0 : ReferencesWord.pack(first, count, isLarge && count === refs.length);
    }
  }

  /** What the message has to say, since `begin`. */
  get word(): number {
    return this.#word;
  }

  /**
   * The references that a message says it carries; undefined when they are not there, and then the other side lies. Never waits. Throws HeapError
   * HEAP_FULL, QUOTA: they are dropped, now or as they come.
   */
  take(word: number): Ref[] | undefined {
    const count = ReferencesWord.count(word);
    if (count === 0) return [];
    const queue = this.#find();
    if (queue === undefined || count > this.limit) return undefined;
    const first = ReferencesWord.first(word);
    try {
      if (count === 1 && first === this.#taken && this.#early.size === 0) return this.#takeNext(queue);
      if (!this.#reach(queue, ReferencesWord.after(first, count), count)) return undefined;
      return this.#pick(first, count);
    } catch (error) {
      for (let index = 0; index < count; index++) this.#giveUp(ReferencesWord.after(first, index));
      if (error instanceof HeapError && error.code === 'BAD_OFFSET') return undefined;
      throw error;
    } finally {
      // What a message passes over was that of one that was not accepted.
      if (this.#isOrdered && this.#early.size > 0) this.#dropEarly();
    }
  }

  /** Takes whatever has come, so that the other side's queue does not fill while an older response is waited for. */
  drain(): void {
    const queue = this.#find();
    if (queue === undefined || this.#isOrdered) return;
    try {
      for (let left = Math.min(queue.waiting, this.#earlyLimit - this.#early.size); left > 0; left--) {
        if (!this.#receive(queue)) return;
      }
    } catch (error) {
      // Whoever asks for one of them is told.
      if (!(error instanceof HeapError && (error.code === 'HEAP_FULL' || error.code === 'QUOTA'))) throw error;
    }
  }

  /** Drops what was not asked for, and closes both queues, also one that the other side opens just now. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (!this.#session.isOpen) return;
    this.#dropEarly();
    this.#outgoing?.close();
    usesOf(this.#heap).add(this.#use);
    settle(this.#heap);
  }

  /** What nearly every message carries: one reference, the next one. */
  #takeNext(queue: ReceiveQueue): Ref[] | undefined {
    const ref = queue.receive();
    if (ref === undefined) return undefined;
    this.#taken = ReferencesWord.after(this.#taken, 1);
    return [ref];
  }

  /** Takes references out of the queue up to the one before `end`. False when they are not there. */
  #reach(queue: ReceiveQueue, end: number, count: number): boolean {
    const ahead = ReferencesWord.distance(this.#taken, end);
    if (ahead <= 0) return true;
    // What waits in the queue is all that there can be.
    if (ahead > Math.min(queue.waiting, this.limit)) return false;
    if (!this.#isOrdered && this.#early.size + ahead - count > this.#earlyLimit) return false;
    for (let left = ahead; left > 0; left--) {
      if (!this.#receive(queue)) return false;
    }
    return true;
  }

  #pick(first: number, count: number): Ref[] | undefined {
    const numbers = Array.from({ length: count }, (_, index) => ReferencesWord.after(first, index));
    if (!numbers.every((number) => this.#early.has(number))) return undefined;
    return numbers.map((number) => {
      const ref = this.#early.get(number)!;
      this.#early.delete(number);
      return ref;
    });
  }

  #receive(queue: ReceiveQueue): boolean {
    const ref = queue.receive();
    if (ref === undefined) return false;
    if (this.#unwanted.delete(this.#taken)) ref.drop();
    else this.#early.set(this.#taken, ref);
    this.#taken = ReferencesWord.after(this.#taken, 1);
    return true;
  }

  #giveUp(number: number): void {
    const ref = this.#early.get(number);
    ref?.drop();
    this.#early.delete(number);
    // In order, what is passed over is dropped anyway.
    if (ref === undefined && !this.#isOrdered && ReferencesWord.distance(this.#taken, number) >= 0) this.#unwanted.add(number);
  }

  #dropEarly(): void {
    for (const ref of this.#early.values()) ref.drop();
    this.#early.clear();
  }

  /** Every call that is in flight may have as many as a message carries. */
  get #earlyLimit(): number {
    return this.#end.window * this.limit;
  }

  #open(): SendQueue | undefined {
    if (this.#outgoing !== undefined || this.#isClosed) return this.#outgoing;
    const { other } = this.#end;
    if (other === undefined) return undefined;
    try {
      this.#outgoing = this.#heap.openQueue(other, { tag: tagOf(this.#use) });
    } catch (error) {
      if (error instanceof HeapError && error.code === 'NO_SUCH_CLIENT') return undefined;
      throw error;
    }
    return this.#outgoing;
  }

  /** The queue that the other side opened; undefined when it opened none. */
  #find(): ReceiveQueue | undefined {
    if (this.#incoming !== undefined || this.#isClosed) return this.#incoming;
    const { other } = this.#end;
    this.#incoming = this.#heap.queues({ tag: tagOf(this.#use) }).find(({ sender }) => sender === other?.id);
    return this.#incoming;
  }
}

/** One use of a place in the connection table, and which side of it this client is. */
interface ConnectionUse {
  readonly place: number;
  readonly epoch: number;
  readonly isServer: boolean;
}

/** Not the tag of a queue that a program would open: bit 52, the place, 32 bits of epoch. */
function tagOf({ place, epoch }: ConnectionUse): number {
  return 2 ** 52 + place * 2 ** 32 + epoch;
}

/** Connections that are closed here, while the other side may still open a queue to this client: it has not seen yet that nobody takes from it. */
const closedUses = new WeakMap<HeapClient, Set<ConnectionUse>>();

function usesOf(heap: HeapClient): Set<ConnectionUse> {
  const known = closedUses.get(heap) ?? new Set();
  closedUses.set(heap, known);
  return known;
}

/**
 * Closes queues to this client of connections that are closed here. Once the other side has closed as well it opens none any more. Done when a
 * connection with references is opened or closed.
 */
function settle(heap: HeapClient): void {
  for (const use of usesOf(heap)) {
    // Looked at first: what was opened before it closed is found after.
    const isOver = isClosedByOther(HeapClient.sessionOf(heap), use);
    for (const queue of heap.queues({ tag: tagOf(use) })) queue.close();
    if (isOver) usesOf(heap).delete(use);
  }
}

/** The other side closes its queues before its end of the connection is closed in its name, too, when it died. */
function isClosedByOther({ core }: Session, { place, epoch, isServer }: ConnectionUse): boolean {
  const at = constants.CONNECTIONS_OFFSET + place * constants.CONNECTION_BYTES + layout.ConnectionState.word.offset;
  const word = unpackConnectionWord(Atomics.load(new BigUint64Array(core.pool.buffer, core.pool.byteOffset + at, 1), 0));
  return word.epoch !== epoch || word.state === constants.CONNECTION_FREE || (isServer ? word.callerClosed : word.serverClosed);
}
