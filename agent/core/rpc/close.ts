import { load64, swap64 } from '../memory/memory';
import { poolBase } from '../place/place';
import { crashPoint } from '../crash-points/crash-point';
import { CLOSE_AFTER_COMMIT } from '../crash-points/catalogue';
import { CONNECTION_BYTES, CONNECTION_COUNT, CONNECTIONS_OFFSET } from '../layout/regions';
import {
  CALLER_CLOSED,
  CONNECTION_FREE,
  CONNECTION_OPEN,
  ConnectionState,
  ConnectionWord,
  SERVER_CLOSED,
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
 * Closes `client`'s side of one connection. COMMIT is the swap; whoever closes last frees the slot with it.
 *
 * Only the client itself calls this, or the one recoverer that has the claim on it.
 */
export function closeConnection(slot: u32, client: u32, sides: u64): void {
  const address: usize = connectionAt(slot) + offsetof<ConnectionState>("word");
  for (let tries: i32 = 0; tries < CLOSE_RETRY_LIMIT; tries++) {
    const seen: u64 = load64(address);
    const next: u64 = closedBy(seen, client, sides);
    if (next == seen) return;
    if (swap64(address, seen, next) == seen) {
      crashPoint(CLOSE_AFTER_COMMIT);
      return;
    }
  }
}

export function closeConnectionsOf(client: u32): void {
  for (let slot: u32 = 0; slot < CONNECTION_COUNT; slot++) closeConnection(slot, client, BOTH_SIDES);
}
