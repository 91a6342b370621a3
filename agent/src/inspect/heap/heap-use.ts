/** How much of a heap is in use, from its tables alone: quick enough to be asked every second while the heap is at work. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { controlBytes, layout } from '../../layout/index.ts';
import { Problems } from '../problems.ts';
import { pageEntryAt, readSegments } from './pages.ts';
import { readShape } from './shape.ts';

export interface HeapUse {
  readonly clientCount: number;
  readonly segmentCount: number;
  readonly segmentBytes: number;
  /** Segments that have an owner, or had one who left objects in them, or hold a huge object. */
  readonly takenSegments: number;
  /** Bytes of blocks that are not on a free list, as the owners of the segments last wrote it; between two steps it may be off by a block. */
  readonly usedBytes: number;
}

/** Null for a pool without a heap. Throws the system's error. */
export function readHeapUse(path: string): HeapUse | null {
  const file = openSync(path, 'r');
  try {
    const sizeBytes = fstatSync(file).size;
    const control = readFrom(file, 0, Math.min(sizeBytes, controlBytes));
    if (control.length < controlBytes) return null;
    const shape = readShape(viewOf(control), sizeBytes, new Problems());
    if (shape === undefined) return null;
    const { clientCount, segmentCount, segmentBytes, segmentTableOffset, segmentEntryBytes } = shape;
    const entries = readFrom(file, segmentTableOffset, segmentCount * segmentEntryBytes);
    const inTable = { ...shape, segmentTableOffset: 0 };
    const view = viewOf(entries);
    const taken = readSegments(view, inTable, new Problems()).filter(({ state }) => state !== 'free');
    const usedBytes = taken
      .flatMap(({ index, pages }) => pages.map((page) => ({ segment: index, ...page })))
      .reduce((sum, { segment, index, kind, blockBytes, count }) => {
        if (kind === 'roots') return sum;
        if (kind !== 'blocks') return sum + blockBytes * count;
        const used = view.getUint32(pageEntryAt(inTable, segment, index) + layout.PageEntry.used.offset, true);
        return sum + Math.min(used, count) * blockBytes;
      }, 0);
    return { clientCount, segmentCount, segmentBytes, takenSegments: taken.length, usedBytes };
  } finally {
    closeSync(file);
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function readFrom(file: number, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  while (at < length) {
    const read = readSync(file, bytes, at, length - at, offset + at);
    if (read === 0) break;
    at += read;
  }
  return bytes.subarray(0, at);
}
