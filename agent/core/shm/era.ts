// The distributed vector clock, a row per client (CXL-SHM, era matrix).

import { keep64, load64, publish64, recall32, recall64 } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { ReferenceWord } from '../layout/object';
import { HeapScratch } from '../layout/scratch';
import { BROKEN_WORD, crashPoint, invariant } from '../crash-points/crash-point';
import { SHM_ADVANCE_AFTER_COMMIT } from '../crash-points/catalogue';
import { actorPlusOne, eraCellAt, heap } from './context';
import { flush, flushEvidence } from './flush';

export class Era {
  /** The era of the transaction that this client is in, or will begin next. */
  @inline
  static current(): u64 {
    return recall64(heap() + offsetof<HeapScratch>("era"));
  }

  /**
   * Before a word is overwritten: keeps the evidence that its last writer's transaction committed. Only this client writes its row.
   * publishes W1
   */
  @inline
  static witness(word: u64): void {
    const writer: u32 = ReferenceWord.clientPlusOne(word);
    if (writer == 0 || writer == actorPlusOne()) return;
    invariant(writer <= recall32(heap() + offsetof<HeapScratch>("clientCount")), BROKEN_WORD);
    if (mutant(20)) return;
    const cell: usize = recall32(heap() + offsetof<HeapScratch>("eraRowAt")) + (writer - 1) * 8;
    const era: u64 = ReferenceWord.era(word);
    if (era <= load64(cell)) return;
    publish64(cell, era);
    if (!mutant(100)) flushEvidence(cell);
  }

  /** Closes the transaction: whatever its record says is done. publishes E1 */
  @inline
  static advance(): void {
    const next: u64 = Era.current() + 1;
    keep64(heap() + offsetof<HeapScratch>("era"), next);
    const cell: usize = recall32(heap() + offsetof<HeapScratch>("eraAt"));
    publish64(cell, next);
    crashPoint(SHM_ADVANCE_AFTER_COMMIT);
    if (!mutant(101)) flush(cell);
  }
}

/** Whether anybody ever saw this era of this client in a word. sees W1 */
export function wasWitnessed(client: u32, era: u64): bool {
  const clientCount: u32 = recall32(heap() + offsetof<HeapScratch>("clientCount"));
  for (let row: u32 = 0; row < clientCount; row++) {
    if (row != client && load64(eraCellAt(row, client)) >= era) return true;
  }
  return false;
}
