import { fullFence, invalidate, keep32, keep64, load64, recall32, recall64 } from '../memory/memory';
import { mutant } from '../memory/mutant';
import {
  ABORTED,
  BAD_ARGUMENT,
  BUSY,
  CLOSED,
  CORRUPT,
  FAILED,
  FENCED,
  OK,
  OUTCOME_UNKNOWN,
  PEER_LOST,
  PENDING,
  REFUSED,
  TOO_LARGE,
  UNKNOWN_METHOD,
} from '../codes/codes';
import { crashPoint } from '../crash-points/crash-point';
import {
  CALL_AFTER_BEGIN,
  CALL_AFTER_FINISH,
  CALL_AFTER_PUBLISH,
  CALL_AFTER_RESPONSE,
  CALL_AFTER_WRITE,
} from '../crash-points/catalogue';
import { Handle, HANDLE_CALLER } from '../layout/scratch';
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
} from '../layout/connection';
import { connectionAt } from './close';
import {
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
import { cachedBytesOf, entryAt, fetchAhead, look, markOf, Message, NOT_ACCEPTED, pattern, payloadAt, writePattern } from './ring';

/**
 * Whether the next call may be sent: OK, BUSY, PEER_LOST, CLOSED, ABORTED. The window slides over the slots in order: call i + window needs
 * that the caller is done with call i, and that call i has ended, whatever became of later ones. Asked again for the same call, the offer
 * is the same: what may begin may be sent.
 */
function mayBegin(at: usize): i32 {
  if (recall32(at + offsetof<Handle>("role")) != HANDLE_CALLER) return BAD_ARGUMENT;
  if (recall32(at + offsetof<Handle>("broken")) != 0) return CLOSED;
  const next: u64 = recall64(at + offsetof<Handle>("next"));
  const slot: u32 = slotOf(next, recall32(at + offsetof<Handle>("windowLog2")));
  if (recall64(at + offsetof<Handle>("late")) != 0) freeLate(at);
  if (isOpen(at, slot) && !mutant(10)) return BUSY;
  if (slot == 0 && (recall32(at + offsetof<Handle>("offerAt")) != <u32>next || mutant(19))) learnOffer(at, next);
  if (<u32>popcnt<u64>(recall64(at + offsetof<Handle>("open"))) >= recall32(at + offsetof<Handle>("offered"))) return BUSY;
  return peerState(at);
}

/** Calls that nobody waits for any more, and that have ended by now, give their slots back. */
function freeLate(at: usize): void {
  for (let late: u64 = recall64(at + offsetof<Handle>("late")); late != 0; late &= late - 1) {
    const slot: u32 = <u32>ctz<u64>(late);
    if (hasArrived(at, slot)) free(at, slot);
  }
}

/** One look. */
function hasArrived(at: usize, slot: u32): bool {
  const mark: u64 = markOf(indexOf(at, slot), recall32(at + offsetof<Handle>("windowLog2")));
  return look(entryAt(responseRing(at), slot), mark, 1, recall32(at + offsetof<Handle>("sharing"))) != 0;
}

function free(at: usize, slot: u32): void {
  const others: u64 = ~(<u64>1 << <u64>slot);
  keep64(at + offsetof<Handle>("open"), recall64(at + offsetof<Handle>("open")) & others);
  keep64(at + offsetof<Handle>("ended"), recall64(at + offsetof<Handle>("ended")) & others);
  keep64(at + offsetof<Handle>("late"), recall64(at + offsetof<Handle>("late")) & others);
}

/** Once a lap: how many calls the server wants in flight. One that it cannot want is not believed. */
function learnOffer(at: usize, next: u64): void {
  keep32(at + offsetof<Handle>("offerAt"), <u32>next);
  const line: usize = connectionAt(connectionOf(at)) + CONNECTION_SERVER_LINE;
  if (recall32(at + offsetof<Handle>("sharing")) != SHARING_COHERENT) {
    if (!mutant(17)) invalidate(line);
    if (!mutant(347)) fullFence();
  }
  const offered: u64 = load64(line + offsetof<ServerLine>("offered")); // sees O1
  const window: u64 = <u64>1 << <u64>recall32(at + offsetof<Handle>("windowLog2"));
  keep32(at + offsetof<Handle>("offered"), offered == 0 || offered > window ? <u32>window : <u32>offered);
}

function nextPayload(at: usize): usize {
  const slot: u32 = slotOf(recall64(at + offsetof<Handle>("next")), recall32(at + offsetof<Handle>("windowLog2")));
  return payloadAt(requestArena(at), slot, recall32(at + offsetof<Handle>("strideBytes")));
}

/** Where to write the next request's payload, and in the line before it a header, if it has one; or BUSY, PEER_LOST, CLOSED, ABORTED, BAD_ARGUMENT. */
export function rpcBegin(handle: u32): u32 {
  const at: usize = handleAt(handle);
  const refusal: i32 = mayBegin(at);
  if (refusal != OK) return refusal;
  crashPoint(CALL_AFTER_BEGIN);
  return offsetOf(nextPayload(at));
}

/**
 * Sends the request that stands where `rpcBegin` said. HANDLE_BASE + its slot, or what `rpcBegin` answers; BAD_ARGUMENT for a length above
 * the connection's, or a kind that there cannot be.
 */
export function rpcSend(handle: u32, lengthBytes: u32, kind: u32): i32 {
  const at: usize = handleAt(handle);
  const refusal: i32 = mayBegin(at);
  if (refusal != OK) return refusal;
  if (lengthBytes > recall32(at + offsetof<Handle>("payloadBytes")) || kind >= KIND_LIMIT + KIND_HEADER) return BAD_ARGUMENT;
  const index: u64 = recall64(at + offsetof<Handle>("next"));
  const windowLog2: u32 = recall32(at + offsetof<Handle>("windowLog2"));
  const slot: u32 = slotOf(index, windowLog2);
  const entry: usize = entryAt(requestRing(at), slot);
  const sharing: u32 = recall32(at + offsetof<Handle>("sharing"));
  const layout: u32 = recall32(at + offsetof<Handle>("layout"));
  const cachedBytes: u32 = mutant(362) ? cachedBytesOf(lengthBytes, sharing) : lengthBytes;
  Call.send(entry, markOf(index, windowLog2), nextPayload(at), lengthBytes, cachedBytes, kind, sharing, layout);
  wasSent(at, index, slot);
  return <i32>(HANDLE_BASE + slot);
}

function wasSent(at: usize, index: u64, slot: u32): void {
  setOpen(at, slot);
  keep64(at + offsetof<Handle>("next"), index + 1);
  keep64(at + offsetof<Handle>("batched"), 0);
}

class Call {
  /** See `Message.send` for the steps. */
  @inline
  static send(
    entry: usize,
    mark: u64,
    payload: usize,
    lengthBytes: u32,
    cachedBytes: u32,
    kind: u32,
    sharing: u32,
    layout: u32,
  ): void {
    crashPoint(CALL_AFTER_WRITE);
    Message.send(entry, mark, payload, lengthBytes, cachedBytes, kind, sharing, layout);
    crashPoint(CALL_AFTER_PUBLISH);
  }
}

/** As `rpcSend`, with a reference, length and kind that may be lies: the server must refuse them. In the hardened layout only. */
export function rpcForge(handle: u32, offset: u32, lengthBytes: u32, kind: u32): i32 {
  const at: usize = handleAt(handle);
  const refusal: i32 = mayBegin(at);
  if (refusal != OK) return refusal;
  const index: u64 = recall64(at + offsetof<Handle>("next"));
  const windowLog2: u32 = recall32(at + offsetof<Handle>("windowLog2"));
  const slot: u32 = slotOf(index, windowLog2);
  const word: u64 = RingEntry.pack(markOf(index, windowLog2), lengthBytes, offset & ~63, kind & 63);
  Message.publish(entryAt(requestRing(at), slot), word, recall32(at + offsetof<Handle>("sharing")));
  wasSent(at, index, slot);
  return <i32>(HANDLE_BASE + slot);
}

/** The number of the call that is open in a slot. */
function indexOf(at: usize, slot: u32): u64 {
  const last: u64 = recall64(at + offsetof<Handle>("next")) - 1;
  const mask: u64 = (<u64>1 << <u64>recall32(at + offsetof<Handle>("windowLog2"))) - 1;
  return last - ((last - <u64>slot) & mask);
}

/**
 * Says again what an open call said: the same word in the same entry. A server that has seen it looks at another entry by now, so a call
 * that is sent twice is executed once. Where the device keeps no coherence the word goes to it once more. OK, or BAD_ARGUMENT for a slot
 * without a call.
 */
export function rpcResend(handle: u32, slot: u32): i32 {
  const at: usize = handleAt(handle);
  if (recall32(at + offsetof<Handle>("role")) != HANDLE_CALLER || slot >= 64 || !isOpen(at, slot)) return BAD_ARGUMENT;
  const entry: usize = entryAt(requestRing(at), slot);
  const sharing: u32 = recall32(at + offsetof<Handle>("sharing"));
  Message.publish(entry, load64(entry), mutant(360) ? SHARING_COHERENT : sharing);
  return OK;
}

/**
 * Nobody waits for the call in `slot` any more: its own entry says so, which keeps phase, sequence, place and length and has the kind CANCELLED
 * instead of the method. Published as a call that is sent again is. A server that has not taken the call takes it as that; one that has looks at another entry
 * by now, and sees it when it asks (`rpcIsCancelled`). The call is answered all the same. OK; BAD_ARGUMENT for a slot without a call, and in the
 * faithful layout, whose entry says no kind.
 */
export function rpcCancel(handle: u32, slot: u32): i32 {
  const at: usize = handleAt(handle);
  if (recall32(at + offsetof<Handle>("role")) != HANDLE_CALLER || slot >= 64 || !isOpen(at, slot)) return BAD_ARGUMENT;
  if (recall32(at + offsetof<Handle>("layout")) == LAYOUT_FAITHFUL) return BAD_ARGUMENT;
  const entry: usize = entryAt(requestRing(at), slot);
  const word: u64 = load64(entry);
  const mark: u64 = mutant(370) ? RingEntry.markOf(word) ^ 0x8000 : RingEntry.markOf(word);
  const kind: u32 = (RingEntry.kind(word) & KIND_HEADER) | KIND_CANCELLED;
  const cancelled: u64 = RingEntry.pack(mark, RingEntry.lengthBytes(word), RingEntry.payloadOffset(word), kind);
  Message.publish(entry, cancelled, recall32(at + offsetof<Handle>("sharing")));
  return OK;
}

/**
 * Waits for the response to the call in `slot`: its status (OK, REFUSED, FAILED, UNKNOWN_METHOD, TOO_LARGE), PENDING after `maxLooks`, ABORTED,
 * FENCED, or OUTCOME_UNKNOWN: the server is fenced or hung up and did not answer, or answered what cannot be. Where the response lies stands
 * in the handle's block.
 */
export function rpcPoll(handle: u32, slot: u32, maxLooks: u32): i32 {
  const at: usize = handleAt(handle);
  if (recall32(at + offsetof<Handle>("role")) != HANDLE_CALLER || slot >= 64 || !isOpen(at, slot)) return BAD_ARGUMENT;
  const code: i32 = receive(at, slot, indexOf(at, slot), maxLooks);
  // A server that is fenced or hung up uses no buffer any more; one that lies is not asked again.
  if (code != PENDING && code != ABORTED && code != FENCED) {
    keep64(at + offsetof<Handle>("ended"), recall64(at + offsetof<Handle>("ended")) | (<u64>1 << <u64>slot));
  }
  return code;
}

function receive(at: usize, slot: u32, index: u64, maxLooks: u32): i32 {
  const sharing: u32 = recall32(at + offsetof<Handle>("sharing"));
  const address: usize = entryAt(responseRing(at), slot);
  const mark: u64 = markOf(index, recall32(at + offsetof<Handle>("windowLog2")));
  let entry: u64 = look(address, mark, min<u32>(maxLooks, LOOKS_PER_CHECK), sharing);
  if (entry == 0) {
    const waited: i32 = waitForResponse(at, address, mark, maxLooks, sharing);
    if (waited != OK) return waited;
    entry = look(address, mark, 2, sharing);
  }
  const layout: u32 = recall32(at + offsetof<Handle>("layout"));
  const payloadBytes: u32 = recall32(at + offsetof<Handle>("payloadBytes"));
  const accepted: u64 = Message.accept(entry, mark, <u64>offsetOf(responseArena(at)), payloadBytes, sharing, layout);
  if (accepted == NOT_ACCEPTED || !isStatus(<u32>(accepted >> 32))) return disbelieve(at);
  crashPoint(CALL_AFTER_RESPONSE);
  keepMessage(at, Message.payload(entry, layout), accepted);
  return <i32>(accepted >> 32) & (KIND_LIMIT - 1);
}

/** Every other number would be taken for a code of ours: PENDING for ever, BUSY, or a connection that was closed here. */
function isStatus(kind: u32): bool {
  const status: i32 = <i32>(kind & (KIND_LIMIT - 1));
  return status == OK || status == REFUSED || status == FAILED || status == UNKNOWN_METHOD || status == TOO_LARGE || mutant(13);
}

/** OK once the entry has arrived; between looks at it, everything else is looked at. */
function waitForResponse(at: usize, address: usize, mark: u64, maxLooks: u32, sharing: u32): i32 {
  for (let left: u32 = maxLooks; left != 0; ) {
    const peer: i32 = peerState(at);
    if (peer != OK) {
      // It may have answered just before its end.
      if (look(address, mark, 2, sharing) != 0) return OK;
      return peer == PEER_LOST || peer == CLOSED ? OUTCOME_UNKNOWN : peer;
    }
    const looks: u32 = min<u32>(left, LOOKS_PER_CHECK);
    if (look(address, mark, looks, sharing) != 0) return OK;
    left -= looks;
  }
  return PENDING;
}

/** A server that lies is not asked again; whether it executed the call, nobody knows. */
function disbelieve(at: usize): i32 {
  keep32(at + offsetof<Handle>("broken"), 1);
  return OUTCOME_UNKNOWN;
}

/**
 * One look at each open call whose end is not known: HANDLE_BASE + the slot of one whose response has arrived, PENDING, or what `peerState`
 * answers when none has: each open call is then to be polled once more for its own end.
 */
export function rpcPollAny(handle: u32): i32 {
  const at: usize = handleAt(handle);
  const sharing: u32 = recall32(at + offsetof<Handle>("sharing"));
  const windowLog2: u32 = recall32(at + offsetof<Handle>("windowLog2"));
  const ring: usize = responseRing(at);
  const known: u64 = recall64(at + offsetof<Handle>("ended")) | recall64(at + offsetof<Handle>("late"));
  for (let open: u64 = recall64(at + offsetof<Handle>("open")) & ~known; open != 0; open &= open - 1) {
    const slot: u32 = <u32>ctz<u64>(open);
    if (look(entryAt(ring, slot), markOf(indexOf(at, slot), windowLog2), 1, sharing) != 0) return <i32>(HANDLE_BASE + slot);
  }
  const peer: i32 = peerState(at);
  return peer == OK ? PENDING : peer;
}

/**
 * The caller is done with the call in `slot`: the bytes of its response may change from here on. OK: the slot is free. PENDING: the call has
 * not ended and its server may still use the buffers; the slot is free once its response has come. BAD_ARGUMENT: this is no caller.
 */
export function rpcFinish(handle: u32, slot: u32): i32 {
  const at: usize = handleAt(handle);
  if (recall32(at + offsetof<Handle>("role")) != HANDLE_CALLER) return BAD_ARGUMENT;
  if (slot >= 64 || !isOpen(at, slot)) return OK;
  const bit: u64 = <u64>1 << <u64>slot;
  if ((recall64(at + offsetof<Handle>("ended")) & bit) == 0 && !hasArrived(at, slot) && !mutant(15)) {
    keep64(at + offsetof<Handle>("late"), recall64(at + offsetof<Handle>("late")) | bit);
    return PENDING;
  }
  free(at, slot);
  crashPoint(CALL_AFTER_FINISH);
  return OK;
}

/**
 * `calls` echo calls, `depth` in flight at a time, each response verified: the figure "core to core". OK, or the first failure's code; PENDING
 * when a response did not come within `maxLooks`: call again for what is left, it goes on where it was. The same steps as send, poll and finish,
 * with what does not change between calls read once; a server that is lost in the middle of a batch is therefore told as OUTCOME_UNKNOWN, by
 * the call that it did not answer. BUSY: calls are open that no batch made.
 */
export function rpcCallBatch(handle: u32, calls: u32, payloadBytes: u32, depth: u32, maxLooks: u32): i32 {
  const at: usize = handleAt(handle);
  if (recall32(at + offsetof<Handle>("role")) != HANDLE_CALLER) return BAD_ARGUMENT;
  if (recall32(at + offsetof<Handle>("broken")) != 0) return CLOSED;
  const limitBytes: u32 = recall32(at + offsetof<Handle>("payloadBytes"));
  const windowLog2: u32 = recall32(at + offsetof<Handle>("windowLog2"));
  if (payloadBytes > limitBytes || depth == 0 || depth > <u32>1 << windowLog2) return BAD_ARGUMENT;
  if (recall64(at + offsetof<Handle>("late")) != 0) freeLate(at);
  if (recall64(at + offsetof<Handle>("open")) != recall64(at + offsetof<Handle>("batched")) && !mutant(18)) return BUSY;
  const layout: u32 = recall32(at + offsetof<Handle>("layout"));
  const sharing: u32 = recall32(at + offsetof<Handle>("sharing"));
  const strideBytes: u32 = recall32(at + offsetof<Handle>("strideBytes"));
  const requests: usize = requestArena(at);
  const requestEntries: usize = requestRing(at);
  const responses: usize = responseRing(at);
  const responseBytes: u64 = <u64>offsetOf(responseArena(at));
  const firstLooks: u32 = min<u32>(maxLooks, LOOKS_PER_CHECK);
  const cachedBytes: u32 = cachedBytesOf(payloadBytes, sharing);
  let next: u64 = recall64(at + offsetof<Handle>("next"));
  let done: u64 = next - popcnt<u64>(recall64(at + offsetof<Handle>("open")));
  if (done == next) {
    const peer: i32 = peerState(at);
    if (peer != OK) return peer;
  }
  let code: i32 = OK;
  let limit: u64 = limitOf(at, depth);
  for (const end: u64 = done + <u64>calls; done < end; ) {
    while (next < end) {
      if (slotOf(next, windowLog2) == 0 && recall32(at + offsetof<Handle>("offerAt")) != <u32>next) {
        learnOffer(at, next);
        limit = limitOf(at, depth);
      }
      if (next - done >= limit) break;
      const slot: u32 = slotOf(next, windowLog2);
      const payload: usize = payloadAt(requests, slot, strideBytes);
      const entry: usize = entryAt(requestEntries, slot);
      const mark: u64 = markOf(next, windowLog2);
      if (mutant(12)) Call.send(entry, mark, payload, payloadBytes, cachedBytes, 0, sharing, layout);
      writePattern(payload, next, payloadBytes, sharing);
      if (!mutant(12)) Call.send(entry, mark, payload, payloadBytes, cachedBytes, 0, sharing, layout);
      next++;
    }
    const mark: u64 = markOf(done, windowLog2);
    const address: usize = entryAt(responses, slotOf(done, windowLog2));
    let entry: u64 = look(address, mark, firstLooks, sharing);
    if (entry == 0) {
      code = waitForResponse(at, address, mark, maxLooks, sharing);
      if (code != OK) break;
      entry = look(address, mark, 2, sharing);
    }
    if (sharing == SHARING_FAST) fetchAhead(responses, slotOf(done, windowLog2), windowLog2);
    const accepted: u64 = Message.accept(entry, mark, responseBytes, limitBytes, sharing, layout);
    if (accepted == NOT_ACCEPTED || !isStatus(<u32>(accepted >> 32))) {
      code = disbelieve(at);
      break;
    }
    crashPoint(CALL_AFTER_RESPONSE);
    code = <i32>(accepted >> 32) & (KIND_LIMIT - 1);
    if (code == OK && (<u32>accepted != payloadBytes || !isEcho(Message.payload(entry, layout), done, payloadBytes))) code = CORRUPT;
    if (code != OK) break;
    done++;
  }
  const open: u64 = openBetween(done, next, windowLog2);
  keep64(at + offsetof<Handle>("next"), next);
  keep64(at + offsetof<Handle>("open"), open);
  keep64(at + offsetof<Handle>("ended"), 0);
  keep64(at + offsetof<Handle>("late"), 0);
  keep64(at + offsetof<Handle>("batched"), open);
  return code;
}

/** As many as are asked for and wanted by the server. */
function limitOf(at: usize, depth: u32): u64 {
  return mutant(16) ? <u64>depth : <u64>min<u32>(depth, recall32(at + offsetof<Handle>("offered")));
}

/** The bits of the slots of calls from `done` up to `next`. */
function openBetween(done: u64, next: u64, windowLog2: u32): u64 {
  let open: u64 = 0;
  for (let index: u64 = done; index < next; index++) open |= <u64>1 << <u64>slotOf(index, windowLog2);
  return open;
}

function isEcho(response: usize, call: u64, payloadBytes: u32): bool {
  const first: u64 = pattern(call);
  let difference: u64 = 0;
  for (let at: u32 = 0; at < payloadBytes; at += 8) difference |= load64(response + at) ^ (first + <u64>at);
  return difference == 0;
}

/** How many calls this handle has sent and is done with, its low 32 bits: what `rpcCallBatch` had done when it answered PENDING. */
export function rpcFinished(handle: u32): u32 {
  const at: usize = handleAt(handle);
  return <u32>(recall64(at + offsetof<Handle>("next")) - popcnt<u64>(recall64(at + offsetof<Handle>("open"))));
}
