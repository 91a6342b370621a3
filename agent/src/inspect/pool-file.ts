/**
 * The bytes of a pool file, of which only those are read that mean something: the tables, and the pages that are in use. The rest
 * of the buffer is never touched, so that a pool of gigabytes costs as much memory as it holds objects.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { constants, controlBytes, layout, layoutHash } from '../layout/index.ts';
import { type HeapPage, readSegments } from './heap/pages.ts';
import { type HeapShape, readShape } from './heap/shape.ts';
import { Problems } from './problems.ts';

/** Of at least the control part; the whole pool, when it has a heap. */
export interface PoolBytes {
  readonly bytes: Uint8Array;
  readonly sizeBytes: number;
}

/** A device-dax cannot be read, only mapped: give its bytes to `inspectPool`. Throws the system's error. */
export function readPoolFile(path: string): PoolBytes {
  const file = openSync(path, 'r');
  try {
    return readOpenPool(file, fstatSync(file).size);
  } finally {
    closeSync(file);
  }
}

function readOpenPool(file: number, sizeBytes: number): PoolBytes {
  const control = new Uint8Array(Math.min(sizeBytes, controlBytes));
  fill(file, control, 0, control.length);
  const shape = control.length < controlBytes ? undefined : shapeIn(control, sizeBytes);
  if (shape === undefined) return { bytes: control, sizeBytes };

  const bytes = new Uint8Array(sizeBytes);
  bytes.set(control);
  fill(file, bytes, shape.erasOffset, shape.segmentsOffset);
  const view = new DataView(bytes.buffer);
  for (const { pages } of readSegments(view, shape, new Problems())) {
    for (const page of pages) readPage(file, bytes, view, page);
  }
  return { bytes, sizeBytes };
}

/** What is wrong with it is told when the bytes are inspected. */
function shapeIn(control: Uint8Array, sizeBytes: number): HeapShape | undefined {
  const view = new DataView(control.buffer);
  const version = view.getBigUint64(layout.Superblock.layoutVersion.offset, true).toString(16).padStart(16, '0');
  return version === layoutHash ? readShape(view, sizeBytes, new Problems()) : undefined;
}

/** Of a large object only the header and the references. */
function readPage(file: number, bytes: Uint8Array, view: DataView, { kind, offset, blockBytes, count }: HeapPage): void {
  if (kind === 'blocks' || kind === 'roots') {
    fill(file, bytes, offset, offset + blockBytes * count);
    return;
  }
  const payload = offset + constants.OBJECT_HEADER_BYTES;
  fill(file, bytes, offset, payload);
  const references = view.getUint32(offset + layout.ObjectHeader.references.offset, true);
  fill(file, bytes, payload, Math.min(payload + references * 8, offset + blockBytes));
}

/** A file that is shorter leaves zeros. */
function fill(file: number, bytes: Uint8Array, from: number, to: number): void {
  const end = Math.min(to, bytes.length);
  for (let at = from; at < end; ) {
    const read = readSync(file, bytes, at, Math.min(end - at, 2 ** 30), at);
    if (read === 0) return;
    at += read;
  }
}
