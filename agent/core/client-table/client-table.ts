import { keep32, load64, recall32, store64, swap64 } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { poolBase, threadBase } from '../place/place';
import { ThreadScratch } from '../layout/scratch';
import { ALREADY, BAD_ARGUMENT, FULL, NOT_FENCED, NOT_JOINED, OK } from '../codes/codes';
import { COMMIT_WAS_STOLEN, crashPoint, invariant } from '../crash-points/crash-point';
import {
  FENCE_AFTER_COMMIT,
  JOIN_AFTER_CLAIM,
  JOIN_AFTER_COMMIT,
  JOIN_AFTER_DESCRIBE,
  LEAVE_AFTER_COMMIT,
  LEAVE_AFTER_CONNECTIONS,
  RECOVER_AFTER_CHECK,
  RECOVER_AFTER_COMMIT,
  RECOVER_AFTER_CONNECTIONS,
} from '../crash-points/catalogue';
import { CLIENT_BYTES, CLIENT_COUNT, CLIENT_TABLE_OFFSET } from '../layout/regions';
import {
  CLIENT_FENCE_LINE,
  CLIENT_FREE,
  CLIENT_HEARTBEAT_LINE,
  CLIENT_JOINED,
  CLIENT_JOINING,
  CLIENT_OWNER_LINE,
  ClientFence,
  ClientHeartbeat,
  ClientOwner,
  ClientState,
  ClientWord,
  INCARNATION_LIMIT,
  MACHINE_LIMIT,
  PROCESS_LIMIT,
} from '../layout/client';
import { closeConnectionsOf } from '../rpc/close';

function entryOf(client: u32): usize {
  return poolBase + CLIENT_TABLE_OFFSET + client * CLIENT_BYTES;
}

function wordOf(client: u32): u64 {
  return load64(entryOf(client) + offsetof<ClientState>("word"));
}

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
  if (machine > MACHINE_LIMIT || process > PROCESS_LIMIT) return BAD_ARGUMENT;
  if (recall32(threadBase + offsetof<ThreadScratch>("selfPlusOne")) != 0) return ALREADY;
  for (let client: u32 = 0; client < CLIENT_COUNT; client++) {
    const address: usize = entryOf(client) + offsetof<ClientState>("word");
    const seen: u64 = load64(address);
    if (ClientWord.state(seen) != CLIENT_FREE) continue;
    if (ClientWord.incarnation(seen) >= INCARNATION_LIMIT) continue;
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

/** This thread's place in the client table, or -1. */
export function selfClient(): i32 {
  return <i32>recall32(threadBase + offsetof<ThreadScratch>("selfPlusOne")) - 1;
}

export function selfIncarnation(): u32 {
  return recall32(threadBase + offsetof<ThreadScratch>("incarnation"));
}

/**
 * Gives the slot back.
 *
 *   1. connections   Close this client's side of each.
 *   2. COMMIT        Swap { JOINED, ... } for { FREE, incarnation }.
 *
 * Dead before 2: the client is fenced and recovered like any other. Dead after 2: it left.
 */
export function leave(): i32 {
  const client: i32 = selfClient();
  if (client < 0) return NOT_JOINED;
  const address: usize = entryOf(<u32>client) + offsetof<ClientState>("word");
  const seen: u64 = load64(address);
  invariant(ClientWord.incarnation(seen) == selfIncarnation() && ClientWord.state(seen) == CLIENT_JOINED, COMMIT_WAS_STOLEN);
  closeConnectionsOf(<u32>client, seen);
  crashPoint(LEAVE_AFTER_CONNECTIONS);

  const before: u64 = swap64(address, seen, ClientWord.pack(CLIENT_FREE, 0, 0, ClientWord.incarnation(seen)));
  invariant(before == seen, COMMIT_WAS_STOLEN);
  crashPoint(LEAVE_AFTER_COMMIT);
  keep32(threadBase + offsetof<ThreadScratch>("selfPlusOne"), 0);
  return OK;
}

/** Writes the fence grant. Only for who has seen the end of this incarnation. Idempotent; grants only grow. */
export function grantFence(client: u32, incarnation: u32): i32 {
  if (client >= CLIENT_COUNT || incarnation == 0) return BAD_ARGUMENT;
  if (incarnation > ClientWord.incarnation(wordOf(client))) return BAD_ARGUMENT;
  const address: usize = entryOf(client) + CLIENT_FENCE_LINE + offsetof<ClientFence>("incarnation");
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
  const word: u64 = wordOf(client);
  if (ClientWord.state(word) == CLIENT_FREE) return 0;
  if (ClientWord.machine(word) != machine || ClientWord.process(word) != process) return 0;
  const incarnation: u32 = ClientWord.incarnation(word);
  return grantFence(client, incarnation) == OK ? incarnation : 0;
}

/** One load. */
export function isFenced(client: u32, incarnation: u32): bool {
  return load64(entryOf(client) + CLIENT_FENCE_LINE + offsetof<ClientFence>("incarnation")) >= <u64>incarnation; // sees C1
}

/**
 * Finishes in a dead client's name what it left.
 *
 *   1. check         The fence grant for this incarnation must stand.
 *   2. connections   Close its side of each.
 *   3. COMMIT        Swap { ..., incarnation } for { FREE, incarnation }.
 *
 * Every step can be repeated, by several recoverers at once. Dead before 3: the next recoverer starts over. Dead after 3: done.
 */
export function recoverClient(client: u32, incarnation: u32): i32 {
  if (client >= CLIENT_COUNT || incarnation == 0) return BAD_ARGUMENT;
  if (!isFenced(client, incarnation)) return NOT_FENCED;
  const address: usize = entryOf(client) + offsetof<ClientState>("word");
  const seen: u64 = load64(address);
  if (ClientWord.incarnation(seen) != incarnation || ClientWord.state(seen) == CLIENT_FREE) return ALREADY;
  crashPoint(RECOVER_AFTER_CHECK);

  closeConnectionsOf(client, seen);
  crashPoint(RECOVER_AFTER_CONNECTIONS);

  const before: u64 = swap64(address, seen, ClientWord.pack(CLIENT_FREE, 0, 0, incarnation));
  crashPoint(RECOVER_AFTER_COMMIT);
  return before == seen ? OK : ALREADY;
}

export function clientState(client: u32): u32 {
  return ClientWord.state(wordOf(client));
}

export function clientIncarnation(client: u32): u32 {
  return ClientWord.incarnation(wordOf(client));
}

/** The client word as it stands, for those who must notice that it changed. */
export function clientWord(client: u32): u64 {
  return wordOf(client);
}
