import { keep64, publish64, recall32, recall64, storeFence, writeBack } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { BAD_ARGUMENT, CLOSED, FAILED, OK, PENDING, REFUSED, TOO_LARGE, UNKNOWN_METHOD } from '../codes/codes';
import { crashPoint } from '../crash-points/crash-point';
import { SERVE_AFTER_EXECUTE, SERVE_AFTER_PUBLISH, SERVE_AFTER_SEE, SERVE_AFTER_TAKE } from '../crash-points/catalogue';
import { Handle, HANDLE_SERVER } from '../layout/scratch';
import {
  CONNECTION_SERVER_LINE,
  HANDLE_BASE,
  KIND_CANCELLED,
  KIND_HEADER,
  KIND_LIMIT,
  LAYOUT_FAITHFUL,
  RingEntry,
  ServerLine,
  SHARING_COHERENT,
  SHARING_FAST,
  SHARING_LINES,
} from '../layout/connection';
import { connectionAt } from './close';
import { reportServed } from './connect';
import {
  clearOpen,
  connectionOf,
  handleAt,
  isOpen,
  keepMessage,
  LOOKS_PER_CHECK,
  offsetOf,
  peerState,
  requestArena,
  requestRing,
  responseArena,
  responseRing,
  setOpen,
  slotOf,
} from './handle';
import { cachedBytesOf, copyWords, entryAt, fetchAhead, look, markOf, Message, NOT_ACCEPTED, payloadAt } from './ring';

/**
 * Waits for the next request: HANDLE_BASE + its slot, PENDING after `maxLooks`, ABORTED, CLOSED, PEER_LOST, or REFUSED: one came that does not
 * hold, and was answered so. Where the request lies stands in the handle's block. Requests are taken in the order in which they
 * were sent, each once; they may be answered in any order.
 */
export function rpcPollRequest(handle: u32, maxLooks: u32): i32 {
  const at: usize = handleAt(handle);
  if (recall32(at + offsetof<Handle>("role")) != HANDLE_SERVER) return BAD_ARGUMENT;
  if (recall32(at + offsetof<Handle>("broken")) != 0) return CLOSED;
  const windowLog2: u32 = recall32(at + offsetof<Handle>("windowLog2"));
  const sharing: u32 = recall32(at + offsetof<Handle>("sharing"));
  const index: u64 = recall64(at + offsetof<Handle>("next"));
  const slot: u32 = slotOf(index, windowLog2);
  // All of the window is being worked on: whoever sends more lies, and waits.
  if (isOpen(at, slot) && !mutant(14)) return pendingOr(at);
  const address: usize = entryAt(requestRing(at), slot);
  const mark: u64 = markOf(index, windowLog2);
  let entry: u64 = look(address, mark, min<u32>(maxLooks, LOOKS_PER_CHECK), sharing);
  if (entry == 0) {
    const waited: i32 = waitForRequest(at, address, mark, maxLooks, sharing);
    if (waited != OK) return waited;
    entry = look(address, mark, 2, sharing);
  }
  crashPoint(SERVE_AFTER_SEE);
  if (sharing == SHARING_FAST) fetchAhead(requestRing(at), slot, windowLog2);
  const layout: u32 = recall32(at + offsetof<Handle>("layout"));
  const payloadBytes: u32 = recall32(at + offsetof<Handle>("payloadBytes"));
  const accepted: u64 = Message.accept(entry, mark, <u64>offsetOf(requestArena(at)), payloadBytes, sharing, layout);
  keep64(at + offsetof<Handle>("next"), index + 1);
  setOpen(at, slot);
  if (accepted == NOT_ACCEPTED) {
    keep64(at + offsetof<Handle>("refused"), recall64(at + offsetof<Handle>("refused")) + 1);
    answer(at, slot, index, 0, REFUSED);
    return REFUSED;
  }
  crashPoint(SERVE_AFTER_TAKE);
  keepMessage(at, Message.payload(entry, layout), accepted);
  return <i32>(HANDLE_BASE + slot);
}

function pendingOr(at: usize): i32 {
  const peer: i32 = peerState(at);
  return peer == OK ? PENDING : peer;
}

/** OK once the entry has arrived; between looks at it, everything else is looked at. */
function waitForRequest(at: usize, address: usize, mark: u64, maxLooks: u32, sharing: u32): i32 {
  for (let left: u32 = maxLooks; left != 0; ) {
    const peer: i32 = peerState(at);
    if (peer != OK) {
      reportServed(at);
      return peer;
    }
    const looks: u32 = min<u32>(left, LOOKS_PER_CHECK);
    if (look(address, mark, looks, sharing) != 0) return OK;
    left -= looks;
  }
  reportServed(at);
  return PENDING;
}

/**
 * Answers the request in `slot`, whose response stands in the slot's buffer, with a status: OK, REFUSED, FAILED, UNKNOWN_METHOD or TOO_LARGE,
 * plus KIND_HEADER if it has a header. OK, or BAD_ARGUMENT: the slot has no request that waits, or there is no such length or status.
 */
export function rpcReply(handle: u32, slot: u32, lengthBytes: u32, kind: u32): i32 {
  const at: usize = handleAt(handle);
  if (recall32(at + offsetof<Handle>("role")) != HANDLE_SERVER || slot >= 64 || !isOpen(at, slot)) return BAD_ARGUMENT;
  if (lengthBytes > recall32(at + offsetof<Handle>("payloadBytes")) || !isAnswer(kind)) return BAD_ARGUMENT;
  const last: u64 = recall64(at + offsetof<Handle>("next")) - 1;
  const mask: u64 = (<u64>1 << <u64>recall32(at + offsetof<Handle>("windowLog2"))) - 1;
  answer(at, slot, last - ((last - <u64>slot) & mask), lengthBytes, kind);
  keep64(at + offsetof<Handle>("served"), recall64(at + offsetof<Handle>("served")) + 1);
  return OK;
}

function isAnswer(kind: u32): bool {
  const status: i32 = <i32>(kind & (KIND_LIMIT - 1));
  const known: bool = status == OK || status == REFUSED || status == FAILED || status == UNKNOWN_METHOD || status == TOO_LARGE;
  return known && kind < KIND_LIMIT + KIND_HEADER;
}

/**
 * Whether the caller of the request in `slot`, which was taken and not answered, waits no more: 1 or 0. The device's own word, in the fast way as well, whose
 * line may have come before the caller said so.
 */
export function rpcIsCancelled(handle: u32, slot: u32): u32 {
  const at: usize = handleAt(handle);
  if (recall32(at + offsetof<Handle>("role")) != HANDLE_SERVER || slot >= 64 || !isOpen(at, slot)) return 0;
  if (recall32(at + offsetof<Handle>("layout")) == LAYOUT_FAITHFUL) return 0;
  const sharing: u32 = recall32(at + offsetof<Handle>("sharing"));
  const windowLog2: u32 = recall32(at + offsetof<Handle>("windowLog2"));
  const last: u64 = recall64(at + offsetof<Handle>("next")) - 1;
  const mark: u64 = markOf(last - ((last - <u64>slot) & ((<u64>1 << <u64>windowLog2) - 1)), windowLog2);
  const entry: u64 = look(entryAt(requestRing(at), slot), mark, 1, sharing == SHARING_FAST ? SHARING_LINES : sharing);
  return entry != 0 && (RingEntry.kind(entry) & (KIND_LIMIT - 1)) == KIND_CANCELLED ? 1 : 0;
}

/** Answers the request in `slot` and waits for the next one: what `rpcReply` refuses with, or `rpcPollRequest` answers. */
export function rpcReplyAndPoll(handle: u32, slot: u32, lengthBytes: u32, kind: u32, maxLooks: u32): i32 {
  const code: i32 = rpcReply(handle, slot, lengthBytes, kind);
  return code == OK ? rpcPollRequest(handle, maxLooks) : code;
}

/** Sends the response that stands in the slot's buffer, see `Message.send` for the steps. */
function answer(at: usize, slot: u32, index: u64, lengthBytes: u32, kind: u32): void {
  crashPoint(SERVE_AFTER_EXECUTE);
  const payload: usize = payloadAt(responseArena(at), slot, recall32(at + offsetof<Handle>("strideBytes")));
  const mark: u64 = markOf(index, recall32(at + offsetof<Handle>("windowLog2")));
  const sharing: u32 = recall32(at + offsetof<Handle>("sharing"));
  const layout: u32 = recall32(at + offsetof<Handle>("layout"));
  Message.send(entryAt(responseRing(at), slot), mark, payload, lengthBytes, lengthBytes, kind, sharing, layout);
  clearOpen(at, slot);
  crashPoint(SERVE_AFTER_PUBLISH);
}

/** Says how many calls this server wants in flight, from 1 to the window. The caller hears it within a lap. publishes O1 */
export function rpcOffer(handle: u32, calls: u32): i32 {
  const at: usize = handleAt(handle);
  if (recall32(at + offsetof<Handle>("role")) != HANDLE_SERVER) return BAD_ARGUMENT;
  if (calls == 0 || calls > <u32>1 << recall32(at + offsetof<Handle>("windowLog2"))) return BAD_ARGUMENT;
  const line: usize = connectionAt(connectionOf(at)) + CONNECTION_SERVER_LINE;
  publish64(line + offsetof<ServerLine>("offered"), <u64>calls);
  if (recall32(at + offsetof<Handle>("sharing")) != SHARING_COHERENT && !mutant(348)) {
    writeBack(line);
    storeFence();
  }
  return OK;
}

/**
 * Echoes up to `maxRequests`, each within `maxLooks`: OK when it did all, or what `rpcPollRequest` said. The same steps as poll and
 * reply, with what does not change between requests read once.
 */
export function rpcServeLoop(handle: u32, maxRequests: u32, maxLooks: u32): i32 {
  const at: usize = handleAt(handle);
  if (recall32(at + offsetof<Handle>("role")) != HANDLE_SERVER) return BAD_ARGUMENT;
  if (recall64(at + offsetof<Handle>("open")) != 0) return BAD_ARGUMENT;
  if (recall32(at + offsetof<Handle>("broken")) != 0) return CLOSED;
  const windowLog2: u32 = recall32(at + offsetof<Handle>("windowLog2"));
  const payloadBytes: u32 = recall32(at + offsetof<Handle>("payloadBytes"));
  const strideBytes: u32 = recall32(at + offsetof<Handle>("strideBytes"));
  const layout: u32 = recall32(at + offsetof<Handle>("layout"));
  const sharing: u32 = recall32(at + offsetof<Handle>("sharing"));
  const requests: usize = requestRing(at);
  const responses: usize = responseRing(at);
  const requestBytes: u64 = <u64>offsetOf(requestArena(at));
  const responseBuffers: usize = responseArena(at);
  const firstLooks: u32 = min<u32>(maxLooks, LOOKS_PER_CHECK);
  const first: u64 = recall64(at + offsetof<Handle>("next"));
  let index: u64 = first;
  let refused: u64 = 0;
  let code: i32 = OK;
  for (const end: u64 = first + <u64>maxRequests; index < end; index++) {
    const slot: u32 = slotOf(index, windowLog2);
    const address: usize = entryAt(requests, slot);
    const mark: u64 = markOf(index, windowLog2);
    let entry: u64 = look(address, mark, firstLooks, sharing);
    if (entry == 0) {
      remember(at, index, index - first - refused, refused);
      code = waitForRequest(at, address, mark, maxLooks, sharing);
      forget(at, index - first - refused, refused);
      if (code != OK) break;
      entry = look(address, mark, 2, sharing);
    }
    crashPoint(SERVE_AFTER_SEE);
    if (sharing == SHARING_FAST) fetchAhead(requests, slot, windowLog2);
    const accepted: u64 = Message.accept(entry, mark, requestBytes, payloadBytes, sharing, layout);
    crashPoint(SERVE_AFTER_TAKE);
    const response: usize = payloadAt(responseBuffers, slot, strideBytes);
    const isAccepted: bool = accepted != NOT_ACCEPTED;
    const lengthBytes: u32 = isAccepted ? <u32>accepted : 0;
    const request: usize = Message.payload(entry, layout);
    if (!mutant(11)) copyWords(response, request, lengthBytes, sharing);
    crashPoint(SERVE_AFTER_EXECUTE);
    const cachedBytes: u32 = cachedBytesOf(lengthBytes, sharing);
    Message.send(entryAt(responses, slot), mark, response, lengthBytes, cachedBytes, isAccepted ? OK : REFUSED, sharing, layout);
    crashPoint(SERVE_AFTER_PUBLISH);
    if (mutant(11)) copyWords(response, request, lengthBytes, sharing);
    if (!isAccepted) refused++;
  }
  remember(at, index, index - first - refused, refused);
  return code;
}

/** Writes back what a loop counted in its locals. */
function remember(at: usize, index: u64, served: u64, refused: u64): void {
  keep64(at + offsetof<Handle>("next"), index);
  keep64(at + offsetof<Handle>("served"), recall64(at + offsetof<Handle>("served")) + served);
  keep64(at + offsetof<Handle>("refused"), recall64(at + offsetof<Handle>("refused")) + refused);
}

/** Takes back what was remembered for observers only, because the loop goes on counting. */
function forget(at: usize, served: u64, refused: u64): void {
  keep64(at + offsetof<Handle>("served"), recall64(at + offsetof<Handle>("served")) - served);
  keep64(at + offsetof<Handle>("refused"), recall64(at + offsetof<Handle>("refused")) - refused);
}

export function rpcServed(handle: u32): u32 {
  return <u32>recall64(handleAt(handle) + offsetof<Handle>("served"));
}

export function rpcRefused(handle: u32): u32 {
  return <u32>recall64(handleAt(handle) + offsetof<Handle>("refused"));
}
