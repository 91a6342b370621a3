import { keep32, load64, publish64, recall32, store64, swap64 } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { threadBase } from '../place/place';
import { ThreadScratch } from '../layout/scratch';
import { ALREADY, BAD_ARGUMENT, FULL, IN_PROGRESS, NOT_FENCED, NOT_JOINED, OK } from '../codes/codes';
import { COMMIT_WAS_STOLEN, crashPoint, invariant } from '../crash-points/crash-point';
import {
  FENCE_AFTER_COMMIT,
  JOIN_AFTER_CLAIM,
  JOIN_AFTER_COMMIT,
  JOIN_AFTER_DESCRIBE,
  LEAVE_AFTER_ANNOUNCE,
  LEAVE_AFTER_COMMIT,
  LEAVE_AFTER_CONNECTIONS,
  LEAVE_AFTER_HEAP,
  RECOVER_AFTER_CHECK,
  RECOVER_AFTER_CLAIM,
  RECOVER_AFTER_COMMIT,
  RECOVER_AFTER_CONNECTIONS,
  RECOVER_AFTER_HEAP,
} from '../crash-points/catalogue';
import { CLIENT_COUNT, RECOVERER_COUNT } from '../layout/regions';
import {
  CLIENT_FENCE_LINE,
  CLIENT_FREE,
  CLIENT_HEARTBEAT_LINE,
  CLIENT_JOINED,
  CLIENT_JOINING,
  CLIENT_LEAVING,
  CLIENT_OWNER_LINE,
  ClientFence,
  ClientHeartbeat,
  ClientOwner,
  ClientState,
  ClientWord,
  INCARNATION_LIMIT,
  MACHINE_LIMIT,
  PROCESS_LIMIT,
  RecoveryClaim,
} from '../layout/client';
import { closeConnectionsOf } from '../rpc/close';
import { actorPlusOne, forgetContext } from '../shm/context';
import { flushUnopened } from '../shm/flush';
import { isRetired } from '../shm/open';
import { recoverHeap, relinquish } from '../shm/recover';
import { clientWord, entryOf, isFenced, isGone, selfClient, selfIncarnation } from './self';

export { clientWord, isFenced, selfClient, selfIncarnation };

/**
 * Takes a free slot of the client table for this thread.
 *
 *   1. claim      Swap { FREE, incarnation } for { JOINING, machine, process, incarnation + 1 }. On a lost race, the next slot.
 *   2. describe   Write the owner line; clear the heartbeat.
 *   3. COMMIT     Swap JOINING for JOINED.
 *
 * Dead before 3, dead after 3: the word names machine, process and incarnation; its fencer finds it and recovery frees the slot.
 */
export function join(machine: u32, process: u32, thread: u32): i32 {
  return joinBetween(0, CLIENT_COUNT - RECOVERER_COUNT, machine, process, thread);
}

/** For a place among those that are kept for who recovers others. */
function joinToRecover(machine: u32, process: u32, thread: u32): i32 {
  return joinBetween(CLIENT_COUNT - RECOVERER_COUNT, CLIENT_COUNT, machine, process, thread);
}

/** Steps of `join`, among these places. */
function joinBetween(first: u32, end: u32, machine: u32, process: u32, thread: u32): i32 {
  if (machine > MACHINE_LIMIT || process > PROCESS_LIMIT) return BAD_ARGUMENT;
  if (recall32(threadBase + offsetof<ThreadScratch>("selfPlusOne")) != 0) return ALREADY;
  for (let client: u32 = first; client < end; client++) {
    const address: usize = entryOf(client) + offsetof<ClientState>("word");
    const seen: u64 = load64(address);
    if (ClientWord.state(seen) != CLIENT_FREE) continue;
    if (ClientWord.incarnation(seen) >= INCARNATION_LIMIT || isRetired(client)) continue;
    const incarnation: u32 = mutant(2) ? max<u32>(ClientWord.incarnation(seen), 1) : ClientWord.incarnation(seen) + 1;
    const claim: u64 = ClientWord.pack(CLIENT_JOINING, machine, process, incarnation);
    if (mutant(3)) store64(address, claim);
    else if (swap64(address, seen, claim) != seen) continue;
    crashPoint(JOIN_AFTER_CLAIM);

    store64(entryOf(client) + CLIENT_OWNER_LINE + offsetof<ClientOwner>("thread"), <u64>thread);
    store64(entryOf(client) + CLIENT_HEARTBEAT_LINE + offsetof<ClientHeartbeat>("beats"), 0);
    crashPoint(JOIN_AFTER_DESCRIBE);

    const before: u64 = swap64(address, claim, ClientWord.pack(CLIENT_JOINED, machine, process, incarnation));
    invariant(before == claim, COMMIT_WAS_STOLEN);
    crashPoint(JOIN_AFTER_COMMIT);

    keep32(threadBase + offsetof<ThreadScratch>("selfPlusOne"), client + 1);
    keep32(threadBase + offsetof<ThreadScratch>("incarnation"), incarnation);
    keep32(threadBase + offsetof<ThreadScratch>("machine"), machine);
    keep32(threadBase + offsetof<ThreadScratch>("process"), process);
    return OK;
  }
  return FULL;
}

/**
 * Gives the slot back.
 *
 *   1. announce      Swap { JOINED, ... } for { LEAVING, ... }: nobody opens anything towards this client from here on.
 *   2. heap          Relinquish what it holds there.
 *   3. connections   Close this client's side of each.
 *   4. COMMIT        Swap { LEAVING, ... } for { FREE, incarnation }.
 *
 * Dead before 4: the client is fenced and recovered like any other. Dead after 4: it left.
 */
export function leave(): i32 {
  const client: i32 = selfClient();
  if (client < 0) return NOT_JOINED;
  const address: usize = entryOf(<u32>client) + offsetof<ClientState>("word");
  const joined: u64 = load64(address);
  invariant(ClientWord.incarnation(joined) == selfIncarnation() && ClientWord.state(joined) == CLIENT_JOINED, COMMIT_WAS_STOLEN);
  const leaving: u64 = ClientWord.pack(CLIENT_LEAVING, ClientWord.machine(joined), ClientWord.process(joined), selfIncarnation());
  invariant(swap64(address, joined, leaving) == joined, COMMIT_WAS_STOLEN);
  crashPoint(LEAVE_AFTER_ANNOUNCE);
  if (actorPlusOne() != 0) {
    relinquish();
    forgetContext();
  }
  crashPoint(LEAVE_AFTER_HEAP);
  closeConnectionsOf(<u32>client);
  crashPoint(LEAVE_AFTER_CONNECTIONS);

  const before: u64 = swap64(address, leaving, ClientWord.pack(CLIENT_FREE, 0, 0, ClientWord.incarnation(leaving)));
  invariant(before == leaving, COMMIT_WAS_STOLEN);
  crashPoint(LEAVE_AFTER_COMMIT);
  keep32(threadBase + offsetof<ThreadScratch>("selfPlusOne"), 0);
  return OK;
}

/** Writes the fence grant. Only for who has seen the end of this incarnation. Idempotent; grants only grow. */
export function grantFence(client: u32, incarnation: u32): i32 {
  if (client >= CLIENT_COUNT || incarnation == 0) return BAD_ARGUMENT;
  if (incarnation > ClientWord.incarnation(clientWord(client))) return BAD_ARGUMENT;
  const address: usize = entryOf(client) + CLIENT_FENCE_LINE + offsetof<ClientFence>("incarnation");
  // Or a grant outlives the word that it is about, and the next to join with this incarnation is born fenced.
  if (!mutant(177)) flushUnopened(entryOf(client));
  // A lost swap means that another grant came in between; incarnations bound how often.
  for (let seen: u64 = load64(address); seen < <u64>incarnation; ) {
    const before: u64 = swap64(address, seen, <u64>incarnation); // publishes C1
    if (before == seen) break;
    seen = before;
  }
  crashPoint(FENCE_AFTER_COMMIT);
  return OK;
}

/**
 * Fences the client in this place if it is of this process, whose end was seen. The incarnation that was fenced, or 0. All of it
 * from one load: a place that changes hands meanwhile must not have its next occupant fenced.
 */
export function fenceIfOf(client: u32, machine: u32, process: u32): u32 {
  if (client >= CLIENT_COUNT) return 0;
  const word: u64 = clientWord(client);
  if (ClientWord.state(word) == CLIENT_FREE) return 0;
  if (ClientWord.machine(word) != machine || ClientWord.process(word) != process) return 0;
  return fenceOf(client, word);
}

/** The same for whatever client of this machine: the end of the whole machine was seen. */
export function fenceIfOn(client: u32, machine: u32): u32 {
  if (client >= CLIENT_COUNT) return 0;
  const word: u64 = clientWord(client);
  if (ClientWord.state(word) == CLIENT_FREE || ClientWord.machine(word) != machine) return 0;
  return fenceOf(client, word);
}

/** `word`: as it was seen in this place. */
function fenceOf(client: u32, word: u64): u32 {
  const incarnation: u32 = ClientWord.incarnation(word);
  return grantFence(client, incarnation) == OK ? incarnation : 0;
}

/** Says that somebody suspects this incarnation to be dead. Decides nothing: only a fence grant does. */
export function suspectClient(client: u32, incarnation: u32): i32 {
  if (client >= CLIENT_COUNT || incarnation == 0 || incarnation != ClientWord.incarnation(clientWord(client))) return BAD_ARGUMENT;
  publish64(entryOf(client) + CLIENT_FENCE_LINE + offsetof<ClientFence>("suspected"), <u64>incarnation);
  return OK;
}

/** The newest incarnation that somebody suspected, or 0. */
export function suspectedIncarnation(client: u32): u32 {
  return client >= CLIENT_COUNT ? 0 : <u32>load64(entryOf(client) + CLIENT_FENCE_LINE + offsetof<ClientFence>("suspected"));
}

/**
 * Finishes in a dead client's name what it left. Whoever recovers is a client itself, so that its own death can be seen: a thread
 * that has not joined takes one of the places that are kept for this, and gives it back.
 *
 *   1. check         The fence grant for this incarnation must stand.
 *   2. claim         Swap the claim for { this incarnation, this client }; one that stands is void when its recoverer is fenced.
 *   3. heap          Resolve its transaction, then relinquish what it holds, as the dead client.
 *   4. connections   Close its side of each.
 *   5. COMMIT        Swap { ..., incarnation } for { FREE, incarnation }.
 *
 * Every step can be repeated. Dead before 5: once this recoverer is fenced, the next starts over. Dead after 5: done.
 * OK, ALREADY, NOT_FENCED, IN_PROGRESS while another client has the claim, FULL when all those places are taken, BAD_ARGUMENT.
 */
export function recoverClient(client: u32, incarnation: u32): i32 {
  if (client >= CLIENT_COUNT || incarnation == 0 || <i32>client == selfClient()) return BAD_ARGUMENT;
  if (!isFenced(client, incarnation)) return NOT_FENCED;
  if (isGone(client, incarnation)) return ALREADY;
  if (selfClient() >= 0) return recoverAsClient(client, incarnation);
  const machine: u32 = recall32(threadBase + offsetof<ThreadScratch>("machine"));
  const joined: i32 = joinToRecover(machine, recall32(threadBase + offsetof<ThreadScratch>("process")), 0);
  if (joined != OK) return joined;
  const code: i32 = recoverAsClient(client, incarnation);
  leave();
  return code;
}

function recoverAsClient(client: u32, incarnation: u32): i32 {
  const address: usize = entryOf(client) + offsetof<ClientState>("word");
  const seen: u64 = load64(address);
  if (ClientWord.incarnation(seen) != incarnation || ClientWord.state(seen) == CLIENT_FREE) return ALREADY;
  crashPoint(RECOVER_AFTER_CHECK);
  if (!claimRecovery(client, incarnation)) return IN_PROGRESS;
  // Between the look and the claim an earlier recoverer may have finished, and the slot be in use again.
  if (load64(address) != seen) return ALREADY;
  crashPoint(RECOVER_AFTER_CLAIM);

  recoverHeap(client, incarnation);
  crashPoint(RECOVER_AFTER_HEAP);
  closeConnectionsOf(client);
  crashPoint(RECOVER_AFTER_CONNECTIONS);

  const before: u64 = swap64(address, seen, ClientWord.pack(CLIENT_FREE, 0, 0, incarnation));
  crashPoint(RECOVER_AFTER_COMMIT);
  return before == seen ? OK : ALREADY;
}

/** Whether this client may recover that incarnation from here on, alone. */
function claimRecovery(client: u32, incarnation: u32): bool {
  const address: usize = entryOf(client) + CLIENT_FENCE_LINE + offsetof<ClientFence>("recoverer");
  const own: u64 = RecoveryClaim.pack(incarnation, <u32>selfClient(), selfIncarnation());
  const seen: u64 = load64(address);
  if (seen == own) return true;
  const isForThis: bool = RecoveryClaim.recovererPlusOne(seen) != 0 && RecoveryClaim.deadIncarnation(seen) == (incarnation & 0x3fffff);
  if (isForThis && !mutant(4)) {
    const recoverer: u32 = RecoveryClaim.recovererPlusOne(seen) - 1;
    if (!isFenced(recoverer, RecoveryClaim.recovererIncarnation(seen)) && !isGone(recoverer, RecoveryClaim.recovererIncarnation(seen))) return false;
  }
  return swap64(address, seen, own) == seen;
}

export function clientState(client: u32): u32 {
  return ClientWord.state(clientWord(client));
}

export function clientIncarnation(client: u32): u32 {
  return ClientWord.incarnation(clientWord(client));
}

/** The machine of who is in this place, or 0. */
export function clientMachine(client: u32): u32 {
  return ClientWord.machine(clientWord(client));
}

export function clientProcess(client: u32): u32 {
  return ClientWord.process(clientWord(client));
}

/** How often the heart of who is in this place has beaten; the lower half, since nobody looks so rarely. */
export function clientBeats(client: u32): u32 {
  return <u32>load64(entryOf(client) + CLIENT_HEARTBEAT_LINE + offsetof<ClientHeartbeat>("beats"));
}
