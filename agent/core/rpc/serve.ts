import { keep32, keep64, load64, recall32, recall64 } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { poolBase } from '../place/place';
import { BAD_ARGUMENT, CLOSED, OK, PENDING, REFUSED } from '../codes/codes';
import { crashPoint } from '../crash-points/crash-point';
import {
  SERVE_AFTER_EXECUTE,
  SERVE_AFTER_HEADER,
  SERVE_AFTER_PUBLISH,
  SERVE_AFTER_SEE,
  SERVE_AFTER_TAKE,
} from '../crash-points/catalogue';
import { Handle, HANDLE_SERVER } from '../layout/scratch';
import { CallerLine, CONNECTION_CALLER_LINE, HEADER_BYTES, RingEntry } from '../layout/connection';
import { connectionAt } from './close';
import { reportServed } from './connect';
import { handleAt, LOOKS_PER_CHECK, offsetOf, peerState, requestArena, requestRing, responseArena, responseRing, slotOf } from './handle';
import { bufferAt, copyWords, entryAt, lengthAt, look, markOf, publishEntry, reachesWithin, refersInto, rpcId, writeHeader } from './ring';

/** What `accept` answers for a request that does not hold. */
const NOT_ACCEPTED: i64 = -1;

/** A server takes and answers in order: the next entry of both rings has the same index. */
function nextIndex(at: usize): u64 {
  return recall64(at + offsetof<Handle>("consumed"));
}

/**
 * Waits for the next request: OK (see `rpcRequestOffset`), PENDING after `maxLooks`, ABORTED, CLOSED, PEER_LOST, or REFUSED: one
 * came that does not hold, and was answered so.
 */
export function rpcPollRequest(handle: u32, maxLooks: u32): i32 {
  const at: usize = handleAt(handle);
  if (recall32(at + offsetof<Handle>("role")) != HANDLE_SERVER) return BAD_ARGUMENT;
  if (recall32(at + offsetof<Handle>("taken")) != 0) return BAD_ARGUMENT;
  if (recall32(at + offsetof<Handle>("broken")) != 0) return CLOSED;
  const capacityLog2: u32 = recall32(at + offsetof<Handle>("capacityLog2"));
  const index: u64 = nextIndex(at);
  const address: usize = entryAt(requestRing(at), index, capacityLog2);
  const mark: u64 = markOf(index, capacityLog2);
  let entry: u64 = look(address, mark, min<u32>(maxLooks, LOOKS_PER_CHECK));
  if (entry == 0) {
    const waited: i32 = waitForRequest(at, address, mark, maxLooks);
    if (waited != OK) return waited;
    entry = look(address, mark, 1);
  }
  keep32(at + offsetof<Handle>("taken"), 1);
  const length: i64 = accept(entry, mark, <u64>offsetOf(requestArena(at)), recall32(at + offsetof<Handle>("payloadBytes")));
  if (length == NOT_ACCEPTED) return refuse(at);
  keep32(at + offsetof<Handle>("messageOffset"), <u32>RingEntry.offset(entry) + HEADER_BYTES);
  keep32(at + offsetof<Handle>("messageBytes"), <u32>length);
  return OK;
}

/** OK once the entry has arrived; between looks at it, everything else is looked at. */
function waitForRequest(at: usize, address: usize, mark: u64, maxLooks: u32): i32 {
  for (let left: u32 = maxLooks; left != 0; ) {
    const peer: i32 = peerState(at);
    if (peer != OK) {
      reportServed(at);
      return peer;
    }
    const looks: u32 = min<u32>(left, LOOKS_PER_CHECK);
    if (look(address, mark, looks) != 0) return OK;
    left -= looks;
  }
  reportServed(at);
  return PENDING;
}

/** Believes nothing: flag and sequence, alignment and range of the reference, length; each read once. The length, or NOT_ACCEPTED. */
function accept(entry: u64, mark: u64, arena: u64, payloadBytes: u32): i64 {
  crashPoint(SERVE_AFTER_SEE);
  const offset: u64 = RingEntry.offset(entry);
  if (RingEntry.markOf(entry) != mark && !mutant(6)) return NOT_ACCEPTED;
  if (!refersInto(entry, arena) && !mutant(7)) return NOT_ACCEPTED;
  const lengthBytes: u32 = lengthAt(poolBase + <usize>offset);
  if (!reachesWithin(offset, lengthBytes, arena, payloadBytes) && !mutant(7)) return NOT_ACCEPTED;
  crashPoint(SERVE_AFTER_TAKE);
  return <i64>lengthBytes;
}

function refuse(at: usize): i32 {
  keep64(at + offsetof<Handle>("refused"), recall64(at + offsetof<Handle>("refused")) + 1);
  const answered: i32 = respond(at, 0, REFUSED);
  return answered == OK ? REFUSED : answered;
}

export function rpcRequestOffset(handle: u32): u32 {
  return recall32(handleAt(handle) + offsetof<Handle>("messageOffset"));
}

export function rpcRequestLength(handle: u32): u32 {
  return recall32(handleAt(handle) + offsetof<Handle>("messageBytes"));
}

function nextResponse(at: usize): usize {
  const capacityLog2: u32 = recall32(at + offsetof<Handle>("capacityLog2"));
  return bufferAt(responseArena(at), nextIndex(at), capacityLog2, recall32(at + offsetof<Handle>("strideBytes")));
}

/**
 * Whether the response's buffer and entry are the server's again: the caller has acknowledged what they held a ring ago. The
 * caller's counter is read only when what is known of it does not suffice.
 */
function hasCredit(at: usize, index: u64, capacityLog2: u32): bool {
  const capacity: u64 = <u64>1 << <u64>capacityLog2;
  if (index - recall64(at + offsetof<Handle>("credit")) < capacity || mutant(10)) return true;
  const line: usize = connectionAt(slotOf(at)) + CONNECTION_CALLER_LINE;
  const acknowledged: u64 = load64(line + offsetof<CallerLine>("acknowledged")); // sees A1
  keep64(at + offsetof<Handle>("credit"), acknowledged);
  return index - acknowledged < capacity;
}

/** Where to write the response's payload (from 64 on), or CLOSED: the caller sent more than its window allows. */
export function rpcResponseBuffer(handle: u32): u32 {
  const at: usize = handleAt(handle);
  if (recall32(at + offsetof<Handle>("taken")) == 0) return BAD_ARGUMENT;
  if (!hasCredit(at, nextIndex(at), recall32(at + offsetof<Handle>("capacityLog2")))) return violated(at);
  return offsetOf(nextResponse(at)) + HEADER_BYTES;
}

/** Answers the request that `rpcPollRequest` delivered: `status` OK or REFUSED. */
export function rpcReply(handle: u32, lengthBytes: u32, status: u32): i32 {
  const at: usize = handleAt(handle);
  if (recall32(at + offsetof<Handle>("taken")) == 0) return BAD_ARGUMENT;
  if (lengthBytes > recall32(at + offsetof<Handle>("payloadBytes"))) return BAD_ARGUMENT;
  if (status != <u32>OK && status != <u32>REFUSED) return BAD_ARGUMENT;
  const code: i32 = respond(at, lengthBytes, status);
  if (code == OK) keep64(at + offsetof<Handle>("served"), recall64(at + offsetof<Handle>("served")) + 1);
  return code;
}

/** A caller that breaks the window is not served any more; only `close` is left. */
function violated(at: usize): i32 {
  keep32(at + offsetof<Handle>("broken"), 1);
  keep32(at + offsetof<Handle>("taken"), 0);
  return CLOSED;
}

function respond(at: usize, lengthBytes: u32, status: u32): i32 {
  const index: u64 = nextIndex(at);
  const capacityLog2: u32 = recall32(at + offsetof<Handle>("capacityLog2"));
  if (!hasCredit(at, index, capacityLog2)) return violated(at);
  const entry: usize = entryAt(responseRing(at), index, capacityLog2);
  answer(nextResponse(at), entry, index, markOf(index, capacityLog2), recall32(at + offsetof<Handle>("epoch")), lengthBytes, status);
  keep64(at + offsetof<Handle>("consumed"), index + 1);
  keep32(at + offsetof<Handle>("taken"), 0);
  return OK;
}

/** Sends the response behind `response`, see `writeHeader` for the steps. */
function answer(response: usize, entry: usize, index: u64, mark: u64, epoch: u32, lengthBytes: u32, status: u32): void {
  crashPoint(SERVE_AFTER_EXECUTE);
  if (mutant(11)) publishEntry(entry, mark, offsetOf(response));
  writeHeader(response, rpcId(epoch, index), lengthBytes, status);
  crashPoint(SERVE_AFTER_HEADER);
  publishEntry(entry, mark, offsetOf(response));
  crashPoint(SERVE_AFTER_PUBLISH);
}

/**
 * Echoes up to `maxRequests`, each within `maxLooks`: OK when it did all, or what `rpcPollRequest` said. The same steps as poll and
 * reply, with what does not change between requests read once.
 */
export function rpcServeLoop(handle: u32, maxRequests: u32, maxLooks: u32): i32 {
  const at: usize = handleAt(handle);
  if (recall32(at + offsetof<Handle>("role")) != HANDLE_SERVER) return BAD_ARGUMENT;
  if (recall32(at + offsetof<Handle>("taken")) != 0) return BAD_ARGUMENT;
  if (recall32(at + offsetof<Handle>("broken")) != 0) return CLOSED;
  const capacityLog2: u32 = recall32(at + offsetof<Handle>("capacityLog2"));
  const payloadBytes: u32 = recall32(at + offsetof<Handle>("payloadBytes"));
  const strideBytes: u32 = recall32(at + offsetof<Handle>("strideBytes"));
  const epoch: u32 = recall32(at + offsetof<Handle>("epoch"));
  const requests: usize = requestRing(at);
  const responses: usize = responseRing(at);
  const requestBytes: u64 = <u64>offsetOf(requestArena(at));
  const responseBuffers: usize = responseArena(at);
  const firstLooks: u32 = min<u32>(maxLooks, LOOKS_PER_CHECK);
  const first: u64 = nextIndex(at);
  let index: u64 = first;
  let refused: u64 = 0;
  let code: i32 = OK;
  for (const end: u64 = first + <u64>maxRequests; index < end; index++) {
    const address: usize = entryAt(requests, index, capacityLog2);
    const mark: u64 = markOf(index, capacityLog2);
    let entry: u64 = look(address, mark, firstLooks);
    if (entry == 0) {
      remember(at, index, index - first - refused, refused);
      code = waitForRequest(at, address, mark, maxLooks);
      forget(at, index - first - refused, refused);
      if (code != OK) break;
      entry = look(address, mark, 1);
    }
    const length: i64 = accept(entry, mark, requestBytes, payloadBytes);
    if (!hasCredit(at, index, capacityLog2)) {
      code = violated(at);
      break;
    }
    const response: usize = bufferAt(responseBuffers, index, capacityLog2, strideBytes);
    const isAccepted: bool = length != NOT_ACCEPTED;
    const lengthBytes: u32 = isAccepted ? <u32>length : 0;
    const request: usize = poolBase + <usize>RingEntry.offset(entry) + HEADER_BYTES;
    if (!mutant(11)) copyWords(response + HEADER_BYTES, request, lengthBytes);
    answer(response, entryAt(responses, index, capacityLog2), index, mark, epoch, lengthBytes, isAccepted ? OK : REFUSED);
    if (mutant(11)) copyWords(response + HEADER_BYTES, request, lengthBytes);
    if (!isAccepted) refused++;
  }
  remember(at, index, index - first - refused, refused);
  return code;
}

/** Writes back what a loop counted in its locals. */
function remember(at: usize, index: u64, served: u64, refused: u64): void {
  keep64(at + offsetof<Handle>("consumed"), index);
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
