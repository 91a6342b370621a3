import { keep32, keep64, load64, publish64, recall32, recall64, store64 } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { poolBase } from '../place/place';
import { BAD_ARGUMENT, BUSY, CLOSED, CORRUPT, OK, OUTCOME_UNKNOWN, PEER_LOST, PENDING } from '../codes/codes';
import { crashPoint } from '../crash-points/crash-point';
import {
  CALL_AFTER_BEGIN,
  CALL_AFTER_FINISH,
  CALL_AFTER_HEADER,
  CALL_AFTER_PUBLISH,
  CALL_AFTER_RESPONSE,
} from '../crash-points/catalogue';
import { Handle, HANDLE_CALLER } from '../layout/scratch';
import { CallerLine, CONNECTION_CALLER_LINE, HEADER_BYTES, RingEntry } from '../layout/connection';
import { connectionAt } from './close';
import {
  handleAt,
  LOOKS_PER_CHECK,
  offsetOf,
  peerState,
  requestArena,
  requestRing,
  responseArena,
  responseRing,
  slotOf,
} from './handle';
import {
  bufferAt,
  entryAt,
  lengthAt,
  look,
  markOf,
  pattern,
  reachesWithin,
  refersInto,
  statusAt,
  writeHeader,
} from './ring';

/** Calls in flight at once: half the ring, so that acknowledging every half ring is enough. */
function windowOf(capacityLog2: u32): u64 {
  return (<u64>1 << <u64>capacityLog2) >> 1;
}

function rpcIdOf(at: usize, index: u64): u64 {
  return (<u64>recall32(at + offsetof<Handle>("epoch")) << 32) | (index & 0xffffffff);
}

function nextRequest(at: usize): usize {
  const produced: u64 = recall64(at + offsetof<Handle>("produced"));
  const capacityLog2: u32 = recall32(at + offsetof<Handle>("capacityLog2"));
  return bufferAt(requestArena(at), produced, capacityLog2, recall32(at + offsetof<Handle>("strideBytes")));
}

/** Where to write the next request's payload (from 64 on), or a code: BUSY, PEER_LOST, CLOSED, ABORTED. */
export function rpcBeginCall(handle: u32): u32 {
  const at: usize = handleAt(handle);
  if (recall32(at + offsetof<Handle>("role")) != HANDLE_CALLER) return BAD_ARGUMENT;
  if (recall32(at + offsetof<Handle>("broken")) != 0) return CLOSED;
  const inFlight: u64 = recall64(at + offsetof<Handle>("produced")) - recall64(at + offsetof<Handle>("consumed"));
  if (inFlight >= windowOf(recall32(at + offsetof<Handle>("capacityLog2")))) return BUSY;
  const peer: i32 = peerState(at);
  if (peer != OK) return peer;
  keep32(at + offsetof<Handle>("taken"), 1);
  crashPoint(CALL_AFTER_BEGIN);
  return offsetOf(nextRequest(at)) + HEADER_BYTES;
}

/** Sends the request that `rpcBeginCall` handed out. */
export function rpcPublish(handle: u32, lengthBytes: u32): i32 {
  const at: usize = handleAt(handle);
  if (recall32(at + offsetof<Handle>("taken")) == 0) return BAD_ARGUMENT;
  if (lengthBytes > recall32(at + offsetof<Handle>("payloadBytes"))) return BAD_ARGUMENT;
  const request: usize = nextRequest(at);
  send(at, request, lengthBytes, <u64>offsetOf(request));
  return OK;
}

/** As `rpcPublish`, with a reference and a length that may be lies: the server must refuse them. */
export function rpcForge(handle: u32, offsetLow: u32, offsetHigh: u32, lengthBytes: u32): i32 {
  const at: usize = handleAt(handle);
  if (recall32(at + offsetof<Handle>("taken")) == 0) return BAD_ARGUMENT;
  send(at, nextRequest(at), lengthBytes, ((<u64>offsetHigh << 32) | <u64>offsetLow) & 0xffffffffffff);
  return OK;
}

function send(at: usize, request: usize, lengthBytes: u32, offset: u64): void {
  const produced: u64 = recall64(at + offsetof<Handle>("produced"));
  const capacityLog2: u32 = recall32(at + offsetof<Handle>("capacityLog2"));
  const entry: usize = entryAt(requestRing(at), produced, capacityLog2);
  const word: u64 = RingEntry.pack(markOf(produced, capacityLog2), offset);
  if (mutant(5)) publish64(entry, word);
  writeHeader(request, rpcIdOf(at, produced), lengthBytes, 0);
  crashPoint(CALL_AFTER_HEADER);
  publish64(entry, word); // publishes R1
  crashPoint(CALL_AFTER_PUBLISH);
  keep64(at + offsetof<Handle>("produced"), produced + 1);
  keep32(at + offsetof<Handle>("taken"), 0);
}

/**
 * Waits for the response to the oldest call in flight: OK (see `rpcResponseOffset`), the server's own status (REFUSED), PENDING
 * after `maxLooks`, ABORTED, CLOSED, or OUTCOME_UNKNOWN: the server is fenced and did not answer.
 */
export function rpcPollResponse(handle: u32, maxLooks: u32): i32 {
  const at: usize = handleAt(handle);
  const consumed: u64 = recall64(at + offsetof<Handle>("consumed"));
  if (recall32(at + offsetof<Handle>("role")) != HANDLE_CALLER) return BAD_ARGUMENT;
  if (consumed == recall64(at + offsetof<Handle>("produced"))) return BAD_ARGUMENT;
  const capacityLog2: u32 = recall32(at + offsetof<Handle>("capacityLog2"));
  const address: usize = entryAt(responseRing(at), consumed, capacityLog2);
  const mark: u64 = markOf(consumed, capacityLog2);
  let entry: u64 = 0;
  for (let left: u32 = maxLooks; ; ) {
    const looks: u32 = min<u32>(left, LOOKS_PER_CHECK);
    entry = look(address, mark, looks);
    if (entry != 0) break;
    const peer: i32 = peerState(at);
    if (peer != OK) {
      // It may have answered just before its end.
      entry = look(address, mark, 1);
      if (entry != 0) break;
      return peer == PEER_LOST ? OUTCOME_UNKNOWN : peer;
    }
    left -= looks;
    if (left == 0) return PENDING;
  }
  return receive(at, entry, mark);
}

/** Believes a response only as far as it can be checked; one that lies ends the connection, its outcome unknown. */
function receive(at: usize, entry: u64, mark: u64): i32 {
  const arena: u64 = <u64>offsetOf(responseArena(at));
  const offset: u64 = RingEntry.offset(entry);
  if (RingEntry.markOf(entry) == mark && refersInto(entry, arena)) {
    const header: usize = poolBase + <usize>offset;
    const lengthBytes: u32 = lengthAt(header);
    const status: u32 = statusAt(header);
    if (reachesWithin(offset, lengthBytes, arena, recall32(at + offsetof<Handle>("payloadBytes")))) {
      keep32(at + offsetof<Handle>("messageOffset"), <u32>offset + HEADER_BYTES);
      keep32(at + offsetof<Handle>("messageBytes"), lengthBytes);
      crashPoint(CALL_AFTER_RESPONSE);
      return <i32>status;
    }
  }
  keep32(at + offsetof<Handle>("broken"), 1);
  return OUTCOME_UNKNOWN;
}

export function rpcResponseOffset(handle: u32): u32 {
  return recall32(handleAt(handle) + offsetof<Handle>("messageOffset"));
}

export function rpcResponseLength(handle: u32): u32 {
  return recall32(handleAt(handle) + offsetof<Handle>("messageBytes"));
}

/** Gives the response buffer back; its bytes may change from here on. */
export function rpcFinishCall(handle: u32): void {
  const at: usize = handleAt(handle);
  const consumed: u64 = recall64(at + offsetof<Handle>("consumed"));
  if (consumed == recall64(at + offsetof<Handle>("produced"))) return;
  acknowledge(at, consumed + 1, recall32(at + offsetof<Handle>("capacityLog2")));
  keep64(at + offsetof<Handle>("consumed"), consumed + 1);
  crashPoint(CALL_AFTER_FINISH);
}

/** Tells the server once every half ring. */
function acknowledge(at: usize, consumed: u64, capacityLog2: u32): void {
  if ((consumed & (windowOf(capacityLog2) - 1)) != 0) return;
  publish64(connectionAt(slotOf(at)) + CONNECTION_CALLER_LINE + offsetof<CallerLine>("acknowledged"), consumed); // publishes A1
}

/**
 * `calls` echo calls, one after the other, each response verified: the figure "core to core". OK, or the first failure's code;
 * PENDING when a response did not come within `maxLooks`: call again, it goes on where it was with what is left.
 */
export function rpcCallBatch(handle: u32, calls: u32, payloadBytes: u32, maxLooks: u32): i32 {
  const at: usize = handleAt(handle);
  if (recall32(at + offsetof<Handle>("role")) != HANDLE_CALLER) return BAD_ARGUMENT;
  if (payloadBytes > recall32(at + offsetof<Handle>("payloadBytes"))) return BAD_ARGUMENT;
  const capacityLog2: u32 = recall32(at + offsetof<Handle>("capacityLog2"));
  const strideBytes: u32 = recall32(at + offsetof<Handle>("strideBytes"));
  const requests: usize = requestArena(at);
  for (let call: u32 = 0; call < calls; call++) {
    const produced: u64 = recall64(at + offsetof<Handle>("produced"));
    if (produced == recall64(at + offsetof<Handle>("consumed"))) {
      const peer: i32 = peerState(at);
      if (peer != OK) return peer;
      const request: usize = bufferAt(requests, produced, capacityLog2, strideBytes);
      const offset: u64 = <u64>offsetOf(request);
      if (mutant(12)) publish64(entryAt(requestRing(at), produced, capacityLog2), RingEntry.pack(markOf(produced, capacityLog2), offset));
      for (let word: u32 = 0; word < payloadBytes; word += 8) store64(request + HEADER_BYTES + word, pattern(produced, word));
      send(at, request, payloadBytes, offset);
    }
    const status: i32 = rpcPollResponse(handle, maxLooks);
    if (status != OK) return status;
    if (!isEcho(at, recall64(at + offsetof<Handle>("consumed")), payloadBytes)) return CORRUPT;
    rpcFinishCall(handle);
  }
  return OK;
}

function isEcho(at: usize, call: u64, payloadBytes: u32): bool {
  if (recall32(at + offsetof<Handle>("messageBytes")) != payloadBytes) return false;
  const response: usize = poolBase + recall32(at + offsetof<Handle>("messageOffset"));
  let difference: u64 = 0;
  for (let word: u32 = 0; word < payloadBytes; word += 8) difference |= load64(response + word) ^ pattern(call, word);
  return difference == 0;
}

/** How many calls this handle has finished, its low 32 bits: what `rpcCallBatch` had done when it answered PENDING. */
export function rpcFinished(handle: u32): u32 {
  return <u32>recall64(handleAt(handle) + offsetof<Handle>("consumed"));
}
