// Looking at an object without a reference to it: the object's memory stays what it is while a hazard names it.

import { keep32, load64, or64, publish64, recall32, swap64 } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { poolBase } from '../place/place';
import { HAZARD_COUNT, HEAP_HAZARD_LINE } from '../layout/heap';
import { HAZARD_USERS_OFFSET } from '../layout/regions';
import { HeapScratch } from '../layout/scratch';
import { actorPlusOne, heap, heapClientAt, isActing } from './context';
import { flush } from './flush';

/** Lost swaps when a client's bit is cleared: every loss is another client's bit. */
const USER_RETRY_LIMIT: u32 = 100000;

function userWordAt(client: u32): usize {
  return poolBase + HAZARD_USERS_OFFSET + (client >> 6) * 8;
}

/**
 * Says that this client looks at `object`. The caller then reads the slot again from which it has the offset: when it still holds
 * the offset, whoever disposes of the object will see the hazard. publishes H1
 */
export function setHazard(index: u32, object: u32): void {
  const client: u32 = actorPlusOne() - 1;
  if (recall32(heap() + offsetof<HeapScratch>("usesHazards")) == 0) {
    or64(userWordAt(client), <u64>1 << (client & 63));
    keep32(heap() + offsetof<HeapScratch>("usesHazards"), 1);
  }
  if (mutant(41)) return;
  publish64(recall32(heap() + offsetof<HeapScratch>("clientAt")) + HEAP_HAZARD_LINE + index * 8, <u64>object);
}

export function clearHazard(index: u32): void {
  publish64(recall32(heap() + offsetof<HeapScratch>("clientAt")) + HEAP_HAZARD_LINE + index * 8, 0);
}

/** Whether any client ever looked at an object without holding it. */
export function anybodyLooks(): bool {
  const users: usize = poolBase + HAZARD_USERS_OFFSET;
  return (load64(users) | load64(users + 8) | load64(users + 16) | load64(users + 24)) != 0;
}

/** sees H1 */
export function isLookedAt(object: u32): bool {
  for (let group: u32 = 0; group < 4; group++) {
    let users: u64 = load64(poolBase + HAZARD_USERS_OFFSET + group * 8);
    while (users != 0) {
      const line: usize = heapClientAt((group << 6) + <u32>ctz(users)) + HEAP_HAZARD_LINE;
      users &= users - 1;
      for (let index: u32 = 0; index < HAZARD_COUNT; index++) {
        if (load64(line + index * 8) == <u64>object) return true;
      }
    }
  }
  return false;
}

/** Whether this client is known to look at objects without holding them. */
export function usesHazards(): bool {
  return recall32(heap() + offsetof<HeapScratch>("usesHazards")) != 0;
}

/** The acting client's hazards and its bit, when it ends. */
export function endHazards(): void {
  for (let index: u32 = 0; index < HAZARD_COUNT; index++) clearHazard(index);
  if (!mutant(173)) flush(recall32(heap() + offsetof<HeapScratch>("clientAt")) + HEAP_HAZARD_LINE);
  endUse();
}

/** The acting client looks at nothing any more. */
export function endUse(): void {
  const client: u32 = actorPlusOne() - 1;
  if (!isActing()) keep32(heap() + offsetof<HeapScratch>("usesHazards"), 0);
  const bit: u64 = <u64>1 << (client & 63);
  for (let tries: u32 = 0; tries < USER_RETRY_LIMIT; tries++) {
    const seen: u64 = load64(userWordAt(client));
    if ((seen & bit) == 0 || swap64(userWordAt(client), seen, seen & ~bit) == seen) return;
  }
}
