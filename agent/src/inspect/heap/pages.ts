/** Every page of the heap that is in use, and a number for every block in them, so that what is known of blocks lies in arrays. */
import { constants, layout } from '../../layout/index.ts';
import type { Problems } from '../problems.ts';
import { unpackPageWord, unpackSegmentWord } from './packed-words.ts';
import type { HeapShape } from './shape.ts';

export type SegmentStateName = 'free' | 'owned' | 'abandoned' | 'huge';

export interface HeapSegment {
  readonly index: number;
  readonly state: SegmentStateName;
  readonly owner: number | null;
  readonly incarnation: number;
  /** Of a huge object's segment: how many lie before it. */
  readonly position: number;
  readonly freePages: number;
  readonly pages: readonly HeapPage[];
}

export interface HeapPage {
  /** In its segment. */
  readonly index: number;
  readonly kind: 'blocks' | 'roots' | 'run' | 'huge';
  /** From the start of the pool. */
  readonly offset: number;
  readonly blockBytes: number;
  /** Blocks, or roots. */
  readonly count: number;
  /** Number of its first block; those behind it follow. */
  readonly firstBlock: number;
}

/** From the segment table alone: nothing of the segments is read. */
export function readSegments(view: DataView, shape: HeapShape, problems: Problems): readonly HeapSegment[] {
  const segments: HeapSegment[] = [];
  let blocks = 0;
  for (let index = 0; index < shape.segmentCount; index++) {
    const segment = readSegment(view, shape, index, blocks, problems);
    if (segment === null) continue;
    blocks = segment.pages.reduce((sum, { kind, count }) => (kind === 'roots' ? sum : sum + count), blocks);
    segments.push(segment);
  }
  return segments;
}

/** Offset of a page's entry in the segment table. */
export function pageEntryAt(shape: HeapShape, segment: number, page: number): number {
  return (
    shape.segmentTableOffset +
    segment * shape.segmentEntryBytes +
    constants.SEGMENT_PAGES_OFFSET +
    page * constants.PAGE_ENTRY_BYTES
  );
}

/** Which block begins at an offset. */
export class BlockNumbers {
  readonly count: number;
  readonly #shape: HeapShape;
  /** By page of the heap: its first block's number plus one, and the size of its blocks. */
  readonly #first: Uint32Array;
  readonly #blockBytes: Uint32Array;

  constructor(shape: HeapShape, segments: readonly HeapSegment[]) {
    this.#shape = shape;
    this.#first = new Uint32Array(shape.segmentCount * shape.pagesPerSegment);
    this.#blockBytes = new Uint32Array(this.#first.length);
    let count = 0;
    for (const { index, pages } of segments) {
      for (const page of pages) {
        if (page.kind === 'roots') continue;
        const number = index * shape.pagesPerSegment + page.index;
        this.#first[number] = page.firstBlock + 1;
        this.#blockBytes[number] = page.blockBytes;
        count = page.firstBlock + page.count;
      }
    }
    this.count = count;
  }

  /** -1 where no block begins. */
  at(offset: number): number {
    const { segmentsOffset, pageBytes } = this.#shape;
    const inHeap = offset - segmentsOffset;
    if (inHeap < 0) return -1;
    const page = Math.floor(inHeap / pageBytes);
    const first = this.#first[page];
    if (first === undefined || first === 0) return -1;
    const inPage = inHeap - page * pageBytes;
    const blockBytes = this.#blockBytes[page]!;
    const block = Math.floor(inPage / blockBytes);
    return block * blockBytes === inPage && inPage + Math.min(blockBytes, pageBytes) <= pageBytes ? first - 1 + block : -1;
  }

  /** Of the block that begins there, or of its page. */
  bytesAt(offset: number): number {
    return this.#blockBytes[Math.floor((offset - this.#shape.segmentsOffset) / this.#shape.pageBytes)] ?? 0;
  }
}

const states = ['free', 'owned', 'abandoned', 'huge'] as const;

function readSegment(
  view: DataView,
  shape: HeapShape,
  index: number,
  firstBlock: number,
  problems: Problems,
): HeapSegment | null {
  const entry = shape.segmentTableOffset + index * shape.segmentEntryBytes;
  const word = unpackSegmentWord(view.getBigUint64(entry + layout.SegmentState.word.offset, true));
  const state = states[word.state];
  if (state === undefined) {
    problems.add('structure', () => `segment ${index} is in state ${word.state}, which does not exist`);
    return null;
  }
  const owner = word.ownerPlusOne === 0 ? null : word.ownerPlusOne - 1;
  if ((state === 'owned' || state === 'huge') && owner === null) {
    problems.add('structure', () => `segment ${index} is ${state} by nobody`);
  }
  const pages: HeapPage[] = [];
  const isTail = state === 'huge' && word.position > 0;
  let freePages = 0;
  for (let page = 0; page < shape.pagesPerSegment && !isTail; ) {
    const pageWord = unpackPageWord(view.getBigUint64(pageEntryAt(shape, index, page) + layout.PageEntry.word.offset, true));
    if (pageWord.kind === constants.PAGE_FREE) {
      freePages++;
      page++;
      continue;
    }
    const where = `page ${page} of segment ${index}`;
    if (state === 'free') problems.add('leak', () => `${where} is in use, its segment is free`);
    const described = describePage(shape, index, page, pageWord, firstBlock);
    if (typeof described === 'string') {
      problems.add('structure', () => `${where} ${described}`);
      page++;
      continue;
    }
    if (described.kind === 'roots' && state === 'abandoned') problems.add('leak', () => `${where} holds roots of nobody`);
    pages.push(described);
    if (described.kind !== 'roots') firstBlock += described.count;
    page += described.kind === 'huge' ? shape.pagesPerSegment : described.kind === 'run' ? Math.max(pageWord.run, 1) : 1;
  }
  return { index, state, owner, incarnation: word.incarnation, position: word.position, freePages, pages };
}

/** Or why there can be no such page. */
function describePage(
  shape: HeapShape,
  segment: number,
  index: number,
  word: ReturnType<typeof unpackPageWord>,
  firstBlock: number,
): HeapPage | string {
  const offset = shape.segmentsOffset + segment * shape.segmentBytes + index * shape.pageBytes;
  const page = { index, offset, firstBlock };
  const heapEnd = shape.segmentsOffset + shape.segmentCount * shape.segmentBytes;
  if (word.kind === constants.PAGE_ROOTS) return { ...page, kind: 'roots', blockBytes: 8, count: shape.pageBytes / 8 };
  const { blockBytes } = word;
  if (word.kind === constants.PAGE_BLOCKS) {
    if (blockBytes < constants.OBJECT_HEADER_BYTES || blockBytes % 16 !== 0 || blockBytes > shape.pageBytes) {
      return `has blocks of ${blockBytes} bytes`;
    }
    return { ...page, kind: 'blocks', blockBytes, count: Math.floor(shape.pageBytes / blockBytes) };
  }
  if (word.kind !== constants.PAGE_RUN && word.kind !== constants.PAGE_HUGE) {
    return `is of kind ${word.kind}, which does not exist`;
  }
  const kind = word.kind === constants.PAGE_RUN ? 'run' : 'huge';
  if (blockBytes < constants.OBJECT_HEADER_BYTES || offset + blockBytes > heapEnd) {
    return `has an object of ${blockBytes} bytes, which does not fit`;
  }
  return { ...page, kind, blockBytes, count: 1 };
}
