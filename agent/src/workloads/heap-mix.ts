import { isAborted } from '../pool/map.ts';
import { AgentError } from '../protocol/agent-error.ts';
import { boolean, integer, object, oneOf } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { type HeapClient, HeapError, type HeapErrorCode, type Ref, type SendQueue } from '../shm/index.ts';
import { MixBoard } from './heap-mix-board.ts';
import { describeObject, isWhole, writeObject } from './heap-mix-objects.ts';
import { heapOf } from './heap-of.ts';
import { Random } from './heap-random.ts';
import { waitFor } from './heap-wait.ts';
import type { TaskContext, Workload } from './workload.ts';

type Parameters = Tasks['heap-mix']['parameters'];
type Result = Tasks['heap-mix']['result'];

/**
 * Everything that the heap can do, mixed: its clients build trees, refer to each other's objects, replace and drop them, hand them over
 * through queues and names, small ones and huge ones, and look at every word of whatever they get hold of. One that is to die works until
 * it does; the others work until everybody has had its turn. Whoever comes after a dead one takes over its table, and all tables stay for the
 * audit. `clear` takes away what they met at.
 */
export const heapMix: Workload<'heap-mix'> = {
  parameters: object<Parameters>({
    role: oneOf('work', 'clear'),
    token: integer(1, 2 ** 31 - 1),
    member: integer(0, 15),
    members: integer(1, 16),
    operations: integer(1, 1_000_000_000),
    dies: boolean,
    large: boolean,
    hot: boolean,
    seed: integer(0, 2 ** 32 - 1),
  }),
  run: (context, parameters) => {
    const heap = heapOf(context.core);
    if (parameters.role === 'clear') {
      MixBoard.remove(heap, parameters);
      return { operations: 0, looks: 0 };
    }
    using mix = new Mix(context, heap, parameters);
    return mix.work();
  },
};

const slots = 12;
const children = 2;
const operationsPerLook = 32;
/** A mistake of the core may leave somebody in a loop of ours. */
const receivedAtOnce = 16;
const runBytes = 40_000;
const hugeBytes = 5 * 1024 * 1024;
const burst = 200;
/** Refusals that are no mistake: there is no room, somebody is at it, or has just died. */
const mayBeRefused: ReadonlySet<HeapErrorCode> = new Set([
  'HEAP_FULL',
  'COUNT_FULL',
  'NAME_BUSY',
  'NO_SUCH_CLIENT',
  // Whom it wanted to send to is dead, and it has the place of that one by now.
  'SELF_QUEUE',
  'QUEUES_FULL',
  'QUEUE_CLOSED',
]);

class Mix implements Disposable {
  readonly #context: TaskContext;
  readonly #heap: HeapClient;
  readonly #parameters: Parameters;
  readonly #random: Random;
  readonly #board: MixBoard;
  /** Its embedded references are this client's slots; the others acquire from them. */
  readonly #table: Ref;
  readonly #isTaken: boolean[] = Array.from({ length: slots }, () => false);
  #queue: SendQueue | null = null;
  #number = 0;
  #looks = 0;
  #bursts = 0;

  constructor(context: TaskContext, heap: HeapClient, parameters: Parameters) {
    this.#context = context;
    this.#heap = heap;
    this.#parameters = parameters;
    const { exports } = context.core;
    const self = { id: exports.selfClient(), incarnation: exports.selfIncarnation() >>> 0 };
    this.#random = new Random((parameters.seed * 64 + parameters.member * 4 + self.incarnation) >>> 0);
    this.#board = new MixBoard(context, heap, parameters);
    this.#table = this.#takeOver() ?? this.#makeTable();
    this.#board.enter(self);
  }

  work(): Result {
    const { operations, dies } = this.#parameters;
    const { core, remainingMs } = this.#context;
    const endsAt = performance.now() + remainingMs();
    let done = 0;
    for (;;) {
      for (let turn = 0; turn < operationsPerLook; turn++) this.#attempt();
      done += operationsPerLook;
      if (!dies && done >= operations) {
        this.#board.finish();
        if (this.#board.allFinished) return { operations: done, looks: this.#looks };
      }
      if (isAborted(core.mapped)) throw new AgentError('ABORTED', 'the mix was told to end');
      if (performance.now() < endsAt) continue;
      throw new AgentError('DEADLINE', dies ? 'the client that was to be killed lives' : 'not everybody had its turn', {
        hint: 'a fault must arm a worker at a crash point that it passes; a rare one needs fewer hits',
      });
    }
  }

  [Symbol.dispose](): void {
    if (isAborted(this.#context.core.mapped)) return;
    this.#queue?.close();
    for (const queue of this.#heap.queues({ tag: this.#parameters.token })) queue.close();
    // The table stays under its name: the audit recounts what is in it.
    this.#table.drop();
    this.#board.leave();
    this.#heap.collect();
  }

  #attempt(): void {
    toldAsWrong(() => {
      try {
        this.#operate();
      } catch (error) {
        if (!(error instanceof HeapError) || !mayBeRefused.has(error.code)) throw error;
      }
    });
  }

  #operate(): void {
    const { large, hot, members, member } = this.#parameters;
    const slot = this.#random.below(slots);
    const other = this.#random.below(members);
    const choice = this.#random.below(large ? 1_000 : 980);
    if (hot) this.#crowd(slot, other);
    else if (choice < 300) this.#fill(slot);
    else if (choice < 450 || (choice >= 780 && choice < 900 && other === member)) this.#empty(slot);
    else if (choice < 700) this.#share(slot, other);
    else if (choice < 780) this.#name(other);
    else if (choice < 900) this.#send(other);
    else if (choice < 970) this.#receive();
    else if (choice < 975) this.#heap.collect();
    else if (choice < 980) this.#allocateMany();
    else this.#replace(slot, this.#build(choice < 998 ? runBytes : hugeBytes));
  }

  /** A new object, a tree every other time, into a slot of the own table: attached where it is empty, changed where it is not. */
  #fill(slot: number): void {
    this.#replace(slot, this.#build(this.#random.between(8, 200)));
  }

  #replace(slot: number, held: Ref): void {
    using ref = held;
    if (this.#isTaken[slot]) this.#table.change(slot, ref);
    else this.#table.attach(slot, ref);
    this.#isTaken[slot] = true;
  }

  #build(sizeBytes: number): Ref {
    const hasChildren = this.#random.below(2) === 0;
    const ref = this.#heap.alloc(Math.max(sizeBytes, 8), hasChildren ? children : 0);
    try {
      writeObject(ref, this.#nextNumber(), sizeBytes);
      if (hasChildren) {
        using child = this.#heap.alloc(16);
        writeObject(child, this.#nextNumber(), 16);
        for (let index = 0; index < children; index++) ref.attach(index, child);
      }
      return ref;
    } catch (error) {
      ref.drop();
      throw error;
    }
  }

  #empty(slot: number): void {
    const wasTaken = this.#table.detach(slot);
    if (wasTaken !== this.#isTaken[slot])
      throw wrong(`slot ${slot}, which nobody else writes, is ${wasTaken ? 'full' : 'empty'}`);
    this.#isTaken[slot] = false;
  }

  /** An object of somebody's table, which its owner may be replacing, is looked at and referred to from here as well. */
  #share(slot: number, other: number): void {
    using table = this.#heap.root(tableOf(other));
    using ref = table?.acquire(this.#random.below(slots));
    if (ref === undefined) return;
    this.#look(ref);
    this.#replace(slot, ref.clone());
  }

  /** Everybody's references are to what each of the members has brought: their swaps of its word meet. */
  #crowd(slot: number, other: number): void {
    if (this.#random.below(4) === 0) {
      this.#empty(slot);
      return;
    }
    using ref = this.#heap.root(hotOf(other));
    if (ref === undefined) return;
    this.#look(ref);
    this.#replace(slot, ref.clone());
  }

  #name(other: number): void {
    const { member } = this.#parameters;
    if (this.#random.below(2) === 0) {
      using ref = this.#heap.root(nameOf(other));
      if (ref !== undefined) this.#look(ref);
      return;
    }
    using ref = this.#random.below(3) === 0 ? undefined : this.#build(32);
    this.#heap.setRoot(nameOf(member), ref);
  }

  #send(other: number): void {
    const peer = this.#board.clientOf(other);
    if (peer === undefined) return;
    if (this.#queue?.receiver !== peer.id || this.#random.below(64) === 0) {
      this.#queue?.close();
      this.#queue = null;
      this.#queue = this.#heap.openQueue(peer, { tag: this.#parameters.token });
    }
    const manner = this.#random.below(3);
    const built = Array.from({ length: manner === 2 ? 3 : 1 }, () => this.#build(48));
    try {
      if (manner === 0) this.#queue.send(built[0]!);
      else if (manner === 1) this.#queue.move(built[0]!);
      else this.#queue.moveAll(built);
    } finally {
      for (const ref of built) ref[Symbol.dispose]();
    }
  }

  #receive(): void {
    for (const queue of this.#heap.queues({ tag: this.#parameters.token })) {
      for (let count = 0; count < receivedAtOnce; count++) {
        using ref = queue.receive();
        if (ref === undefined) break;
        this.#look(ref);
      }
      if (queue.isOver) queue.close();
    }
  }

  /**
   * More than a page has, or than a segment: both are filled, emptied, given back. More and more by one that is to die: what earlier clients
   * have left to adopt does not keep it from claiming.
   */
  #allocateMany(): void {
    const { large, dies } = this.#parameters;
    const sizeBytes = this.#random.between(8, large ? 12_000 : 600);
    const limit = large && dies ? burst * ++this.#bursts : burst;
    const refs: Ref[] = [];
    try {
      for (let count = 0; count < limit; count++) refs.push(this.#heap.alloc(sizeBytes));
    } finally {
      for (const ref of refs) ref.drop();
    }
    this.#heap.collect();
  }

  #look(ref: Ref): void {
    this.#looks++;
    if (!isWhole(ref)) throw wrong(describeObject(ref));
    if (ref.references === 0) return;
    using child = ref.acquire(this.#random.below(children));
    if (child === undefined || !isWhole(child))
      throw wrong(`the child of an object is ${child === undefined ? 'gone' : describeObject(child)}`);
  }

  /** The table of the one before in this place, as its recovery left it. */
  #takeOver(): Ref | undefined {
    const table = this.#heap.root(tableOf(this.#parameters.member));
    if (table === undefined) return undefined;
    if (table.view.getUint32(0, true) !== this.#parameters.token) {
      table.drop();
      return undefined;
    }
    for (let slot = 0; slot < slots; slot++) {
      using ref = toldAsWrong(() => table.acquire(slot));
      this.#isTaken[slot] = ref !== undefined;
      if (ref !== undefined) toldAsWrong(() => this.#look(ref));
    }
    return table;
  }

  /** In the place of one that an earlier mix left. */
  #makeTable(): Ref {
    const table = this.#heap.alloc(8, slots);
    table.view.setUint32(0, this.#parameters.token, true);
    this.#setName(tableOf(this.#parameters.member), table);
    if (this.#parameters.hot) this.#bring();
    return table;
  }

  #bring(): void {
    using ref = this.#build(32);
    this.#setName(hotOf(this.#parameters.member), ref);
  }

  /** Somebody who died at it keeps the name until its recovery. */
  #setName(name: string, ref: Ref | undefined): void {
    waitFor(this.#context, `${name} to be free`, () => {
      try {
        this.#heap.setRoot(name, ref);
        return true;
      } catch (error) {
        if (error instanceof HeapError && error.code === 'NAME_BUSY') return undefined;
        throw error;
      }
    });
  }

  #nextNumber(): number {
    return ++this.#number * 16 + this.#parameters.member;
  }
}

/** What the heap refuses that it must not, and sizes and offsets that cannot be, are its doing. */
function toldAsWrong<Result>(act: () => Result): Result {
  try {
    return act();
  } catch (error) {
    if (error instanceof HeapError) throw wrong(`${error.message} (${error.code})`);
    if (error instanceof RangeError) throw wrong(error.message);
    throw error;
  }
}

const tableOf = (member: number): string => `mix/table/${member}`;
const hotOf = (member: number): string => `mix/hot/${member}`;
const nameOf = (member: number): string => `mix/name/${member}`;

function wrong(cause: string): AgentError {
  return new AgentError('WRONG_ANSWER', 'the heap is not what its clients made of it', {
    cause,
    hint: 'keep the pool for a post-mortem (`inspect`)',
  });
}
