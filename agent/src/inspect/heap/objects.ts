/** Walks every segment and lists what its blocks hold. */
import { constants, layout } from '../../layout/index.ts';
import { unpackPageWord, unpackReferenceWord, unpackSegmentWord } from './packed-words.ts';
import type { HeapShape } from './shape.ts';

export interface HeapObject {
  /** Of its header, from the start of the pool. */
  readonly offset: number;
  readonly count: number;
  /** Embedded references. */
  readonly references: number;
  readonly blockBytes: number;
  /** Who counted last: client id, or -1. */
  readonly writer: number;
  readonly era: number;
}

export interface InspectedSegment {
  readonly index: number;
  readonly state: 'free' | 'owned' | 'abandoned' | 'huge';
  readonly owner: number | null;
  readonly incarnation: number;
  /** Of a huge object's segment: how many lie before it. */
  readonly position: number;
  readonly freePages: number;
  readonly blocks: number;
  readonly usedBlocks: number;
}

export interface HeapContent {
  readonly segments: readonly InspectedSegment[];
  /** By offset of the header. */
  readonly objects: ReadonlyMap<number, HeapObject>;
  /** Count 0 and not free: being disposed of. */
  readonly corpses: readonly HeapObject[];
  readonly roots: readonly { readonly client: number; readonly offset: number; readonly object: number }[];
  /** Offsets of free blocks of live pages. */
  readonly freeBlocks: ReadonlySet<number>;
}

export function readContent(view: DataView, shape: HeapShape, problems: string[]): HeapContent {
  const content = {
    segments: [] as InspectedSegment[],
    objects: new Map<number, HeapObject>(),
    corpses: [] as HeapObject[],
    roots: [] as { client: number; offset: number; object: number }[],
    freeBlocks: new Set<number>(),
  };
  for (let index = 0; index < shape.segmentCount; index++) readSegment(view, shape, index, content, problems);
  return content;
}

type Content = {
  segments: InspectedSegment[];
  objects: Map<number, HeapObject>;
  corpses: HeapObject[];
  roots: { client: number; offset: number; object: number }[];
  freeBlocks: Set<number>;
};

const states = ['free', 'owned', 'abandoned', 'huge'] as const;

function readSegment(view: DataView, shape: HeapShape, index: number, content: Content, problems: string[]): void {
  const entry = shape.segmentTableOffset + index * shape.segmentEntryBytes;
  const word = unpackSegmentWord(view.getBigUint64(entry + layout.SegmentState.word.offset, true));
  const state = states[word.state];
  if (state === undefined) {
    problems.push(`segment ${index} is in state ${word.state}, which does not exist`);
    return;
  }
  const owner = word.ownerPlusOne === 0 ? null : word.ownerPlusOne - 1;
  if ((state === 'owned' || state === 'huge') && owner === null) problems.push(`segment ${index} is ${state} by nobody`);
  const segment = { index, state, owner, incarnation: word.incarnation, position: word.position };
  const tally = { freePages: 0, blocks: 0, usedBlocks: 0 };
  const isTail = state === 'huge' && word.position > 0;
  for (let page = 0; page < shape.pagesPerSegment && !isTail; ) {
    page += readPage(view, shape, segment, page, tally, content, problems);
  }
  content.segments.push({ ...segment, ...tally });
}

type Tally = { freePages: number; blocks: number; usedBlocks: number };

/** How many pages it read. */
function readPage(
  view: DataView,
  shape: HeapShape,
  segment: { readonly index: number; readonly state: InspectedSegment['state']; readonly owner: number | null },
  page: number,
  tally: Tally,
  content: Content,
  problems: string[],
): number {
  const at =
    shape.segmentTableOffset +
    segment.index * shape.segmentEntryBytes +
    constants.SEGMENT_PAGES_OFFSET +
    page * constants.PAGE_ENTRY_BYTES;
  const word = unpackPageWord(view.getBigUint64(at + layout.PageEntry.word.offset, true));
  const base = shape.segmentsOffset + segment.index * shape.segmentBytes + page * shape.pageBytes;
  const where = `page ${page} of segment ${segment.index}`;
  if (word.kind === constants.PAGE_FREE) {
    tally.freePages++;
    return 1;
  }
  if (segment.state === 'free') problems.push(`${where} is in use, its segment is free`);
  if (word.kind === constants.PAGE_ROOTS) {
    if (segment.state === 'abandoned') problems.push(`${where} holds roots of nobody`);
    for (let offset = base; offset < base + shape.pageBytes; offset += 8) {
      const held = view.getBigUint64(offset, true);
      if (held !== 0n && (held & 1n) === 0n) content.roots.push({ client: segment.owner ?? -1, offset, object: Number(held) });
    }
    return 1;
  }
  if (word.kind === constants.PAGE_BLOCKS) {
    if (word.blockBytes < 16 || word.blockBytes % 16 !== 0 || word.blockBytes > shape.pageBytes) {
      problems.push(`${where} has blocks of ${word.blockBytes} bytes`);
      return 1;
    }
    for (let offset = base; offset + word.blockBytes <= base + shape.pageBytes; offset += word.blockBytes) {
      readBlock(view, offset, word.blockBytes, tally, content, problems);
    }
    return 1;
  }
  if (word.kind === constants.PAGE_RUN || word.kind === constants.PAGE_HUGE) {
    readBlock(view, base, word.blockBytes, tally, content, problems);
    return word.kind === constants.PAGE_HUGE ? shape.pagesPerSegment : Math.max(word.run, 1);
  }
  problems.push(`${where} is of kind ${word.kind}, which does not exist`);
  return 1;
}

function readBlock(view: DataView, offset: number, blockBytes: number, tally: Tally, content: Content, problems: string[]): void {
  tally.blocks++;
  const low = view.getUint32(offset, true);
  const high = view.getUint32(offset + 4, true);
  if (low === 0 && high === 0) {
    content.freeBlocks.add(offset);
    return;
  }
  tally.usedBlocks++;
  const { clientPlusOne, count, era } = unpackReferenceWord(low, high);
  const references = view.getUint32(offset + layout.ObjectHeader.references.offset, true);
  if (constants.OBJECT_HEADER_BYTES + references * 8 > blockBytes) {
    problems.push(`the object at ${offset} has ${references} references in a block of ${blockBytes} bytes`);
    return;
  }
  const object = { offset, count, references, blockBytes, writer: clientPlusOne - 1, era };
  if (count > 0) content.objects.set(offset, object);
  else content.corpses.push(object);
}
