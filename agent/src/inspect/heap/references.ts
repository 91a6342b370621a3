/** Who refers to what: walks every reference of the heap, and whatever is reachable. */
import { constants, layout } from '../../layout/index.ts';
import { wordAt } from '../packed-words.ts';
import type { HeapPage, HeapSegment } from './pages.ts';

/** Visits every root that names something. */
export function eachRoot(
  view: DataView,
  segments: readonly HeapSegment[],
  visit: (root: number, object: number, segment: HeapSegment) => void,
): void {
  for (const segment of segments) {
    for (const page of segment.pages) {
      if (page.kind !== 'roots') continue;
      for (let index = 0, root = page.offset; index < page.count; index++, root += 8) {
        // Odd: the link of a list of free ones.
        if ((view.getUint32(root, true) & 1) !== 0) continue;
        const held = wordAt(view, root);
        if (held !== 0) visit(root, held, segment);
      }
    }
  }
}

/** Visits every block. */
export function eachBlock(
  segments: readonly HeapSegment[],
  visit: (offset: number, number: number, page: HeapPage, segment: HeapSegment) => void,
): void {
  for (const segment of segments) {
    for (const page of segment.pages) {
      if (page.kind === 'roots') continue;
      for (let index = 0, offset = page.offset; index < page.count; index++, offset += page.blockBytes) {
        visit(offset, page.firstBlock + index, page, segment);
      }
    }
  }
}

/** Embedded references of the object or corpse at `offset`, as many as fit into its block. */
export function referencesOf(view: DataView, offset: number, blockBytes: number): number {
  const said = view.getUint32(offset + layout.ObjectHeader.references.offset, true);
  const room = Math.floor((blockBytes - constants.OBJECT_HEADER_BYTES) / 8);
  return Math.min(said, room);
}

export function referenceAt(view: DataView, object: number, index: number): number {
  return wordAt(view, object + constants.OBJECT_HEADER_BYTES + index * 8);
}
