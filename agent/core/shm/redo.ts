// What the transaction in progress is about to do. Two records, so that the second half of a change can be written before the first
// half closes.

import { publish64, recall32, store32, store64 } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { HEAP_REDO_LINE, REDO_RECORD_BYTES, RedoRecord, RedoStamp } from '../layout/heap';
import { HeapScratch } from '../layout/scratch';
import { heap } from './context';
import { Era } from './era';
import { fenceEvidence, flushEvidence } from './flush';

export function redoRecordAt(clientAt: usize, era: u64): usize {
  return clientAt + HEAP_REDO_LINE + (<usize>era & 1) * REDO_RECORD_BYTES;
}

function ownRecordAt(era: u64): usize {
  return redoRecordAt(recall32(heap() + offsetof<HeapScratch>("clientAt")), era);
}

export class Redo {
  /** Written before the commit, which publishes it. A torn record is harmless: its era was never stamped. */
  @inline
  static write(operation: u32, slot: u32, object: u32, other: u32, era: u64): void {
    const record: usize = ownRecordAt(era);
    store32(record + offsetof<RedoRecord>("slot"), slot);
    store32(record + offsetof<RedoRecord>("object"), object);
    store32(record + offsetof<RedoRecord>("other"), other);
    store64(record + offsetof<RedoRecord>("stamp"), RedoStamp.pack(operation, era));
    if (!mutant(102)) flushEvidence(record);
  }

  /** Written as the commit itself. */
  @inline
  static commit(operation: u32, slot: u32, object: u32, other: u32): void {
    const record: usize = ownRecordAt(Era.current());
    store32(record + offsetof<RedoRecord>("slot"), slot);
    store32(record + offsetof<RedoRecord>("object"), object);
    store32(record + offsetof<RedoRecord>("other"), other);
    publish64(record + offsetof<RedoRecord>("stamp"), RedoStamp.pack(operation, Era.current()));
    if (!mutant(103)) flushEvidence(record);
    if (!mutant(104)) fenceEvidence();
  }

  /** A transaction that was given up before its commit must not name an object that others may free. */
  @inline
  static forget(): void {
    if (mutant(55)) return;
    publish64(ownRecordAt(Era.current()) + offsetof<RedoRecord>("stamp"), 0);
  }
}

