import { fullFence, invalidate, load32, load64, swap64, writeBack } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { poolBase } from '../place/place';
import { crashPoint } from '../crash-points/crash-point';
import { CLOSE_AFTER_COMMIT } from '../crash-points/catalogue';
import { CONNECTION_BYTES, CONNECTION_COUNT, CONNECTIONS_OFFSET, LINE_BYTES } from '../layout/regions';
import {
  CALLER_CLOSED,
  CONNECTION_CLAIMED,
  CONNECTION_DESCRIPTOR_LINE,
  CONNECTION_FREE,
  CONNECTION_OPEN,
  ConnectionState,
  ConnectionWord,
  Descriptor,
  REQUEST_ARENA_OFFSET,
  REQUEST_RING_OFFSET,
  RESPONSE_ARENA_OFFSET,
  RESPONSE_RING_OFFSET,
  SERVER_CLOSED,
  SHARING_COHERENT,
} from '../layout/connection';

export function connectionAt(slot: u32): usize {
  return poolBase + CONNECTIONS_OFFSET + slot * CONNECTION_BYTES;
}

/** Lost swaps of one close, at most: every other change of the word is a step of the other side, and it has three. */
const CLOSE_RETRY_LIMIT: i32 = 8;

/** Which of its sides a client closes; both when it ends. */
export const BOTH_SIDES: u64 = SERVER_CLOSED | CALLER_CLOSED;

/** The word after `client` has closed its `sides`; the word itself when there is nothing to close. */
function closedBy(word: u64, client: u32, sides: u64): u64 {
  const state: u32 = ConnectionWord.state(word);
  if (state == CONNECTION_FREE) return word;
  const freed: u64 = ConnectionWord.pack(ConnectionWord.epoch(word), CONNECTION_FREE, 0, 0);
  let next: u64 = word;
  if (ConnectionWord.server(word) == client) next |= SERVER_CLOSED & sides;
  if (state != CONNECTION_OPEN) return next == word ? word : freed;
  if (ConnectionWord.caller(word) == client) next |= CALLER_CLOSED & sides;
  return (next & BOTH_SIDES) == BOTH_SIDES ? freed : next;
}

/**
 * What `client` wrote into its sides and did not send (a request that was begun, a response that was not given, what it counted) may stand
 * in its machine's cache for as long as it likes. Where caches are not coherent it would leave it in the middle of the next use, over what
 * others have written by then. A claimed connection says nothing of itself yet.
 */
function writeBackSides(slot: u32, word: u64, client: u32, sides: u64): void {
  const connection: usize = connectionAt(slot);
  if (ConnectionWord.state(word) == CONNECTION_CLAIMED) {
    if (!mutant(342)) writeBackLines(connection, CONNECTION_DESCRIPTOR_LINE, REQUEST_ARENA_OFFSET);
    return;
  }
  invalidate(connection + CONNECTION_DESCRIPTOR_LINE);
  fullFence();
  if (load32(connection + CONNECTION_DESCRIPTOR_LINE + offsetof<Descriptor>("sharing")) == SHARING_COHERENT) return;
  if ((sides & SERVER_CLOSED) != 0 && ConnectionWord.server(word) == client && !mutant(341)) {
    writeBackLines(connection, CONNECTION_DESCRIPTOR_LINE, REQUEST_RING_OFFSET);
    writeBackLines(connection, RESPONSE_RING_OFFSET, REQUEST_ARENA_OFFSET);
    writeBackLines(connection, RESPONSE_ARENA_OFFSET, CONNECTION_BYTES);
  }
  const isCaller: bool = ConnectionWord.state(word) == CONNECTION_OPEN && ConnectionWord.caller(word) == client;
  if ((sides & CALLER_CLOSED) != 0 && isCaller && !mutant(340)) {
    writeBackLines(connection, REQUEST_RING_OFFSET, RESPONSE_RING_OFFSET);
    writeBackLines(connection, REQUEST_ARENA_OFFSET, RESPONSE_ARENA_OFFSET);
  }
}

function writeBackLines(connection: usize, from: u32, end: u32): void {
  for (let line: u32 = from; line < end; line += LINE_BYTES) writeBack(connection + line);
}

/**
 * Closes `client`'s side of one connection.
 *
 *   1. flush     Where the device keeps no coherence: write back what the side wrote. The swap waits for it.
 *   2. COMMIT    Swap the word for one without this side; whoever closes last frees the slot with it.
 *
 * Only the client itself calls this, or the one recoverer that has the claim on it. That one flushes what it can: the dead one's machine
 * has a recoverer on it, or has no cache any more.
 */
export function closeConnection(slot: u32, client: u32, sides: u64): void {
  const address: usize = connectionAt(slot) + offsetof<ConnectionState>("word");
  for (let tries: i32 = 0; tries < CLOSE_RETRY_LIMIT; tries++) {
    const seen: u64 = load64(address);
    const next: u64 = closedBy(seen, client, sides);
    if (next == seen) return;
    if (tries == 0) writeBackSides(slot, seen, client, sides);
    if (swap64(address, seen, next) == seen) {
      crashPoint(CLOSE_AFTER_COMMIT);
      return;
    }
  }
}

export function closeConnectionsOf(client: u32): void {
  for (let slot: u32 = 0; slot < CONNECTION_COUNT; slot++) closeConnection(slot, client, BOTH_SIDES);
}
