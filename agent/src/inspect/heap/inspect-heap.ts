/** Recounts the whole heap from its bytes: every reference is found, every count is compared, every block is somebody's or free. */
import { constants, layout } from '../../layout/index.ts';
import type { InspectedClient } from '../inspect.ts';
import { wordAt } from '../packed-words.ts';
import type { Problems } from '../problems.ts';
import { type InspectedHeapClient, objectsInFlight, readHeapClients } from './inspect-heap-clients.ts';
import { type InspectedName, readNames } from './inspect-names.ts';
import { type InspectedQueue, type QueueContent, readQueues } from './inspect-queues.ts';
import { unpackReferenceWord } from './packed-words.ts';
import { BlockNumbers, type HeapPage, type HeapSegment, pageEntryAt, readSegments, type SegmentStateName } from './pages.ts';
import { eachBlock, eachRoot, referenceAt, referencesOf } from './references.ts';
import { type HeapShape, readShape } from './shape.ts';

export interface InspectedHeap {
  readonly shape: HeapShape;
  readonly segments: readonly InspectedSegment[];
  readonly clients: readonly InspectedHeapClient[];
  readonly queues: readonly InspectedQueue[];
  readonly names: readonly InspectedName[];
  readonly objects: number;
  /** Bytes of the blocks that hold them. */
  readonly objectBytes: number;
  readonly corpses: number;
  /** Objects that no root, queue or name leads to: cycles, and what hangs on them or on a leaked object. */
  readonly unreachable: number;
}

export interface InspectedSegment {
  readonly index: number;
  readonly state: SegmentStateName;
  readonly owner: number | null;
  readonly incarnation: number;
  /** Of a huge object's segment: how many lie before it. */
  readonly position: number;
  readonly freePages: number;
  readonly blocks: number;
  readonly usedBlocks: number;
}

/**
 * `view` over the whole pool, of a moment in which every client is between two operations, and the dead are recovered. Undefined for
 * a pool without a heap. What is wrong is added to `problems`; what a client that lives may be in the middle of is marked as passing.
 */
export function inspectHeap(
  view: DataView,
  sizeBytes: number,
  clients: readonly InspectedClient[],
  problems: Problems,
): InspectedHeap | undefined {
  const shape = readShape(view, sizeBytes, problems);
  return shape === undefined ? undefined : new Recount(view, shape, clients, problems).heap();
}

const isFree = 0;
const isObject = 1;
const isCorpse = 2;

class Recount {
  readonly #view: DataView;
  readonly #shape: HeapShape;
  readonly #clients: readonly InspectedClient[];
  /** Joined and not known to be dead. */
  readonly #living: ReadonlySet<number>;
  /** How many operations of theirs are at an object. */
  readonly #inFlight: ReadonlyMap<number, number>;
  readonly #problems: Problems;
  readonly #segments: readonly HeapSegment[];
  readonly #blocks: BlockNumbers;
  /** By block: what it is, and how many references to it were found. */
  readonly #what: Uint8Array;
  readonly #found: Uint32Array;
  readonly #usedOfSegment = new Map<number, number>();
  readonly #rootsOfClient = new Map<number, number>();
  #objects = 0;
  #objectBytes = 0;
  #corpses = 0;

  constructor(view: DataView, shape: HeapShape, clients: readonly InspectedClient[], problems: Problems) {
    this.#view = view;
    this.#shape = shape;
    this.#clients = clients;
    this.#living = new Set(
      clients
        .filter(({ state, incarnation, fencedIncarnation }) => state !== 'free' && fencedIncarnation < incarnation)
        .map(({ id }) => id),
    );
    this.#inFlight = objectsInFlight(view, shape, this.#living);
    this.#problems = problems;
    this.#segments = readSegments(view, shape, problems);
    this.#blocks = new BlockNumbers(shape, this.#segments);
    this.#what = new Uint8Array(this.#blocks.count);
    this.#found = new Uint32Array(this.#blocks.count);
  }

  heap(): InspectedHeap {
    const queues = readQueues(this.#view, this.#shape, this.#problems);
    const names = readNames(this.#view, this.#shape);
    this.#readBlocks();
    this.#checkOwners();
    this.#checkFreeLists();
    this.#countReferences(queues, names);
    this.#compareCounts();
    this.#checkCorpses();
    return {
      shape: this.#shape,
      segments: this.#segments.map(({ pages, ...segment }) => ({
        ...segment,
        blocks: pages.reduce((sum, { kind, count }) => (kind === 'roots' ? sum : sum + count), 0),
        usedBlocks: this.#usedOfSegment.get(segment.index) ?? 0,
      })),
      clients: readHeapClients(this.#view, this.#shape, {
        clients: this.#clients,
        living: this.#living,
        segments: this.#segments,
        roots: this.#rootsOfClient,
        problems: this.#problems,
      }),
      queues: queues.map(({ slots: _, ...queue }) => queue),
      names,
      objects: this.#objects,
      objectBytes: this.#objectBytes,
      corpses: this.#corpses,
      unreachable: this.#objects - this.#countReachable(queues, names),
    };
  }

  #readBlocks(): void {
    eachBlock(this.#segments, (offset, block, { blockBytes }, { index }) => {
      const low = this.#view.getUint32(offset, true);
      const high = this.#view.getUint32(offset + 4, true);
      if (low === 0 && high === 0) return;
      this.#usedOfSegment.set(index, (this.#usedOfSegment.get(index) ?? 0) + 1);
      const references = this.#view.getUint32(offset + layout.ObjectHeader.references.offset, true);
      if (constants.OBJECT_HEADER_BYTES + references * 8 > blockBytes) {
        this.#problems.add(
          'structure',
          () => `the object at ${offset} has ${references} references in a block of ${blockBytes} bytes`,
          { stamp: `${high} ${low}` },
        );
      }
      if (((high >>> 8) & 0x3fff) === 0) {
        this.#what[block] = isCorpse;
        this.#corpses++;
        return;
      }
      this.#what[block] = isObject;
      this.#objects++;
      this.#objectBytes += blockBytes;
    });
  }

  /** An owned segment's owner is there, in that incarnation: nobody else gives it back. */
  #checkOwners(): void {
    const incarnations = new Map(
      this.#clients.filter(({ state }) => state !== 'free').map((each) => [each.id, each.incarnation]),
    );
    const bySegment = new Map(this.#segments.map((segment) => [segment.index, segment]));
    for (const { index, state, owner, incarnation, position } of this.#segments) {
      const passing = this.#living.has(owner ?? -1);
      if (state === 'owned' && incarnations.get(owner ?? -1) !== incarnation) {
        this.#problems.add(
          'leak',
          () => `segment ${index} is owned by incarnation ${incarnation} of client ${owner}, which is gone`,
        );
      }
      if (state === 'huge' && position > 0 && bySegment.get(index - position)?.state !== 'huge') {
        this.#problems.add('leak', () => `segment ${index} is number ${position} of a run without a first segment`, { passing });
      }
      if (state === 'huge' && position === 0 && (this.#usedOfSegment.get(index) ?? 0) === 0) {
        this.#problems.add('leak', () => `segment ${index} begins a run that holds no object`, { passing });
      }
    }
  }

  /** What an owner takes for a free block is one. */
  #checkFreeLists(): void {
    const seen = new Uint8Array(this.#what.length);
    for (const { index, state, owner, pages } of this.#segments) {
      if (state !== 'owned') continue;
      for (const page of pages) {
        if (page.kind === 'blocks') this.#checkFreeList(page, index, seen, this.#living.has(owner ?? -1));
      }
    }
  }

  #checkFreeList(page: HeapPage, segment: number, seen: Uint8Array, passing: boolean): void {
    const entry = pageEntryAt(this.#shape, segment, page.index);
    for (let offset = this.#view.getUint32(entry + layout.PageEntry.free.offset, true); offset !== 0; ) {
      const block = this.#blocks.at(offset);
      const listed = block >= 0 && seen[block] === 1;
      if (block < 0 || this.#what[block] !== isFree || listed) {
        const wrong = listed ? 'there twice' : 'no free block';
        this.#problems.add(
          'structure',
          () => `the free list of page ${page.index} of segment ${segment} has ${offset}, which is ${wrong}`,
          {
            passing,
          },
        );
        return;
      }
      seen[block] = 1;
      offset = this.#view.getUint32(offset + layout.ObjectHeader.next.offset, true);
    }
  }

  #countReferences(queues: readonly QueueContent[], names: readonly InspectedName[]): void {
    eachRoot(this.#view, this.#segments, (root, object, { owner }) => {
      this.#rootsOfClient.set(owner ?? -1, (this.#rootsOfClient.get(owner ?? -1) ?? 0) + 1);
      // Its owner may be about to make the object, or have just given it back.
      this.#hold(object, () => `root ${root} of client ${owner}`, this.#living.has(owner ?? -1));
    });
    eachBlock(this.#segments, (offset, block, { blockBytes }) => {
      if (this.#what[block] === isFree) return;
      const references = referencesOf(this.#view, offset, blockBytes);
      for (let index = 0; index < references; index++) {
        this.#hold(referenceAt(this.#view, offset, index), () => `reference ${index} of the object at ${offset}`);
      }
    });
    for (const { index, slots } of queues) for (const object of slots) this.#hold(object, () => `queue ${index}`);
    for (const { name, object } of names) this.#hold(object, () => `the named root ${name}`);
  }

  #hold(object: number, who: () => string, mayNameNothing = false): void {
    if (object === 0) return;
    const block = this.#blocks.at(object);
    if (block >= 0) this.#found[block]!++;
    if (block >= 0 && this.#what[block] === isObject) return;
    const passing = (mayNameNothing && block >= 0 && this.#what[block] === isFree) || this.#inFlight.has(object);
    this.#problems.add('dangling-reference', () => `${who()} refers to ${object}, where no object lives`, { passing });
  }

  #compareCounts(): void {
    eachBlock(this.#segments, (offset, block) => {
      if (this.#what[block] !== isObject) return;
      const low = this.#view.getUint32(offset, true);
      const high = this.#view.getUint32(offset + 4, true);
      const count = (high >>> 8) & 0x3fff;
      const found = this.#found[block]!;
      if (found === count) return;
      const kind = found === 0 ? 'leak' : found < count ? 'over-counted' : 'under-counted';
      // The word has an era that every transaction changes: with the same one, nobody has touched it.
      this.#problems.add(kind, () => `the object at ${offset} has count ${count}, and ${found} references to it exist`, {
        stamp: `${high} ${low}`,
        passing: Math.abs(found - count) <= (this.#inFlight.get(offset) ?? 0),
      });
    });
  }

  /** A corpse is in the limbo of a client that is there; or it is nobody's, and the next sweep takes it. */
  #checkCorpses(): void {
    if (this.#corpses === 0) return;
    const there = new Set(this.#clients.filter(({ state }) => state !== 'free').map(({ id }) => id));
    const waiting = new Map<number, number>();
    eachBlock(this.#segments, (offset, block) => {
      if (this.#what[block] !== isCorpse) return;
      const low = this.#view.getUint32(offset, true);
      const { clientPlusOne, era } = unpackReferenceWord(low, this.#view.getUint32(offset + 4, true));
      const writer = clientPlusOne - 1;
      if (writer < 0 || writer >= this.#shape.clientCount) {
        this.#problems.add('structure', () => `the corpse at ${offset} names client ${writer}, which cannot be`);
        return;
      }
      const line = this.#shape.clientsOffset + writer * constants.HEAP_CLIENT_BYTES;
      const eraStart = wordAt(this.#view, line + layout.HeapClient.eraStart.offset);
      if (there.has(writer) && era >= eraStart) waiting.set(writer, (waiting.get(writer) ?? 0) + 1);
    });
    for (const [writer, corpses] of waiting) {
      const line = this.#shape.clientsOffset + writer * constants.HEAP_CLIENT_BYTES;
      const limbo = this.#view.getUint32(line + layout.HeapClient.limbo.offset, true);
      if (corpses === limbo) continue;
      this.#problems.add('leak', () => `${corpses} corpses wait for client ${writer}, which knows of ${limbo}`, {
        passing: this.#living.has(writer),
      });
    }
  }

  #countReachable(queues: readonly QueueContent[], names: readonly InspectedName[]): number {
    const seen = new Uint8Array(this.#what.length);
    const open: number[] = [];
    let reached = 0;
    const reach = (object: number): void => {
      const block = this.#blocks.at(object);
      if (block < 0 || this.#what[block] !== isObject || seen[block] === 1) return;
      seen[block] = 1;
      reached++;
      open.push(object);
    };
    eachRoot(this.#view, this.#segments, (_, object) => reach(object));
    for (const { slots } of queues) slots.forEach(reach);
    for (const { object } of names) reach(object);
    while (open.length > 0) {
      const object = open.pop()!;
      const references = referencesOf(this.#view, object, this.#blocks.bytesAt(object));
      for (let index = 0; index < references; index++) reach(referenceAt(this.#view, object, index));
    }
    return reached;
  }
}
