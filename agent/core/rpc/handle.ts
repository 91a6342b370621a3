import { keep32, keep64, load32, load64, recall32 } from '../memory/memory';
import { poolBase, scratchBase, threadBase } from '../place/place';
import { ABORTED, CLOSED, OK, PEER_LOST } from '../codes/codes';
import { invariant, UNKNOWN_HANDLE } from '../crash-points/crash-point';
import { clientIncarnation, isFenced } from '../client-table/client-table';
import { CLIENT_COUNT } from '../layout/regions';
import { Handle, HANDLE_BYTES, HANDLE_CALLER, HANDLE_COUNT, HANDLE_FREE, ProcessScratch, SCRATCH_HANDLES_OFFSET } from '../layout/scratch';
import {
  CONNECTION_OPEN,
  ConnectionState,
  ConnectionWord,
  HEADER_BYTES,
  REQUEST_ARENA_OFFSET,
  REQUEST_RING_OFFSET,
  RESPONSE_ARENA_OFFSET,
  RESPONSE_RING_OFFSET,
} from '../layout/connection';
import { connectionAt } from './close';

/** Looks at a ring between two looks at everything else (abort word, peer). */
export const LOOKS_PER_CHECK: u32 = 1024;

/** Address of a handle's block; a number that is no open handle is a broken caller. */
export function handleAt(handle: u32): usize {
  invariant(handle < HANDLE_COUNT, UNKNOWN_HANDLE);
  return threadBase + SCRATCH_HANDLES_OFFSET + handle * HANDLE_BYTES;
}

/** The number of a handle that nobody uses, or HANDLE_COUNT. */
export function freeHandle(): u32 {
  for (let handle: u32 = 0; handle < HANDLE_COUNT; handle++) {
    if (recall32(handleAt(handle) + offsetof<Handle>("role")) == HANDLE_FREE) return handle;
  }
  return HANDLE_COUNT;
}

export function openHandle(
  handle: u32,
  role: u32,
  slot: u32,
  epoch: u32,
  peerPlusOne: u32,
  peerIncarnation: u32,
  capacityLog2: u32,
  payloadBytes: u32,
): void {
  const at: usize = handleAt(handle);
  keep32(at + offsetof<Handle>("slot"), slot);
  keep32(at + offsetof<Handle>("epoch"), epoch);
  keep32(at + offsetof<Handle>("peerPlusOne"), peerPlusOne);
  keep32(at + offsetof<Handle>("peerIncarnation"), peerIncarnation);
  keep32(at + offsetof<Handle>("capacityLog2"), capacityLog2);
  keep32(at + offsetof<Handle>("payloadBytes"), payloadBytes);
  keep32(at + offsetof<Handle>("strideBytes"), strideOf(payloadBytes));
  keep32(at + offsetof<Handle>("taken"), 0);
  keep32(at + offsetof<Handle>("messageOffset"), 0);
  keep32(at + offsetof<Handle>("messageBytes"), 0);
  keep32(at + offsetof<Handle>("broken"), 0);
  keep64(at + offsetof<Handle>("produced"), 0);
  keep64(at + offsetof<Handle>("consumed"), 0);
  keep64(at + offsetof<Handle>("credit"), 0);
  keep64(at + offsetof<Handle>("served"), 0);
  keep64(at + offsetof<Handle>("refused"), 0);
  keep32(at + offsetof<Handle>("role"), role);
}

/** From one buffer to the next: header line, then the payload rounded up to whole lines. */
export function strideOf(payloadBytes: u32): u32 {
  return HEADER_BYTES + ((payloadBytes + 63) & ~63);
}

export function slotOf(at: usize): u32 {
  return recall32(at + offsetof<Handle>("slot"));
}

export function requestRing(at: usize): usize {
  return connectionAt(slotOf(at)) + REQUEST_RING_OFFSET;
}

export function responseRing(at: usize): usize {
  return connectionAt(slotOf(at)) + RESPONSE_RING_OFFSET;
}

export function requestArena(at: usize): usize {
  return connectionAt(slotOf(at)) + REQUEST_ARENA_OFFSET;
}

export function responseArena(at: usize): usize {
  return connectionAt(slotOf(at)) + RESPONSE_ARENA_OFFSET;
}

/** An address as an offset from the start of the pool. */
export function offsetOf(address: usize): u32 {
  return <u32>(address - poolBase);
}

export function isAborted(): bool {
  return load32(scratchBase + offsetof<ProcessScratch>("abort")) != 0;
}

/**
 * OK while the other side may still be there; ABORTED, PEER_LOST or CLOSED.
 *
 * The connection's word is read before the fence: recovery grants first and closes second, so a side that was closed in a dead
 * client's name is always told as lost. To callers always; to a server once it has met its caller, before that it is CLOSED.
 */
export function peerState(at: usize): i32 {
  if (isAborted()) return ABORTED;
  const address: usize = connectionAt(slotOf(at)) + offsetof<ConnectionState>("word");
  const word: u64 = load64(address);
  const isCaller: bool = recall32(at + offsetof<Handle>("role")) == HANDLE_CALLER;
  let peerPlusOne: u32 = recall32(at + offsetof<Handle>("peerPlusOne"));
  if (peerPlusOne == 0 && ConnectionWord.state(word) == CONNECTION_OPEN) {
    peerPlusOne = learnCaller(at, address, word);
  }
  if (peerPlusOne != 0 && isFenced(peerPlusOne - 1, recall32(at + offsetof<Handle>("peerIncarnation")))) return PEER_LOST;
  if (ConnectionWord.epoch(word) != recall32(at + offsetof<Handle>("epoch"))) return CLOSED;
  if (isCaller ? ConnectionWord.serverClosed(word) : ConnectionWord.callerClosed(word)) return CLOSED;
  return OK;
}

/**
 * A server learns which incarnation called it. The caller's place cannot be given to another while its side of the connection is
 * open; so an incarnation that is read while the word stays as it was is the right one.
 */
function learnCaller(at: usize, address: usize, word: u64): u32 {
  const caller: u32 = ConnectionWord.caller(word);
  if (ConnectionWord.callerClosed(word) || caller >= CLIENT_COUNT) return 0;
  const incarnation: u32 = clientIncarnation(caller);
  if (load64(address) != word) return 0;
  keep32(at + offsetof<Handle>("peerIncarnation"), incarnation);
  keep32(at + offsetof<Handle>("peerPlusOne"), caller + 1);
  return caller + 1;
}
