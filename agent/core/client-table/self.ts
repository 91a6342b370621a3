import { load64, recall32 } from '../memory/memory';
import { poolBase, threadBase } from '../place/place';
import { ThreadScratch } from '../layout/scratch';
import { CLIENT_BYTES, CLIENT_TABLE_OFFSET } from '../layout/regions';
import { CLIENT_FENCE_LINE, CLIENT_FREE, ClientFence, ClientState, ClientWord } from '../layout/client';

export function entryOf(client: u32): usize {
  return poolBase + CLIENT_TABLE_OFFSET + client * CLIENT_BYTES;
}

/** The client word as it stands. */
export function clientWord(client: u32): u64 {
  return load64(entryOf(client) + offsetof<ClientState>("word"));
}

/** This thread's place in the client table, or -1. */
export function selfClient(): i32 {
  return <i32>recall32(threadBase + offsetof<ThreadScratch>("selfPlusOne")) - 1;
}

export function selfIncarnation(): u32 {
  return recall32(threadBase + offsetof<ThreadScratch>("incarnation"));
}

/** One load. */
export function isFenced(client: u32, incarnation: u32): bool {
  return load64(entryOf(client) + CLIENT_FENCE_LINE + offsetof<ClientFence>("incarnation")) >= <u64>incarnation; // sees C1
}

/** Whether this incarnation ended, recovery included. */
export function isGone(client: u32, incarnation: u32): bool {
  const word: u64 = clientWord(client);
  return ClientWord.incarnation(word) != incarnation || ClientWord.state(word) == CLIENT_FREE;
}
