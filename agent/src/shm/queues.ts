/** Hand-over of objects between two clients: a queue has one sender and one receiver, and holds a bounded number of references. */
import { codes } from '../layout/index.ts';
import { HeapError } from './heap-error.ts';
import { Ref } from './ref.ts';
import type { Session } from './session.ts';

/**
 * `full`: the receiver is behind; it says nothing about whether it lives. `closed`: the receiver closed its end, or died and was
 * recovered; nothing will be taken any more. Neither changes anything.
 */
export type SendResult = 'sent' | 'full' | 'closed';

abstract class QueueEnd {
  protected readonly session: Session;
  protected readonly queue: number;
  #isClosed = false;

  constructor(session: Session, queue: number) {
    this.session = session;
    this.queue = queue;
  }

  /** References sent and not received. */
  get waiting(): number {
    return this.#isClosed || !this.session.isOpen ? 0 : this.session.exports.shmWaiting(this.queue);
  }

  /** Whether `close` was called here. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Closes this end, once. Whichever end closes last drops what was not received. Throws FENCED. */
  close(): void {
    if (this.#isClosed || !this.session.isOpen) return;
    const code = this.session.exports.shmCloseQueue(this.queue);
    if (code !== codes.OK) throw this.session.refusal('closing a queue', code);
    this.#isClosed = true;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  protected checkOpen(what: string): void {
    if (!this.#isClosed) return;
    throw new HeapError('QUEUE_CLOSED', `${what} was tried after this end of the queue was closed`, {
      hint: 'open another queue',
    });
  }
}

export class SendQueue extends QueueEnd {
  /** Client id of the other end. */
  readonly receiver: number;

  constructor(session: Session, queue: number, receiver: number) {
    super(session, queue);
    this.receiver = receiver;
  }

  /** How many references it takes before it is full, at least: the receiver only makes more room. */
  get room(): number {
    return this.session.queueCapacity - this.waiting;
  }

  /** Sends the receiver a reference of its own; the ref stays as it is. Throws COUNT_FULL, SPENT_REF, FOREIGN_REF, QUEUE_CLOSED. */
  send(ref: Ref): SendResult {
    const result = this.#fill('send', ref, false);
    if (result === 'sent') this.#publish();
    return result;
  }

  /** Gives the receiver what the ref holds, without counting; the ref is spent if it was sent. Throws SPENT_REF, FOREIGN_REF, QUEUE_CLOSED. */
  move(ref: Ref): SendResult {
    const result = this.#fill('move', ref, true);
    if (result === 'sent') this.#publish();
    return result;
  }

  /** As `send` for one after the other, made visible to the receiver at once; how many, fewer when the queue is full or closed. */
  sendAll(refs: readonly Ref[]): number {
    return this.#batch('sendAll', refs, false);
  }

  /** As `move` for one after the other, made visible to the receiver at once; how many, fewer when the queue is full or closed. */
  moveAll(refs: readonly Ref[]): number {
    return this.#batch('moveAll', refs, true);
  }

  #batch(what: string, refs: readonly Ref[], isMove: boolean): number {
    let filled = 0;
    try {
      while (filled < refs.length && this.#fill(what, refs[filled]!, isMove) === 'sent') filled++;
    } finally {
      // Also before an error is thrown on: what is filled is as good as sent.
      if (filled > 0) this.#publish();
    }
    return filled;
  }

  #fill(what: string, ref: Ref, isMove: boolean): SendResult {
    this.checkOpen(what);
    const root = Ref.rootOf(ref, this.session, what);
    const movesRoot = isMove && Ref.isSole(ref);
    const code = this.session.exports.shmFill(this.queue, root, movesRoot ? 1 : 0);
    if (code === codes.FULL) return 'full';
    if (code === codes.CLOSED) return 'closed';
    if (code !== codes.OK) throw this.session.refusal(what, code);
    if (movesRoot) Ref.spendMoved(ref);
    else if (isMove) ref.drop();
    return 'sent';
  }

  #publish(): void {
    const code = this.session.exports.shmPublish(this.queue);
    if (code !== codes.OK) throw this.session.refusal('publishing what was sent', code);
  }
}

export class ReceiveQueue extends QueueEnd {
  /** Client id of the other end. */
  readonly sender: number;
  readonly #onClose: (queue: number) => void;
  #isOver = false;

  constructor(session: Session, queue: number, onClose: (queue: number) => void) {
    super(session, queue);
    this.sender = session.exports.shmQueueSender(queue);
    this.#onClose = onClose;
  }

  /**
   * The next object, whose reference goes over to this client without counting; undefined when none waits, for now or, see `isOver`, for
   * good. Throws HEAP_FULL, QUOTA, BAD_OFFSET, QUEUE_CLOSED.
   */
  receive(): Ref | undefined {
    this.checkOpen('receive');
    const answer = this.session.exports.shmReceive(this.queue) >>> 0;
    if (answer >= codes.CODE_LIMIT) return new Ref(this.session, answer);
    if (answer === codes.PENDING) return undefined;
    if (answer !== codes.CLOSED) throw this.session.refusal('receive', answer);
    this.#isOver = true;
    return undefined;
  }

  /** As many as wait, at most `max`. */
  receiveAll(max = Number.POSITIVE_INFINITY): Ref[] {
    const refs: Ref[] = [];
    while (refs.length < max) {
      const ref = this.receive();
      if (ref === undefined) break;
      refs.push(ref);
    }
    return refs;
  }

  /** True once a `receive` found that the sender closed, or died and was recovered, and everything it sent was received. */
  get isOver(): boolean {
    return this.#isOver;
  }

  override close(): void {
    super.close();
    this.#onClose(this.queue);
  }
}
