/** Recounts the whole heap from its bytes: every reference is found, every count is compared, every block is somebody's or free. */
import { constants, layout } from '../../layout/index.ts';
import type { InspectedClient } from '../inspect.ts';
import { type HeapContent, type HeapObject, type InspectedSegment, readContent } from './objects.ts';
import { unpackQueueWord } from './packed-words.ts';
import { type HeapShape, readShape } from './shape.ts';

export interface InspectedHeap {
  readonly shape: HeapShape;
  readonly segments: readonly InspectedSegment[];
  readonly clients: readonly InspectedHeapClient[];
  readonly queues: readonly InspectedQueue[];
  readonly names: readonly { readonly name: string; readonly object: number; readonly owner: number | null }[];
  readonly objects: number;
  /** Bytes of the blocks that hold them. */
  readonly objectBytes: number;
  readonly corpses: number;
  /** Objects with the right count that no root, queue or name leads to: cycles. */
  readonly unreachable: number;
}

export interface InspectedHeapClient {
  readonly id: number;
  readonly era: number;
  readonly eraStart: number;
  readonly heldBytes: number;
  readonly quotaBytes: number;
  readonly roots: number;
  readonly dying: number;
  readonly hazards: readonly number[];
}

export interface InspectedQueue {
  readonly index: number;
  readonly state: 'opening' | 'open' | 'draining';
  readonly sender: number;
  readonly receiver: number;
  readonly senderClosed: boolean;
  readonly receiverClosed: boolean;
  readonly tag: bigint;
  readonly waiting: number;
}

/**
 * `view` over the whole pool, of a moment in which every client is between two operations, and the dead are recovered. Undefined for
 * a pool without a heap. What is wrong is added to `problems`.
 */
export function inspectHeap(
  view: DataView,
  sizeBytes: number,
  clients: readonly InspectedClient[],
  problems: string[],
): InspectedHeap | undefined {
  const shape = readShape(view, sizeBytes, problems);
  if (shape === undefined) return undefined;
  const content = readContent(view, shape, problems);
  const queues = readQueues(view, shape, problems);
  const names = readNames(view, shape);
  checkOwners(content, clients, problems);
  checkFreeLists(view, shape, content, problems);
  const holders = countReferences(view, content, queues, names, problems);
  compareCounts(content, holders, problems);
  checkCorpses(view, shape, content, clients, problems);
  return {
    shape,
    segments: content.segments,
    clients: readClients(view, shape, content, clients, problems),
    queues,
    names: names.map(({ name, object, owner }) => ({ name, object, owner })),
    objects: content.objects.size,
    objectBytes: [...content.objects.values()].reduce((sum, { blockBytes }) => sum + blockBytes, 0),
    corpses: content.corpses.length,
    unreachable: content.objects.size - reachable(view, content, queues, names).size,
  };
}

function readQueues(view: DataView, shape: HeapShape, problems: string[]): (InspectedQueue & { readonly slots: number[] })[] {
  const queues: (InspectedQueue & { readonly slots: number[] })[] = [];
  for (let index = 0; index < shape.queueCount; index++) {
    const at = shape.queuesOffset + index * shape.queueBytes;
    const word = unpackQueueWord(view.getBigUint64(at + layout.QueueState.word.offset, true));
    const tail = Number(view.getBigUint64(at + constants.QUEUE_SENDER_LINE + layout.QueueSender.tail.offset, true));
    const filled = Number(view.getBigUint64(at + constants.QUEUE_SENDER_LINE + layout.QueueSender.filled.offset, true));
    const head = Number(view.getBigUint64(at + constants.QUEUE_RECEIVER_LINE + layout.QueueReceiver.head.offset, true));
    const slots: number[] = [];
    for (let slot = 0; slot < shape.queueCapacity; slot++) {
      const object = Number(view.getBigUint64(at + constants.QUEUE_SLOTS_OFFSET + slot * 8, true));
      if (object !== 0) slots.push(object);
    }
    const state = ([undefined, 'opening', 'open', 'draining'] as const)[word.state];
    if (state === undefined) {
      if (slots.length > 0) problems.push(`queue ${index} is free and holds ${slots.length} references`);
      continue;
    }
    if (state === 'open' && !word.senderClosed && slots.length !== filled - head) {
      problems.push(`queue ${index} was filled ${filled} times and emptied ${head} times, and holds ${slots.length} references`);
    }
    if (tail > filled || head > tail) problems.push(`queue ${index} has head ${head}, tail ${tail}, filled ${filled}`);
    const tag = view.getBigUint64(at + constants.QUEUE_DESCRIPTOR_LINE + layout.QueueDescriptor.tag.offset, true);
    const { sender, receiver, senderClosed, receiverClosed } = word;
    queues.push({ index, state, sender, receiver, senderClosed, receiverClosed, tag, waiting: tail - head, slots });
  }
  return queues;
}

interface NamedRoot {
  readonly name: string;
  readonly object: number;
  readonly owner: number | null;
}

function readNames(view: DataView, shape: HeapShape): NamedRoot[] {
  const names: NamedRoot[] = [];
  const { NamedRoot } = layout;
  for (let index = 0; index < shape.nameCount; index++) {
    const at = shape.namesOffset + index * constants.NAMED_ROOT_BYTES;
    const length = Number(view.getBigUint64(at + NamedRoot.nameBytes.offset, true));
    if (length === 0) continue;
    const bytes = new Uint8Array(view.buffer, view.byteOffset + at + 64, Math.min(length, constants.NAME_LIMIT_BYTES));
    const owner = view.getUint32(at + NamedRoot.owner.offset, true) & 0x3ff;
    names.push({
      name: new TextDecoder().decode(bytes.slice()),
      object: Number(view.getBigUint64(at + NamedRoot.slot.offset, true)),
      owner: owner === 0 ? null : owner - 1,
    });
  }
  return names;
}

/** An owned segment's owner is there, in that incarnation: nobody else gives it back. */
function checkOwners({ segments }: HeapContent, clients: readonly InspectedClient[], problems: string[]): void {
  const incarnations = new Map(clients.filter(({ state }) => state !== 'free').map(({ id, incarnation }) => [id, incarnation]));
  const bySegment = new Map(segments.map((segment) => [segment.index, segment]));
  for (const { index, state, owner, incarnation, position } of segments) {
    if (state === 'owned' && incarnations.get(owner ?? -1) !== incarnation) {
      problems.push(`segment ${index} is owned by incarnation ${incarnation} of client ${owner}, which is gone`);
    }
    if (state === 'huge' && position > 0 && bySegment.get(index - position)?.state !== 'huge') {
      problems.push(`segment ${index} is number ${position} of a run without a first segment`);
    }
    if (state === 'huge' && position === 0 && bySegment.get(index)?.usedBlocks === 0) {
      problems.push(`segment ${index} begins a run that holds no object`);
    }
  }
}

/** What an owner takes for a free block is one. */
function checkFreeLists(view: DataView, shape: HeapShape, content: HeapContent, problems: string[]): void {
  for (const { index, state } of content.segments) {
    if (state !== 'owned') continue;
    for (let page = 0; page < shape.pagesPerSegment; page++) {
      const at =
        shape.segmentTableOffset +
        index * shape.segmentEntryBytes +
        constants.SEGMENT_PAGES_OFFSET +
        page * constants.PAGE_ENTRY_BYTES;
      if ((view.getUint32(at + layout.PageEntry.word.offset, true) & 0xff) !== constants.PAGE_BLOCKS) continue;
      const seen = new Set<number>();
      for (let block = view.getUint32(at + layout.PageEntry.free.offset, true); block !== 0; ) {
        if (!content.freeBlocks.has(block) || seen.has(block)) {
          problems.push(
            `the free list of page ${page} of segment ${index} has ${block}, which is ${seen.has(block) ? 'there twice' : 'no free block'}`,
          );
          break;
        }
        seen.add(block);
        block = view.getUint32(block + layout.ObjectHeader.next.offset, true);
      }
    }
  }
}

/** How many slots refer to each offset. */
function countReferences(
  view: DataView,
  content: HeapContent,
  queues: readonly { readonly index: number; readonly slots: readonly number[] }[],
  names: readonly NamedRoot[],
  problems: string[],
): ReadonlyMap<number, number> {
  const holders = new Map<number, number>();
  const hold = (object: number, who: () => string): void => {
    if (object === 0) return;
    if (!content.objects.has(object)) problems.push(`${who()} refers to ${object}, where no object lives`);
    holders.set(object, (holders.get(object) ?? 0) + 1);
  };
  for (const { client, offset, object } of content.roots) hold(object, () => `root ${offset} of client ${client}`);
  for (const { offset, references } of [...content.objects.values(), ...content.corpses]) {
    for (let index = 0; index < references; index++) {
      hold(
        Number(view.getBigUint64(offset + constants.OBJECT_HEADER_BYTES + index * 8, true)),
        () => `reference ${index} of the object at ${offset}`,
      );
    }
  }
  for (const { index, slots } of queues) for (const object of slots) hold(object, () => `queue ${index}`);
  for (const { name, object } of names) hold(object, () => `the named root ${name}`);
  return holders;
}

function compareCounts({ objects }: HeapContent, holders: ReadonlyMap<number, number>, problems: string[]): void {
  for (const { offset, count } of objects.values()) {
    const found = holders.get(offset) ?? 0;
    if (found !== count) problems.push(`the object at ${offset} has count ${count}, and ${found} references to it exist`);
  }
}

/** A corpse is in the hands of a client that is there, and somebody looks at it; or it is nobody's, and the next sweep takes it. */
function checkCorpses(
  view: DataView,
  shape: HeapShape,
  { corpses }: HeapContent,
  clients: readonly InspectedClient[],
  problems: string[],
): void {
  const there = new Set(clients.filter(({ state }) => state !== 'free').map(({ id }) => id));
  const lookers =
    view.getBigUint64(constants.HAZARD_USERS_OFFSET, true) |
    view.getBigUint64(constants.HAZARD_USERS_OFFSET + 8, true) |
    view.getBigUint64(constants.HAZARD_USERS_OFFSET + 16, true) |
    view.getBigUint64(constants.HAZARD_USERS_OFFSET + 24, true);
  for (const { offset, writer, era } of corpses) {
    if (writer < 0 || writer >= shape.clientCount) {
      problems.push(`the corpse at ${offset} names client ${writer}, which cannot be`);
      continue;
    }
    const line = shape.clientsOffset + writer * constants.HEAP_CLIENT_BYTES;
    const eraStart = Number(view.getBigUint64(line + layout.HeapClient.eraStart.offset, true));
    if (there.has(writer) && era >= eraStart && lookers === 0n) {
      problems.push(`the corpse at ${offset} waits for client ${writer}, which has nothing left to do`);
    }
  }
}

function readClients(
  view: DataView,
  shape: HeapShape,
  content: HeapContent,
  clients: readonly InspectedClient[],
  problems: string[],
): InspectedHeapClient[] {
  const found: InspectedHeapClient[] = [];
  for (const { id, incarnation, state } of clients) {
    if (id >= shape.clientCount) continue;
    const line = shape.clientsOffset + id * constants.HEAP_CLIENT_BYTES;
    const dying = view.getUint32(line + layout.HeapClient.dying.offset, true);
    if (dying !== 0) problems.push(`client ${id} has corpses on its dying list`);
    const hazards: number[] = [];
    for (let index = 0; index < constants.HAZARD_COUNT; index++) {
      const object = Number(view.getBigUint64(line + constants.HEAP_HAZARD_LINE + index * 8, true));
      if (object !== 0) hazards.push(object);
    }
    if (state === 'free' && hazards.length > 0) problems.push(`client ${id} is free and looks at ${hazards.join(', ')}`);
    const held = content.segments.filter(
      (segment) => segment.owner === id && segment.incarnation === incarnation && segment.state !== 'free',
    );
    found.push({
      id,
      era: Number(view.getBigUint64(shape.erasOffset + id * shape.eraRowBytes + id * 8, true)),
      eraStart: Number(view.getBigUint64(line + layout.HeapClient.eraStart.offset, true)),
      heldBytes: held.length * shape.segmentBytes,
      quotaBytes: Number(view.getBigUint64(line + layout.HeapClient.quotaBytes.offset, true)),
      roots: content.roots.filter(({ client }) => client === id).length,
      dying,
      hazards,
    });
  }
  return found;
}

function reachable(
  view: DataView,
  content: HeapContent,
  queues: readonly { readonly slots: readonly number[] }[],
  names: readonly NamedRoot[],
): ReadonlySet<number> {
  const seen = new Set<number>();
  const open: HeapObject[] = [];
  const reach = (offset: number): void => {
    const object = content.objects.get(offset);
    if (object === undefined || seen.has(offset)) return;
    seen.add(offset);
    open.push(object);
  };
  for (const { object } of content.roots) reach(object);
  for (const { slots } of queues) slots.forEach(reach);
  for (const { object } of names) reach(object);
  for (let object = open.pop(); object !== undefined; object = open.pop()) {
    for (let index = 0; index < object.references; index++) {
      reach(Number(view.getBigUint64(object.offset + constants.OBJECT_HEADER_BYTES + index * 8, true)));
    }
  }
  return seen;
}
