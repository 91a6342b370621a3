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
import { bufferAt, copyWords, entryAt, lengthAt, look, markOf, publishEntry, reachesWithin, refersInto, writeHeader } from './ring';

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
  const consumed: u64 = recall64(at + offsetof<Handle>("consumed"));
  const address: usize = entryAt(requestRing(at), consumed, capacityLog2);
  const mark: u64 = markOf(consumed, capacityLog2);
  let entry: u64 = 0;
  for (let left: u32 = maxLooks; ; ) {
    const looks: u32 = min<u32>(left, LOOKS_PER_CHECK);
    entry = look(address, mark, looks);
    if (entry != 0) break;
    const peer: i32 = peerState(at);
    if (peer != OK) {
      reportServed(at);
      return peer;
    }
    left -= looks;
    if (left == 0) {
      reportServed(at);
      return PENDING;
    }
  }
  crashPoint(SERVE_AFTER_SEE);
  return accept(at, entry, mark);
}

/** Believes nothing: flag and sequence, alignment and range of the reference, length; each read once. */
function accept(at: usize, entry: u64, mark: u64): i32 {
  const arena: u64 = <u64>offsetOf(requestArena(at));
  const offset: u64 = RingEntry.offset(entry);
  keep32(at + offsetof<Handle>("taken"), 1);
  if (RingEntry.markOf(entry) == mark || mutant(6)) {
    if (refersInto(entry, arena) || mutant(7)) {
      const lengthBytes: u32 = lengthAt(poolBase + <usize>offset);
      if (reachesWithin(offset, lengthBytes, arena, recall32(at + offsetof<Handle>("payloadBytes"))) || mutant(7)) {
        keep32(at + offsetof<Handle>("messageOffset"), <u32>offset + HEADER_BYTES);
        keep32(at + offsetof<Handle>("messageBytes"), lengthBytes);
        crashPoint(SERVE_AFTER_TAKE);
        return OK;
      }
    }
  }
  keep64(at + offsetof<Handle>("refused"), recall64(at + offsetof<Handle>("refused")) + 1);
  respond(at, 0, REFUSED);
  return REFUSED;
}

export function rpcRequestOffset(handle: u32): u32 {
  return recall32(handleAt(handle) + offsetof<Handle>("messageOffset"));
}

export function rpcRequestLength(handle: u32): u32 {
  return recall32(handleAt(handle) + offsetof<Handle>("messageBytes"));
}

function nextResponse(at: usize): usize {
  const produced: u64 = recall64(at + offsetof<Handle>("produced"));
  const capacityLog2: u32 = recall32(at + offsetof<Handle>("capacityLog2"));
  return bufferAt(responseArena(at), produced, capacityLog2, recall32(at + offsetof<Handle>("strideBytes")));
}

/** Whether the response's buffer and entry are the server's again: the caller has acknowledged what they held a ring ago. */
function hasCredit(at: usize): bool {
  const produced: u64 = recall64(at + offsetof<Handle>("produced"));
  const capacity: u64 = <u64>1 << <u64>recall32(at + offsetof<Handle>("capacityLog2"));
  if (produced - recall64(at + offsetof<Handle>("credit")) < capacity || mutant(10)) return true;
  const line: usize = connectionAt(slotOf(at)) + CONNECTION_CALLER_LINE;
  const acknowledged: u64 = load64(line + offsetof<CallerLine>("acknowledged")); // sees A1
  keep64(at + offsetof<Handle>("credit"), acknowledged);
  return produced - acknowledged < capacity;
}

/** Where to write the response's payload (from 64 on), or CLOSED: the caller sent more than its window allows. */
export function rpcResponseBuffer(handle: u32): u32 {
  const at: usize = handleAt(handle);
  if (recall32(at + offsetof<Handle>("taken")) == 0) return BAD_ARGUMENT;
  if (!hasCredit(at)) return violated(at);
  return offsetOf(nextResponse(at)) + HEADER_BYTES;
}

/** Answers the request that `rpcPollRequest` delivered: `status` OK or REFUSED. */
export function rpcReply(handle: u32, lengthBytes: u32, status: u32): i32 {
  const at: usize = handleAt(handle);
  if (recall32(at + offsetof<Handle>("taken")) == 0) return BAD_ARGUMENT;
  if (lengthBytes > recall32(at + offsetof<Handle>("payloadBytes"))) return BAD_ARGUMENT;
  crashPoint(SERVE_AFTER_EXECUTE);
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
  if (!hasCredit(at)) return violated(at);
  const produced: u64 = recall64(at + offsetof<Handle>("produced"));
  const capacityLog2: u32 = recall32(at + offsetof<Handle>("capacityLog2"));
  const response: usize = nextResponse(at);
  const entry: usize = entryAt(responseRing(at), produced, capacityLog2);
  const mark: u64 = markOf(produced, capacityLog2);
  if (mutant(11)) publishEntry(entry, mark, offsetOf(response));
  const rpcId: u64 = (<u64>recall32(at + offsetof<Handle>("epoch")) << 32) | (produced & 0xffffffff);
  writeHeader(response, rpcId, lengthBytes, status);
  crashPoint(SERVE_AFTER_HEADER);
  publishEntry(entry, mark, offsetOf(response));
  crashPoint(SERVE_AFTER_PUBLISH);
  keep64(at + offsetof<Handle>("produced"), produced + 1);
  keep64(at + offsetof<Handle>("consumed"), recall64(at + offsetof<Handle>("consumed")) + 1);
  keep32(at + offsetof<Handle>("taken"), 0);
  return OK;
}

/** Echoes up to `maxRequests`, each within `maxLooks`: OK when it did all, or what `rpcPollRequest` said. */
export function rpcServeLoop(handle: u32, maxRequests: u32, maxLooks: u32): i32 {
  const at: usize = handleAt(handle);
  for (let request: u32 = 0; request < maxRequests; request++) {
    const polled: i32 = rpcPollRequest(handle, maxLooks);
    if (polled == REFUSED) continue;
    if (polled != OK) return polled;
    const buffer: u32 = rpcResponseBuffer(handle);
    if (buffer < 64) return buffer;
    const lengthBytes: u32 = recall32(at + offsetof<Handle>("messageBytes"));
    if (!mutant(11)) copyWords(poolBase + buffer, poolBase + recall32(at + offsetof<Handle>("messageOffset")), lengthBytes);
    const replied: i32 = rpcReply(handle, lengthBytes, OK);
    if (mutant(11)) copyWords(poolBase + buffer, poolBase + recall32(at + offsetof<Handle>("messageOffset")), lengthBytes);
    if (replied != OK) return replied;
  }
  return OK;
}

export function rpcServed(handle: u32): u32 {
  return <u32>recall64(handleAt(handle) + offsetof<Handle>("served"));
}

export function rpcRefused(handle: u32): u32 {
  return <u32>recall64(handleAt(handle) + offsetof<Handle>("refused"));
}
