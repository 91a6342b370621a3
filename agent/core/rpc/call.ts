import { keep32, keep64, load64, publish64, recall32, recall64, store64 } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { poolBase } from '../place/place';
import { BAD_ARGUMENT, BUSY, CLOSED, CORRUPT, OK, OUTCOME_UNKNOWN, PEER_LOST, PENDING, REFUSED } from '../codes/codes';
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
  rpcId,
  statusAt,
  writeHeader,
} from './ring';

/** Calls in flight at once: half the ring, so that acknowledging every half ring is enough. */
function windowOf(capacityLog2: u32): u64 {
  return (<u64>1 << <u64>capacityLog2) >> 1;
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
  sendNext(at, request, lengthBytes, <u64>offsetOf(request));
  return OK;
}

/** As `rpcPublish`, with a reference and a length that may be lies: the server must refuse them. */
export function rpcForge(handle: u32, offsetLow: u32, offsetHigh: u32, lengthBytes: u32): i32 {
  const at: usize = handleAt(handle);
  if (recall32(at + offsetof<Handle>("taken")) == 0) return BAD_ARGUMENT;
  sendNext(at, nextRequest(at), lengthBytes, ((<u64>offsetHigh << 32) | <u64>offsetLow) & 0xffffffffffff);
  return OK;
}

function sendNext(at: usize, request: usize, lengthBytes: u32, offset: u64): void {
  const produced: u64 = recall64(at + offsetof<Handle>("produced"));
  const capacityLog2: u32 = recall32(at + offsetof<Handle>("capacityLog2"));
  const entry: usize = entryAt(requestRing(at), produced, capacityLog2);
  const word: u64 = RingEntry.pack(markOf(produced, capacityLog2), offset);
  send(request, entry, word, rpcId(recall32(at + offsetof<Handle>("epoch")), produced), lengthBytes);
  keep64(at + offsetof<Handle>("produced"), produced + 1);
  keep32(at + offsetof<Handle>("taken"), 0);
}

/** Sends the request behind `request`, see `writeHeader` for the steps. */
function send(request: usize, entry: usize, word: u64, id: u64, lengthBytes: u32): void {
  if (mutant(5)) publish64(entry, word);
  writeHeader(request, id, lengthBytes, 0);
  crashPoint(CALL_AFTER_HEADER);
  publish64(entry, word); // publishes R1
  crashPoint(CALL_AFTER_PUBLISH);
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
  let entry: u64 = look(address, mark, min<u32>(maxLooks, LOOKS_PER_CHECK));
  if (entry == 0) {
    const waited: i32 = waitForResponse(at, address, mark, maxLooks);
    if (waited != OK) return waited;
    entry = look(address, mark, 1);
  }
  const answer: u64 = receive(entry, mark, <u64>offsetOf(responseArena(at)), recall32(at + offsetof<Handle>("payloadBytes")));
  if (answer == NOT_BELIEVED) return disbelieve(at);
  keep32(at + offsetof<Handle>("messageOffset"), <u32>RingEntry.offset(entry) + HEADER_BYTES);
  keep32(at + offsetof<Handle>("messageBytes"), <u32>answer);
  return <i32>(answer >> 32);
}

/** OK once the entry has arrived; between looks at it, everything else is looked at. */
function waitForResponse(at: usize, address: usize, mark: u64, maxLooks: u32): i32 {
  for (let left: u32 = maxLooks; left != 0; ) {
    const peer: i32 = peerState(at);
    if (peer != OK) {
      // It may have answered just before its end.
      if (look(address, mark, 1) != 0) return OK;
      return peer == PEER_LOST ? OUTCOME_UNKNOWN : peer;
    }
    const looks: u32 = min<u32>(left, LOOKS_PER_CHECK);
    if (look(address, mark, looks) != 0) return OK;
    left -= looks;
  }
  return PENDING;
}

/** What `receive` answers for a response that lies. */
const NOT_BELIEVED: u64 = 0xffffffffffffffff;

/** Believes a response only as far as it can be checked. Its status (upper half) and length, or NOT_BELIEVED. */
function receive(entry: u64, mark: u64, arena: u64, payloadBytes: u32): u64 {
  const offset: u64 = RingEntry.offset(entry);
  if (RingEntry.markOf(entry) != mark || !refersInto(entry, arena)) return NOT_BELIEVED;
  const header: usize = poolBase + <usize>offset;
  const lengthBytes: u32 = lengthAt(header);
  const status: u32 = statusAt(header);
  if (!reachesWithin(offset, lengthBytes, arena, payloadBytes)) return NOT_BELIEVED;
  // Every other word would be taken for a code of ours: PENDING for ever, BUSY, or a connection that was closed here.
  if (<i32>status != OK && <i32>status != REFUSED && !mutant(13)) return NOT_BELIEVED;
  crashPoint(CALL_AFTER_RESPONSE);
  return (<u64>status << 32) | <u64>lengthBytes;
}

/** A server that lies is not asked again; whether it executed the call, nobody knows. */
function disbelieve(at: usize): i32 {
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
 * PENDING when a response did not come within `maxLooks`: call again for what is left, it goes on where it was. The same steps as
 * begin, publish, poll and finish, with what does not change between calls read once; a server that is lost in the middle of a
 * batch is therefore told as OUTCOME_UNKNOWN, by the call that it did not answer.
 */
export function rpcCallBatch(handle: u32, calls: u32, payloadBytes: u32, maxLooks: u32): i32 {
  const at: usize = handleAt(handle);
  if (recall32(at + offsetof<Handle>("role")) != HANDLE_CALLER) return BAD_ARGUMENT;
  if (recall32(at + offsetof<Handle>("broken")) != 0) return CLOSED;
  const limitBytes: u32 = recall32(at + offsetof<Handle>("payloadBytes"));
  if (payloadBytes > limitBytes) return BAD_ARGUMENT;
  const capacityLog2: u32 = recall32(at + offsetof<Handle>("capacityLog2"));
  const strideBytes: u32 = recall32(at + offsetof<Handle>("strideBytes"));
  const epoch: u32 = recall32(at + offsetof<Handle>("epoch"));
  const requests: usize = requestArena(at);
  const requestEntries: usize = requestRing(at);
  const responseEntries: usize = responseRing(at);
  const responseBytes: u64 = <u64>offsetOf(responseArena(at));
  const firstLooks: u32 = min<u32>(maxLooks, LOOKS_PER_CHECK);
  let index: u64 = recall64(at + offsetof<Handle>("consumed"));
  const inFlight: u64 = recall64(at + offsetof<Handle>("produced")) - index;
  if (inFlight > 1) return BUSY;
  let isSent: bool = inFlight == 1;
  if (!isSent) {
    const peer: i32 = peerState(at);
    if (peer != OK) return peer;
  }
  let code: i32 = OK;
  for (const end: u64 = index + <u64>calls; index < end; ) {
    const mark: u64 = markOf(index, capacityLog2);
    if (!isSent) {
      const request: usize = bufferAt(requests, index, capacityLog2, strideBytes);
      const entry: usize = entryAt(requestEntries, index, capacityLog2);
      const word: u64 = RingEntry.pack(mark, <u64>offsetOf(request));
      if (mutant(12)) publish64(entry, word);
      const first: u64 = pattern(index);
      for (let at: u32 = 0; at < payloadBytes; at += 8) store64(request + HEADER_BYTES + at, first + <u64>at);
      send(request, entry, word, rpcId(epoch, index), payloadBytes);
      isSent = true;
    }
    const address: usize = entryAt(responseEntries, index, capacityLog2);
    let entry: u64 = look(address, mark, firstLooks);
    if (entry == 0) {
      code = waitForResponse(at, address, mark, maxLooks);
      if (code != OK) break;
      entry = look(address, mark, 1);
    }
    const answer: u64 = receive(entry, mark, responseBytes, limitBytes);
    if (answer == NOT_BELIEVED) {
      code = disbelieve(at);
      break;
    }
    code = <i32>(answer >> 32);
    if (code != OK) break;
    if (<u32>answer != payloadBytes || !isEcho(poolBase + <usize>RingEntry.offset(entry) + HEADER_BYTES, index, payloadBytes)) {
      code = CORRUPT;
      break;
    }
    index++;
    isSent = false;
    acknowledge(at, index, capacityLog2);
  }
  keep64(at + offsetof<Handle>("consumed"), index);
  keep64(at + offsetof<Handle>("produced"), isSent ? index + 1 : index);
  return code;
}

function isEcho(response: usize, call: u64, payloadBytes: u32): bool {
  const first: u64 = pattern(call);
  let difference: u64 = 0;
  for (let at: u32 = 0; at < payloadBytes; at += 8) difference |= load64(response + at) ^ (first + <u64>at);
  return difference == 0;
}

/** How many calls this handle has finished, its low 32 bits: what `rpcCallBatch` had done when it answered PENDING. */
export function rpcFinished(handle: u32): u32 {
  return <u32>recall64(handleAt(handle) + offsetof<Handle>("consumed"));
}
