/**
 * Where the clients of one task wait for each other, so that all of them work at the same time: an object of the heap under a name, in
 * which each member says how often it has arrived. Whoever does a dead member's work anew arrives in its place.
 */
import { AgentError } from '../protocol/agent-error.ts';
import { integer, object } from '../protocol/shape.ts';
import type { MeetingPlace } from '../protocol/tasks.ts';
import type { HeapClient, Ref } from '../shm/index.ts';
import { waitFor } from './heap-wait.ts';
import type { TaskContext } from './workload.ts';

const mostMembers = 256;

export const meetingPlace = object<MeetingPlace>({
  token: integer(1, 2 ** 31 - 1),
  members: integer(1, mostMembers),
  member: integer(0, mostMembers - 1),
});

const tokenIndex = 0;
const firstMemberIndex = 1;

export class Meeting {
  readonly #context: TaskContext;
  readonly #heap: HeapClient;
  readonly #place: MeetingPlace;
  readonly #name: string;
  readonly #ref: Ref;
  readonly #words: Int32Array;
  #times = 0;

  /** Member 0 makes the place, the others find it. */
  constructor(context: TaskContext, heap: HeapClient, name: string, place: MeetingPlace) {
    if (place.member >= place.members) {
      throw new AgentError('BAD_PARAMETERS', `member ${place.member} of a meeting of ${place.members}: they are numbered from 0`);
    }
    this.#context = context;
    this.#heap = heap;
    this.#place = place;
    this.#name = rootNameOf(name);
    // A member 0 that died may have made it.
    this.#ref = this.#isHost ? (this.#look() ?? this.#open()) : this.#find();
    this.#words = wordsOf(this.#ref, place);
  }

  /** Waits until every member has arrived as often as this one. */
  arrive(): void {
    const { member, members } = this.#place;
    this.#times++;
    const own = firstMemberIndex + member;
    // An heir begins at one: the dead may have come further, and the others have seen it.
    if (Atomics.load(this.#words, own) < this.#times) Atomics.store(this.#words, own, this.#times);
    waitFor(this.#context, `${members} clients to meet`, () => {
      for (let each = 0; each < members; each++) {
        if (Atomics.load(this.#words, firstMemberIndex + each) < this.#times) return undefined;
      }
      return true;
    });
  }

  /** Leaves the place where it is, for heirs who come later: somebody calls `removeMeeting` in the end. */
  leave(): void {
    this.#ref[Symbol.dispose]();
  }

  /** Gives the place back; nobody arrives any more. */
  [Symbol.dispose](): void {
    if (this.#isHost) this.#heap.setRoot(this.#name, undefined);
    this.leave();
  }

  get #isHost(): boolean {
    return this.#place.member === 0;
  }

  #open(): Ref {
    const ref = this.#heap.alloc(sizeOf(this.#place));
    const words = wordsOf(ref, this.#place);
    words.fill(0);
    words[tokenIndex] = this.#place.token;
    this.#heap.setRoot(this.#name, ref);
    return ref;
  }

  #find(): Ref {
    return waitFor(this.#context, 'the host of the meeting', () => this.#look());
  }

  /** Not a place of another meeting, that somebody left behind. */
  #look(): Ref | undefined {
    const ref = this.#heap.root(this.#name);
    if (ref === undefined || wordsOf(ref, this.#place)[tokenIndex] === this.#place.token) return ref;
    ref.drop();
    return undefined;
  }
}

/** Of a meeting that its members left. */
export function removeMeeting(heap: HeapClient, name: string): void {
  heap.setRoot(rootNameOf(name), undefined);
}

function rootNameOf(name: string): string {
  return `meeting/${name}`;
}

function sizeOf({ members }: MeetingPlace): number {
  return 4 * (firstMemberIndex + members);
}

/** Of another meeting's place, which may be smaller, fewer. */
function wordsOf({ bytes }: Ref, place: MeetingPlace): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset, Math.min(sizeOf(place), bytes.byteLength) / 4);
}
