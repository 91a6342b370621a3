/** Counts the transactions of a heap while it is at work: each moves its client's own cell of the era matrix on by one. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { constants } from '../../layout/index.ts';
import { Problems } from '../problems.ts';
import { readShape } from './shape.ts';

export interface TransactionCount {
  /** Since it was opened, of all clients. */
  since(): number;
  close(): void;
}

/** Null for a pool without a heap. */
export function openTransactionCount(path: string): TransactionCount | null {
  const file = openSync(path, 'r');
  const start = Buffer.alloc(constants.CONTROL_BYTES);
  const read = readSync(file, start, 0, start.length, 0);
  const view = new DataView(start.buffer, start.byteOffset, read);
  const shape = read === start.length ? readShape(view, fstatSync(file).size, new Problems()) : undefined;
  if (shape === undefined) {
    closeSync(file);
    return null;
  }
  const cell = Buffer.alloc(8);
  const total = (): number => {
    let sum = 0;
    for (let client = 0; client < shape.clientCount; client++) {
      readSync(file, cell, 0, 8, shape.erasOffset + client * (shape.eraRowBytes + 8));
      sum += Number(cell.readBigUInt64LE(0));
    }
    return sum;
  };
  const before = total();
  return { since: () => total() - before, close: () => closeSync(file) };
}
