/** Where the clients of a mix meet: an object under a name, in which each says who it is and whether it has had its turn. */
import type { ClientIdentity } from '../protocol/messages.ts';
import type { HeapClient, Ref } from '../shm/index.ts';
import { waitFor } from './heap-wait.ts';
import type { TaskContext } from './workload.ts';

interface Place {
  readonly token: number;
  readonly member: number;
  readonly members: number;
}

const boardName = 'mix/board';
const tokenIndex = 0;
const finishedIndex = 1;
const firstIdentityIndex = 2;
/** Client, one more than its id, then incarnation. */
const wordsPerMember = 2;

export class MixBoard {
  readonly #place: Place;
  readonly #ref: Ref;
  readonly #words: Int32Array;

  /** The first member makes it, unless one before it did; the others find it. */
  constructor(context: TaskContext, heap: HeapClient, place: Place) {
    this.#place = place;
    const found = find(heap, place);
    if (found !== undefined) this.#ref = found;
    else if (place.member === 0) this.#ref = make(heap, place);
    else this.#ref = waitFor(context, 'the first client of the mix', () => find(heap, place));
    this.#words = wordsOf(this.#ref, place.members);
  }

  enter({ id, incarnation }: ClientIdentity): void {
    const at = firstIdentityIndex + this.#place.member * wordsPerMember;
    Atomics.store(this.#words, at, 0);
    Atomics.store(this.#words, at + 1, incarnation);
    Atomics.store(this.#words, at, id + 1);
  }

  clientOf(member: number): ClientIdentity | undefined {
    const at = firstIdentityIndex + member * wordsPerMember;
    const id = Atomics.load(this.#words, at) - 1;
    return id < 0 ? undefined : { id, incarnation: Atomics.load(this.#words, at + 1) >>> 0 };
  }

  finish(): void {
    Atomics.or(this.#words, finishedIndex, 1 << this.#place.member);
  }

  get allFinished(): boolean {
    return Atomics.load(this.#words, finishedIndex) === (1 << this.#place.members) - 1;
  }

  leave(): void {
    this.#ref.drop();
  }

  /** Nobody works any more. */
  static remove(heap: HeapClient, place: Place): void {
    find(heap, place)?.drop();
    heap.setRoot(boardName, undefined);
  }
}

function make(heap: HeapClient, { token, members }: Place): Ref {
  const ref = heap.alloc(bytesFor(members));
  const words = wordsOf(ref, members);
  words.fill(0);
  words[tokenIndex] = token;
  heap.setRoot(boardName, ref);
  return ref;
}

/** Not a board that another mix left behind. */
function find(heap: HeapClient, { token, members }: Place): Ref | undefined {
  const ref = heap.root(boardName);
  if (ref !== undefined && ref.bytes.length >= bytesFor(members) && wordsOf(ref, members)[tokenIndex] === token) return ref;
  ref?.drop();
  return undefined;
}

function bytesFor(members: number): number {
  return (firstIdentityIndex + members * wordsPerMember) * 4;
}

function wordsOf({ bytes }: Ref, members: number): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytesFor(members) / 4);
}
