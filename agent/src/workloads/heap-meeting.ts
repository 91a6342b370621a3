/**
 * Where the clients of one task wait for each other, so that all of them work at the same time: an object of the heap under a name, in
 * which each counts its arrivals.
 */
import { boolean, integer, object } from '../protocol/shape.ts';
import type { MeetingPlace } from '../protocol/tasks.ts';
import type { HeapClient, Ref } from '../shm/index.ts';
import { waitFor } from './heap-wait.ts';
import type { TaskContext } from './workload.ts';

export const meetingPlace = object<MeetingPlace>({ token: integer(1, 2 ** 31 - 1), members: integer(1, 256), host: boolean });

const tokenIndex = 0;
const arrivalsIndex = 1;
const meetingBytes = 8;

export class Meeting {
  readonly #context: TaskContext;
  readonly #heap: HeapClient;
  readonly #place: MeetingPlace;
  readonly #name: string;
  readonly #ref: Ref;
  readonly #words: Int32Array;
  #times = 0;

  /** The host makes the place, the others find it. */
  constructor(context: TaskContext, heap: HeapClient, name: string, place: MeetingPlace) {
    this.#context = context;
    this.#heap = heap;
    this.#place = place;
    this.#name = `meeting/${name}`;
    this.#ref = place.host ? this.#open() : this.#find();
    this.#words = wordsOf(this.#ref);
  }

  /** Waits until every member has arrived as often as this one. */
  arrive(): void {
    this.#times++;
    Atomics.add(this.#words, arrivalsIndex, 1);
    const wanted = this.#times * this.#place.members;
    waitFor(this.#context, `${this.#place.members} clients to meet`, () =>
      Atomics.load(this.#words, arrivalsIndex) >= wanted ? true : undefined,
    );
  }

  /** Gives the place back; nobody arrives any more. */
  [Symbol.dispose](): void {
    if (this.#place.host) this.#heap.setRoot(this.#name, undefined);
    this.#ref[Symbol.dispose]();
  }

  #open(): Ref {
    const ref = this.#heap.alloc(meetingBytes);
    const words = wordsOf(ref);
    words[arrivalsIndex] = 0;
    words[tokenIndex] = this.#place.token;
    this.#heap.setRoot(this.#name, ref);
    return ref;
  }

  /** Not a place that somebody left behind who died. */
  #find(): Ref {
    return waitFor(this.#context, 'the host of the meeting', () => {
      const ref = this.#heap.root(this.#name);
      if (ref !== undefined && wordsOf(ref)[tokenIndex] === this.#place.token) return ref;
      ref?.drop();
      return undefined;
    });
  }
}

function wordsOf({ bytes }: Ref): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset, meetingBytes / 4);
}
