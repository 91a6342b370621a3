import { keep32, keep64, load32, load64, recall32, recall64 } from '../memory/memory';
import { poolBase, scratchBase, threadBase } from '../place/place';
import { ABORTED, CLOSED, FENCED, OK, PEER_LOST } from '../codes/codes';
import { invariant, UNKNOWN_HANDLE } from '../crash-points/crash-point';
import { clientIncarnation, isFenced, selfClient, selfIncarnation } from '../client-table/client-table';
import { CLIENT_COUNT } from '../layout/regions';
import { Handle, HANDLE_BYTES, HANDLE_CALLER, HANDLE_COUNT, HANDLE_FREE, ProcessScratch, SCRATCH_HANDLES_OFFSET } from '../layout/scratch';
import {
  CONNECTION_DESCRIPTOR_LINE,
  CONNECTION_OPEN,
  ConnectionState,
  ConnectionWord,
  Descriptor,
  HEADER_BYTES,
  REQUEST_ARENA_OFFSET,
  REQUEST_RING_OFFSET,
  RESPONSE_ARENA_OFFSET,
  RESPONSE_RING_OFFSET,
} from '../layout/connection';
import { connectionAt } from './close';

/** Looks at a ring between two looks at everything else (abort word, peer). */
export const LOOKS_PER_CHECK: u32 = 1024;

/** No call that there is soon: the offer is learnt before the first one. */
const NO_OFFER: u32 = 0xffffffff;

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

/** What the connection is like stands in its descriptor, and was checked. */
export function openHandle(handle: u32, role: u32, connection: u32, epoch: u32, peerPlusOne: u32, peerIncarnation: u32): void {
  const at: usize = handleAt(handle);
  const descriptor: usize = connectionAt(connection) + CONNECTION_DESCRIPTOR_LINE;
  const windowLog2: u32 = load32(descriptor + offsetof<Descriptor>("windowLog2"));
  const payloadBytes: u32 = load32(descriptor + offsetof<Descriptor>("payloadBytes"));
  keep32(at + offsetof<Handle>("connection"), connection);
  keep32(at + offsetof<Handle>("epoch"), epoch);
  keep32(at + offsetof<Handle>("peerPlusOne"), peerPlusOne);
  keep32(at + offsetof<Handle>("peerIncarnation"), peerIncarnation);
  keep32(at + offsetof<Handle>("windowLog2"), windowLog2);
  keep32(at + offsetof<Handle>("payloadBytes"), payloadBytes);
  keep32(at + offsetof<Handle>("strideBytes"), strideOf(payloadBytes));
  keep32(at + offsetof<Handle>("layout"), load32(descriptor + offsetof<Descriptor>("layout")));
  keep32(at + offsetof<Handle>("sharing"), load32(descriptor + offsetof<Descriptor>("sharing")));
  keep32(at + offsetof<Handle>("broken"), 0);
  keep32(at + offsetof<Handle>("offered"), <u32>1 << windowLog2);
  keep32(at + offsetof<Handle>("messageOffset"), 0);
  keep32(at + offsetof<Handle>("messageBytes"), 0);
  keep32(at + offsetof<Handle>("messageKind"), 0);
  keep64(at + offsetof<Handle>("next"), 0);
  keep64(at + offsetof<Handle>("open"), 0);
  keep64(at + offsetof<Handle>("served"), 0);
  keep64(at + offsetof<Handle>("refused"), 0);
  keep64(at + offsetof<Handle>("ended"), 0);
  keep64(at + offsetof<Handle>("late"), 0);
  keep64(at + offsetof<Handle>("batched"), 0);
  keep32(at + offsetof<Handle>("offerAt"), NO_OFFER);
  keep32(at + offsetof<Handle>("role"), role);
}

/** From one buffer to the next: header line, then the payload rounded up to whole lines. */
export function strideOf(payloadBytes: u32): u32 {
  return HEADER_BYTES + ((payloadBytes + 63) & ~63);
}

export function connectionOf(at: usize): u32 {
  return recall32(at + offsetof<Handle>("connection"));
}

/** The slot of the call with this number. */
export function slotOf(index: u64, windowLog2: u32): u32 {
  return <u32>index & ((<u32>1 << windowLog2) - 1);
}

export function isOpen(at: usize, slot: u32): bool {
  return ((recall64(at + offsetof<Handle>("open")) >> <u64>slot) & 1) != 0;
}

export function setOpen(at: usize, slot: u32): void {
  keep64(at + offsetof<Handle>("open"), recall64(at + offsetof<Handle>("open")) | (<u64>1 << <u64>slot));
}

export function clearOpen(at: usize, slot: u32): void {
  keep64(at + offsetof<Handle>("open"), recall64(at + offsetof<Handle>("open")) & ~(<u64>1 << <u64>slot));
}

export function keepMessage(at: usize, payload: usize, accepted: u64): void {
  keep32(at + offsetof<Handle>("messageOffset"), offsetOf(payload));
  keep32(at + offsetof<Handle>("messageBytes"), <u32>accepted);
  keep32(at + offsetof<Handle>("messageKind"), <u32>(accepted >> 32));
}

export function requestRing(at: usize): usize {
  return connectionAt(connectionOf(at)) + REQUEST_RING_OFFSET;
}

export function responseRing(at: usize): usize {
  return connectionAt(connectionOf(at)) + RESPONSE_RING_OFFSET;
}

export function requestArena(at: usize): usize {
  return connectionAt(connectionOf(at)) + REQUEST_ARENA_OFFSET;
}

export function responseArena(at: usize): usize {
  return connectionAt(connectionOf(at)) + RESPONSE_ARENA_OFFSET;
}

/** An address as an offset from the start of the pool. */
export function offsetOf(address: usize): u32 {
  return <u32>(address - poolBase);
}

export function isAborted(): bool {
  return load32(scratchBase + offsetof<ProcessScratch>("abort")) != 0;
}

/**
 * OK while the other side may still be there; ABORTED, PEER_LOST or CLOSED; FENCED when it is this side that somebody saw end.
 *
 * The connection's word is read before the fence: recovery grants first and closes second, so a side that was closed in a dead
 * client's name is always told as lost. To callers always; to a server once it has met its caller, before that it is CLOSED.
 */
export function peerState(at: usize): i32 {
  if (isAborted()) return ABORTED;
  const self: i32 = selfClient();
  if (self >= 0 && isFenced(<u32>self, selfIncarnation())) return FENCED;
  const address: usize = connectionAt(connectionOf(at)) + offsetof<ConnectionState>("word");
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
