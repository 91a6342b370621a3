import { load64, publish64, store64, swap64 } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { poolBase } from '../place/place';
import { crashPoint, LOCK_WAS_STOLEN, invariant } from '../crash-points/crash-point';
import { LOCK_AFTER_RELEASE, LOCK_AFTER_TAKE } from '../crash-points/catalogue';
import { clientIncarnation, clientState, isFenced, selfClient, selfIncarnation } from '../client-table/client-table';
import { CLIENT_FREE } from '../layout/client';
import { BASELINE_OFFSET } from '../layout/regions';
import {
  BASELINE_CLIENT_LIMIT,
  LOCK_HEAP_LINE,
  LOCK_LINE,
  LOCK_OPENERS_OFFSET,
  LockHeap,
  LockLine,
  LockWord,
} from '../layout/baselines';

function lockAddress(): usize {
  return poolBase + BASELINE_OFFSET + LOCK_LINE + offsetof<LockLine>("word");
}

function ownWord(): u64 {
  return LockWord.pack(<u32>selfClient(), selfIncarnation());
}

export function openerAddress(client: u32): usize {
  return poolBase + BASELINE_OFFSET + LOCK_OPENERS_OFFSET + client * 8;
}

export function isReady(): bool {
  return load64(poolBase + BASELINE_OFFSET + LOCK_HEAP_LINE + offsetof<LockHeap>("ready")) != 0; // sees L2
}

/** Looks at the lock until it is free and swaps it for this client; false after `maxLooks` looks. */
export function takeLock(maxLooks: u32): bool {
  const word: u64 = ownWord();
  for (let looks: u32 = 0; looks < maxLooks; looks++) {
    if (load64(lockAddress()) != 0) continue;
    if (mutant(202)) store64(lockAddress(), word);
    else if (swap64(lockAddress(), 0, word) != 0) continue; // sees L1
    crashPoint(LOCK_AFTER_TAKE);
    return true;
  }
  return false;
}

/**
 * Takes the lock from a holder that died with it, after a full stop only: nobody who lives has the heap open. Two who come at
 * once are told apart by the swap, and an incarnation that died never holds the lock again.
 */
export function takeLockFromTheDead(): bool {
  const holder: u64 = load64(lockAddress());
  const clientPlusOne: u32 = LockWord.clientPlusOne(holder);
  if (clientPlusOne == 0 || clientPlusOne > BASELINE_CLIENT_LIMIT) return false;
  if (!isFenced(clientPlusOne - 1, LockWord.incarnation(holder))) return false;
  if (!mutant(205) && isReady() && somebodyLives()) return false;
  if (mutant(206)) {
    store64(lockAddress(), ownWord());
    return true;
  }
  return swap64(lockAddress(), holder, ownWord()) == holder;
}

/** Whether somebody who has the heap open lives, as far as fence grants tell: who is only suspected may still write. */
function somebodyLives(): bool {
  for (let client: u32 = 0; client < BASELINE_CLIENT_LIMIT; client++) {
    const incarnation: u32 = <u32>load64(openerAddress(client));
    if (incarnation == 0 || clientIncarnation(client) != incarnation) continue;
    if (clientState(client) != CLIENT_FREE && !isFenced(client, incarnation)) return true;
  }
  return false;
}

export function releaseLock(): void {
  invariant(load64(lockAddress()) == ownWord(), LOCK_WAS_STOLEN);
  publish64(lockAddress(), 0); // publishes L1
  crashPoint(LOCK_AFTER_RELEASE);
}

/** Whose the lock is, or -1. */
export function lockHolder(): i32 {
  return <i32>LockWord.clientPlusOne(load64(lockAddress())) - 1;
}
