// Hand-over of references between two clients: a ring of slots with one writer at each end (CXL-SHM, transfer).

import { keep32, load32, load64, publish64, recall32, store32, store64, swap64 } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { poolBase, threadBase } from '../place/place';
import { BAD_ARGUMENT, BAD_OFFSET, CLOSED, FULL, HEAP_FULL, NOT_FOUND, OK, PENDING } from '../codes/codes';
import { COMMIT_WAS_STOLEN, crashPoint, invariant } from '../crash-points/crash-point';
import {
  SHM_CLOSE_AFTER_CLEAN,
  SHM_CLOSE_AFTER_COMMIT,
  SHM_CLOSE_AFTER_DRAIN,
  SHM_QUEUE_AFTER_CLAIM,
  SHM_QUEUE_AFTER_COMMIT,
  SHM_QUEUE_AFTER_DESCRIBE,
  SHM_QUEUE_AFTER_FAILED_CAS,
  SHM_QUEUE_AFTER_FIND,
  SHM_RECEIVE_AFTER_COMMIT,
  SHM_RECEIVE_AFTER_MOVE,
  SHM_SEND_AFTER_COMMIT,
  SHM_SEND_AFTER_FILL,
} from '../crash-points/catalogue';
import { clientWord, isFenced, isGone } from '../client-table/self';
import { CLIENT_COUNT } from '../layout/regions';
import { CLIENT_JOINED, ClientWord } from '../layout/client';
import { HeapShape } from '../layout/heap';
import { BATCH_LIMIT, HeapScratch, SCRATCH_BATCH_OFFSET } from '../layout/scratch';
import {
  QUEUE_DESCRIPTOR_LINE,
  QUEUE_DRAINED_BY_RECEIVER,
  QUEUE_DRAINING,
  QUEUE_FREE,
  QUEUE_OPEN,
  QUEUE_OPENING,
  QUEUE_RECEIVER_CLOSED,
  QUEUE_RECEIVER_LINE,
  QUEUE_SENDER_CLOSED,
  QUEUE_SENDER_LINE,
  QUEUE_SLOTS_OFFSET,
  QueueDescriptor,
  QueueReceiver,
  QueueSender,
  QueueState,
  QueueWord,
} from '../layout/queue';
import { actorPlusOne, Client, heap, shape } from './context';
import { drain } from './dispose';
import { fence, flush } from './flush';
import { attachSlot, dropSlot, moveSlot } from './reference';
import { isObject } from './plausible';
import { popRoot, pushRoot, Root } from './root';

function queueCount(): u32 {
  return load32(shape() + offsetof<HeapShape>("queueCount"));
}

function capacity(): u64 {
  return <u64>1 << load32(shape() + offsetof<HeapShape>("queueCapacityLog2"));
}

function queueAt(queue: u32): usize {
  return poolBase + load32(shape() + offsetof<HeapShape>("queuesOffset")) + queue * load32(shape() + offsetof<HeapShape>("queueBytes"));
}

function wordOf(queue: u32): u64 {
  return load64(queueAt(queue) + offsetof<QueueState>("word"));
}

/** Offset of the slot of the `index`-th reference ever. */
function slotOf(queue: u32, index: u64): u32 {
  return <u32>(queueAt(queue) - poolBase) + QUEUE_SLOTS_OFFSET + (<u32>index & (<u32>capacity() - 1)) * 8;
}

function tailAt(queue: u32): usize {
  return queueAt(queue) + QUEUE_SENDER_LINE + offsetof<QueueSender>("tail");
}

function filledAt(queue: u32): usize {
  return queueAt(queue) + QUEUE_SENDER_LINE + offsetof<QueueSender>("filled");
}

function headAt(queue: u32): usize {
  return queueAt(queue) + QUEUE_RECEIVER_LINE + offsetof<QueueReceiver>("head");
}

/**
 * Opens a queue from this client to `receiver`. Its index + CODE_LIMIT; or FULL, NOT_FOUND when nobody is there, BAD_ARGUMENT for a
 * queue to oneself.
 *
 *   1. claim      Swap a free queue for { OPENING, epoch + 1, sender, receiver }. On a lost race, the next queue.
 *   2. describe   Write both incarnations and the tag; head and tail are 0, all slots empty.
 *   3. COMMIT     Swap OPENING for OPEN.
 *   4. look       Is the receiver still there? It looks for queues only after it has said that it leaves, so one of the two sees
 *                 the other.
 *
 * Dead before 3: recovery frees the queue. Dead after 3: recovery closes the sender's side.
 */
export function shmOpenQueue(receiver: u32, tagLow: u32, tagHigh: u32): i32 {
  const refusal: i32 = Client.mayBegin();
  if (refusal != OK) return refusal;
  const self: u32 = actorPlusOne() - 1;
  if (receiver == self || receiver >= CLIENT_COUNT) return BAD_ARGUMENT;
  const other: u64 = clientWord(receiver);
  if (ClientWord.state(other) != CLIENT_JOINED || isFenced(receiver, ClientWord.incarnation(other))) return NOT_FOUND;
  for (let queue: u32 = 0; queue < queueCount(); queue++) {
    const address: usize = queueAt(queue) + offsetof<QueueState>("word");
    const seen: u64 = load64(address);
    if (QueueWord.state(seen) != QUEUE_FREE) continue;
    const epoch: u32 = QueueWord.epoch(seen) + 1;
    const claim: u64 = QueueWord.pack(epoch, QUEUE_OPENING, self, receiver);
    crashPoint(SHM_QUEUE_AFTER_FIND);
    if (swap64(address, seen, claim) != seen) {
      crashPoint(SHM_QUEUE_AFTER_FAILED_CAS);
      continue;
    }
    crashPoint(SHM_QUEUE_AFTER_CLAIM);

    const descriptor: usize = queueAt(queue) + QUEUE_DESCRIPTOR_LINE;
    store32(descriptor + offsetof<QueueDescriptor>("senderIncarnation"), recall32(heap() + offsetof<HeapScratch>("incarnation")));
    store32(descriptor + offsetof<QueueDescriptor>("receiverIncarnation"), ClientWord.incarnation(other));
    store64(descriptor + offsetof<QueueDescriptor>("tag"), (<u64>tagHigh << 32) | <u64>tagLow);
    store64(tailAt(queue), 0);
    store64(filledAt(queue), 0);
    store64(headAt(queue), 0);
    crashPoint(SHM_QUEUE_AFTER_DESCRIBE);
    if (!mutant(151)) flush(descriptor);
    if (!mutant(152)) flush(tailAt(queue));
    if (!mutant(153)) flush(headAt(queue));

    const before: u64 = swap64(address, claim, QueueWord.pack(epoch, QUEUE_OPEN, self, receiver)); // publishes Q1
    invariant(before == claim, COMMIT_WAS_STOLEN);
    crashPoint(SHM_QUEUE_AFTER_COMMIT);
    if (!mutant(154)) flush(address);
    if (!mutant(179)) fence(); // the caller is told that it is open
    const isLost: bool = clientWord(receiver) != other || (isFenced(receiver, ClientWord.incarnation(other)) && !mutant(68));
    if (isLost && !mutant(36)) {
      closeQueue(queue, false);
      return NOT_FOUND;
    }
    return <i32>(queue + 64);
  }
  return FULL;
}

/** Whether this client is at that end of an open queue. */
function isAt(queue: u32, receiving: bool): bool {
  if (queue >= queueCount()) return false;
  const word: u64 = wordOf(queue); // sees Q1
  const end: u32 = receiving ? QueueWord.receiver(word) : QueueWord.sender(word);
  if (QueueWord.state(word) != QUEUE_OPEN || end != actorPlusOne() - 1) return false;
  return (word & (receiving ? QUEUE_RECEIVER_CLOSED : QUEUE_SENDER_CLOSED)) == 0;
}

/**
 * Fills the next slot with what `root` holds: with a reference of its own, or with the root's, which is free then (`isMove`). The
 * receiver gets it with the next `shmPublish`. OK, FULL, CLOSED, COUNT_FULL, BAD_ARGUMENT.
 */
export function shmFill(queue: u32, root: u32, isMove: u32): i32 {
  const refusal: i32 = Client.mayBegin();
  if (refusal != OK) return refusal;
  if (!isAt(queue, false)) return BAD_ARGUMENT;
  if ((wordOf(queue) & QUEUE_RECEIVER_CLOSED) != 0) return CLOSED;
  const object: u32 = Root.object(root);
  if (object == 0) return BAD_ARGUMENT;
  const filled: u64 = load64(filledAt(queue));
  if (filled - load64(headAt(queue)) >= capacity() && !mutant(37)) return FULL; // sees Q3
  const slot: u32 = slotOf(queue, filled);
  if (isMove != 0) {
    moveSlot(root, slot);
    pushRoot(root);
  } else {
    const code: i32 = attachSlot(slot, object);
    if (code != OK) return code;
  }
  crashPoint(SHM_SEND_AFTER_FILL);
  store64(filledAt(queue), filled + 1); // this client's own, made anew from the slots by nobody: recovery looks at the slots
  return OK;
}

/** Lets the receiver have every slot that is filled. COMMIT is the publication of the tail. */
export function shmPublish(queue: u32): i32 {
  const refusal: i32 = Client.mayBegin();
  if (refusal != OK) return refusal;
  if (!isAt(queue, false)) return BAD_ARGUMENT;
  const filled: u64 = load64(filledAt(queue));
  if (load64(tailAt(queue)) == filled) return OK;
  publish64(tailAt(queue), filled); // publishes Q2
  crashPoint(SHM_SEND_AFTER_COMMIT);
  if (!mutant(155)) flush(tailAt(queue));
  if (!mutant(156)) fence(); // the caller is told that it is sent
  return OK;
}

/**
 * Takes the next reference. The offset of a new root that holds it; or PENDING when there is none, CLOSED when there will be none,
 * HEAP_FULL when there is no root, BAD_ARGUMENT.
 *
 *   1. move      The reference goes from the slot to a root of this client, without counting.
 *   2. COMMIT    Publish the head.
 *
 * Dead before 1: the reference is still in the queue. Dead after 1: it was dropped with the root; the slot is empty, and nobody but
 * who drains the queue looks at it again.
 */
export function shmReceive(queue: u32): u32 {
  const refusal: i32 = Client.mayBegin();
  if (refusal != OK) return <u32>refusal;
  if (!isAt(queue, true)) return <u32>BAD_ARGUMENT;
  const head: u64 = load64(headAt(queue));
  // Closed before empty: what was sent before the sender closed is seen.
  const closed: bool = (wordOf(queue) & QUEUE_SENDER_CLOSED) != 0;
  if (load64(tailAt(queue)) == head) return <u32>(closed ? CLOSED : PENDING); // sees Q2
  const slot: u32 = slotOf(queue, head);
  if (!isObject(load64(poolBase + slot))) return <u32>BAD_OFFSET;
  const root: u32 = popRoot();
  if (root == 0) return <u32>HEAP_FULL;
  if (mutant(67)) publish64(headAt(queue), head + 1);
  moveSlot(slot, root);
  crashPoint(SHM_RECEIVE_AFTER_MOVE);
  publish64(headAt(queue), head + 1); // publishes Q3
  crashPoint(SHM_RECEIVE_AFTER_COMMIT);
  return root;
}

/** How many references wait in a queue of this client's. */
export function shmWaiting(queue: u32): u32 {
  if (queue >= queueCount()) return 0;
  return <u32>(load64(tailAt(queue)) - load64(headAt(queue)));
}

/**
 * Writes the indices of queues towards this client, from the index `first` on, that carry the tag, or any, into the batch area; how
 * many: when it is BATCH_LIMIT there may be more behind the last.
 */
export function shmFindQueues(tagLow: u32, tagHigh: u32, anyTag: u32, first: u32): u32 {
  const tag: u64 = (<u64>tagHigh << 32) | <u64>tagLow;
  let found: u32 = 0;
  for (let queue: u32 = first; queue < queueCount() && found < BATCH_LIMIT; queue++) {
    if (!isAt(queue, true)) continue;
    if (anyTag == 0 && load64(queueAt(queue) + QUEUE_DESCRIPTOR_LINE + offsetof<QueueDescriptor>("tag")) != tag) continue;
    keep32(threadBase + SCRATCH_BATCH_OFFSET + found * 4, queue);
    found++;
  }
  return found;
}

export function shmQueueSender(queue: u32): i32 {
  return queue < queueCount() ? <i32>QueueWord.sender(wordOf(queue)) : -1;
}

/** Closes this client's side of a queue. OK, or BAD_ARGUMENT. */
export function shmCloseQueue(queue: u32): i32 {
  const refusal: i32 = Client.mayBegin();
  if (refusal != OK) return refusal;
  if (isAt(queue, false)) closeQueue(queue, false);
  else if (isAt(queue, true)) closeQueue(queue, true);
  else return BAD_ARGUMENT;
  return OK;
}

/**
 * Closes one side.
 *
 *   1. clean     Sender: detach what was filled and not sent. Receiver: nothing; its head is not looked at any more.
 *   2. COMMIT    Swap the word for one with this side closed; when the other side is closed, or its client gone, for DRAINING.
 *   3. drain     Who closes last detaches what is left,
 *   4. free      and swaps DRAINING for FREE.
 *
 * Dead before 2: recovery begins with 1 again. Dead after 2: recovery goes on with 3, if it was the last.
 */
function closeQueue(queue: u32, receiving: bool): void {
  if (!receiving) detachUnsent(queue);
  crashPoint(SHM_CLOSE_AFTER_CLEAN);
  if (!receiving && !mutant(158)) flush(tailAt(queue)); // what was not sent is detached by it
  const address: usize = queueAt(queue) + offsetof<QueueState>("word");
  const own: u64 = receiving ? QUEUE_RECEIVER_CLOSED : QUEUE_SENDER_CLOSED;
  const other: u64 = receiving ? QUEUE_SENDER_CLOSED : QUEUE_RECEIVER_CLOSED;
  // Two changes are left to the other side: to close, and to drain.
  for (let tries: u32 = 0; tries < 4; tries++) {
    const seen: u64 = load64(address);
    if (QueueWord.state(seen) != QUEUE_OPEN) return; // the other side took this one for gone, and drains
    if ((receiving ? QueueWord.receiver(seen) : QueueWord.sender(seen)) != actorPlusOne() - 1) return; // and it is others' by now
    const last: bool = (seen & other) != 0 || isOtherGone(queue, seen, receiving);
    let next: u64 = seen | own;
    if (last) {
      next = QueueWord.pack(QueueWord.epoch(seen), QUEUE_DRAINING, QueueWord.sender(seen), QueueWord.receiver(seen));
      if (receiving) next |= QUEUE_DRAINED_BY_RECEIVER;
    }
    if (swap64(address, seen, next) != seen) continue;
    crashPoint(SHM_CLOSE_AFTER_COMMIT);
    if (last) drainQueue(queue, next);
    return;
  }
}

/**
 * Whether the other side closes nothing any more. A sender that leaves finds its queue; a receiver may have looked for queues before
 * this one was open, so it counts as gone as soon as it leaves: it takes nothing from then on. So may its recoverer have, but
 * that one may have a receive to finish, unless nothing was ever sent.
 */
function isOtherGone(queue: u32, word: u64, receiving: bool): bool {
  const descriptor: usize = queueAt(queue) + QUEUE_DESCRIPTOR_LINE;
  if (receiving) return isGone(QueueWord.sender(word), load32(descriptor + offsetof<QueueDescriptor>("senderIncarnation")));
  const receiver: u64 = clientWord(QueueWord.receiver(word));
  const incarnation: u32 = load32(descriptor + offsetof<QueueDescriptor>("receiverIncarnation"));
  if (ClientWord.state(receiver) != CLIENT_JOINED || ClientWord.incarnation(receiver) != incarnation) return true;
  return load64(tailAt(queue)) == 0 && isFenced(QueueWord.receiver(word), incarnation) && !mutant(68);
}

function detachUnsent(queue: u32): void {
  const end: u64 = load64(headAt(queue)) + capacity();
  for (let index: u64 = load64(tailAt(queue)); index < end; index++) {
    if (!mutant(38)) dropSlot(slotOf(queue, index));
    drain();
  }
}

function drainQueue(queue: u32, draining: u64): void {
  for (let index: u64 = 0; index < capacity(); index++) {
    dropSlot(slotOf(queue, index));
    drain();
  }
  crashPoint(SHM_CLOSE_AFTER_DRAIN);
  const free: u64 = QueueWord.pack(QueueWord.epoch(draining), QUEUE_FREE, 0, 0);
  swap64(queueAt(queue) + offsetof<QueueState>("word"), draining, free);
}

/** Everything that the acting client has to do with any queue. */
export function closeQueuesOf(client: u32): void {
  for (let queue: u32 = 0; queue < queueCount(); queue++) {
    const word: u64 = wordOf(queue);
    const state: u32 = QueueWord.state(word);
    if (state == QUEUE_FREE) continue;
    const sends: bool = QueueWord.sender(word) == client;
    const receives: bool = QueueWord.receiver(word) == client;
    if (state == QUEUE_OPENING) {
      if (sends) swap64(queueAt(queue) + offsetof<QueueState>("word"), word, QueueWord.pack(QueueWord.epoch(word), QUEUE_FREE, 0, 0));
    } else if (state == QUEUE_DRAINING) {
      if ((word & QUEUE_DRAINED_BY_RECEIVER) != 0 ? receives : sends) drainQueue(queue, word);
    } else {
      if (sends && (word & QUEUE_SENDER_CLOSED) == 0) closeQueue(queue, false);
      if (receives && (word & QUEUE_RECEIVER_CLOSED) == 0) closeQueue(queue, true);
    }
  }
  // All, for what it did to others before is as little on the device: once it is gone nobody does it again.
  for (let queue: u32 = 0; queue < queueCount() && !mutant(157); queue++) flush(queueAt(queue));
}
