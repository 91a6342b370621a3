import { queueItem, queueItemLimit } from '../history/queue-item.ts';
import { type Operation, type Outcome, recordEnd, recordInvoke } from '../history/record.ts';
import { monotonicNs } from '../pool/clock.ts';
import { AgentError } from '../protocol/agent-error.ts';
import { boolean, integer, object, oneOf } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { type HeapClient, HeapError, type Ref, type SendQueue } from '../shm/index.ts';
import { clientIdentity, heapOf } from './heap-of.ts';
import { copyWhenRoom, moveAllWhenRoom, moveWhenRoom, queueFrom, queueFromOrNull, receiveNext } from './heap-wait.ts';
import { SpanRecorder } from './latency.ts';
import { checkNothingLeft } from './threadtest.ts';
import type { TaskContext, Workload } from './workload.ts';

type Parameters = Tasks['hand-over']['parameters'];
type Handed = Tasks['hand-over']['result'];

const structuresPerSpan = 100;

/**
 * Linked structures go from one client to another: a chain of objects whose first one also refers to the last. The receiver reads every
 * word of every object, by the references, and drops the structure, which frees all of it; only one reference has gone through the queue.
 */
export const handOver: Workload<'hand-over'> = {
  parameters: object<Parameters>(
    {
      role: oneOf('sender', 'receiver'),
      peer: clientIdentity,
      tag: integer(0),
      structures: integer(1, 100_000_000),
      objects: integer(2, 10_000),
      objectBytes: integer(4, 65_536),
      manner: oneOf('copy', 'move', 'batch'),
      batch: integer(1, 1024),
    },
    { history: boolean, mayLose: boolean },
  ),
  run: (context, parameters) => {
    if (parameters.history === true && parameters.structures > queueItemLimit) {
      throw new AgentError('BAD_PARAMETERS', `a history has at most ${queueItemLimit} items of a queue`);
    }
    const heap = heapOf(context.core);
    const before = heap.rootsInUse;
    const handed = parameters.role === 'sender' ? send(context, heap, parameters) : receive(context, heap, parameters);
    checkNothingLeft(heap, before);
    return handed;
  },
};

function send(context: TaskContext, heap: HeapClient, parameters: Parameters): Handed {
  const { tag, structures, objects } = parameters;
  const queue = openQueue(heap, parameters);
  if (queue === null) return { structures: 0, objects: 0, isLost: true, elapsedNs: 0, spans: [] };
  using _ = queue;
  const spans = new SpanRecorder();
  const startNs = monotonicNs();
  let spanNs = startNs;
  let number = 0;
  let isLost = false;
  while (number < structures && !isLost) {
    const sent = sendNext(context, heap, queue, number, parameters);
    isLost = sent.isLost;
    const before = number;
    number += sent.count;
    if (Math.floor(number / structuresPerSpan) === Math.floor(before / structuresPerSpan)) continue;
    const nowNs = monotonicNs();
    spans.record(`sent to ${number}`, spanNs, nowNs);
    spanNs = nowNs;
  }
  if (isLost && parameters.mayLose !== true) {
    throw new AgentError('PEER_LOST', `client ${queue.receiver} closed its end of queue ${tag}`);
  }
  return { structures: number, objects: number * objects, isLost, elapsedNs: monotonicNs() - startNs, spans: spans.spans() };
}

/** Null when the receiver is not there any more, and may be dead. */
function openQueue(heap: HeapClient, { peer, tag, mayLose }: Parameters): SendQueue | null {
  try {
    return heap.openQueue(peer, { tag });
  } catch (error) {
    if (mayLose === true && error instanceof HeapError && error.code === 'NO_SUCH_CLIENT') return null;
    throw error;
  }
}

/** The next structure, or a batch of them. What the receiver does not take any more is dropped. */
function sendNext(
  context: TaskContext,
  heap: HeapClient,
  queue: SendQueue,
  number: number,
  parameters: Parameters,
): { readonly count: number; readonly isLost: boolean } {
  const { manner, batch, structures } = parameters;
  const count = manner === 'batch' ? Math.min(batch, structures - number) : 1;
  const built = Array.from({ length: count }, (_, index) => build(heap, number + index, parameters));
  for (let index = 0; index < count; index++) begin(context, parameters, 'queue-send', number + index);
  let taken = count;
  try {
    if (manner === 'batch') moveAllWhenRoom(context, queue, built);
    else if (manner === 'move') moveWhenRoom(context, queue, built[0]!);
    else copyWhenRoom(context, queue, built[0]!);
  } catch (error) {
    if (!(error instanceof AgentError) || error.code !== 'PEER_LOST') throw error;
    // What was moved is spent; a copy that was refused is as it was.
    taken = built.filter(({ isSpent }) => isSpent).length;
  }
  for (const ref of built) ref[Symbol.dispose]();
  for (let index = 0; index < count; index++) {
    end(context, parameters, 'queue-send', number + index, index < taken ? 'ok' : 'peer-lost');
  }
  return { count: taken, isLost: taken < count };
}

function receive(context: TaskContext, heap: HeapClient, parameters: Parameters): Handed {
  const { peer, tag, structures, objects, mayLose } = parameters;
  const found = mayLose === true ? queueFromOrNull(context, heap, peer, tag) : queueFrom(context, heap, peer, tag);
  if (found === null) return { structures: 0, objects: 0, isLost: true, elapsedNs: 0, spans: [] };
  using queue = found;
  const spans = new SpanRecorder();
  let number = 0;
  let startNs = 0;
  let spanNs = 0;
  for (;;) {
    const head = receiveNext(context, queue);
    if (head === undefined) break;
    if (number === 0) startNs = spanNs = monotonicNs();
    // As it says itself, so that the history tells what came, not what was expected.
    const item = numberOf(head);
    begin(context, parameters, 'queue-receive', item);
    verify(head, number++, parameters);
    head.drop();
    end(context, parameters, 'queue-receive', item, 'ok');
    if (number % structuresPerSpan !== 0) continue;
    const nowNs = monotonicNs();
    spans.record(`received to ${number}`, spanNs, nowNs);
    spanNs = nowNs;
  }
  const isLost = number !== structures;
  if (isLost && mayLose !== true) throw wrong(`${number} structures came, ${structures} were sent`);
  return { structures: number, objects: number * objects, isLost, elapsedNs: monotonicNs() - startNs, spans: spans.spans() };
}

const nextIndex = 0;
const lastIndex = 1;

function build(heap: HeapClient, number: number, { objects, objectBytes }: Parameters): Ref {
  const last = heap.alloc(objectBytes, 2);
  write(last, number, objects - 1, objectBytes);
  let next = last;
  for (let position = objects - 2; position >= 0; position--) {
    const object = heap.alloc(objectBytes, 2);
    write(object, number, position, objectBytes);
    object.attach(nextIndex, next);
    if (next !== last) next.drop();
    next = object;
  }
  next.attach(lastIndex, last);
  last.drop();
  return next;
}

/** Leaves `head` as it is. */
function verify(head: Ref, number: number, { objects, objectBytes }: Parameters): void {
  let object = head.clone();
  for (let position = 0; position < objects; position++) {
    const { view } = object;
    for (let word = 0; word < objectBytes >>> 2; word++) {
      const found = view.getUint32(word * 4, true);
      if (found === wordOf(number, position, word)) continue;
      throw wrong(`word ${word} of object ${position} of structure ${number} is ${found}, not what was sent`);
    }
    const next = object.acquire(nextIndex);
    if ((next === undefined) !== (position === objects - 1)) throw wrong(`structure ${number} ends at object ${position}`);
    if (next !== undefined) {
      object.drop();
      object = next;
    }
  }
  const last = head.acquire(lastIndex);
  const isLast = last?.bytes.byteOffset === object.bytes.byteOffset;
  last?.drop();
  object.drop();
  if (!isLast) throw wrong(`the first object of structure ${number} does not refer to its last`);
}

function write({ view }: Ref, number: number, position: number, objectBytes: number): void {
  for (let word = 0; word < objectBytes >>> 2; word++) view.setUint32(word * 4, wordOf(number, position, word), true);
}

function wordOf(number: number, position: number, word: number): number {
  return (Math.imul(number + 1, 0x9e3779b1) ^ Math.imul(position + 1, 0x85ebca6b) ^ Math.imul(word + 1, 0xc2b2ae35)) >>> 0;
}

/** The number of the structure, from its first word. */
function numberOf({ view }: Ref): number {
  const mixed = view.getUint32(0, true) ^ wordOf(-1, 0, 0);
  return ((Math.imul(mixed, inverse) >>> 0) - 1) % queueItemLimit;
}

/** Of the factor of `number + 1` in `wordOf`, modulo 2^32. */
const inverse = 0x0e8b2f51;

function begin({ core }: TaskContext, { history, tag, peer }: Parameters, operation: Operation, number: number): void {
  if (history === true) written(recordInvoke(core, { operation, call: queueItem(tag, number), argument: peer.id }));
}

function end(
  { core }: TaskContext,
  { history, tag, peer }: Parameters,
  operation: Operation,
  number: number,
  outcome: Outcome,
): void {
  if (history === true) written(recordEnd(core, { operation, call: queueItem(tag, number), outcome, result: peer.id }));
}

function written(isWritten: boolean): void {
  if (isWritten) return;
  throw new AgentError('HISTORY_FULL', 'the history has no room for another record', {
    hint: 'send fewer structures, or make a larger history file',
  });
}

function wrong(cause: string): AgentError {
  return new AgentError('WRONG_ANSWER', 'what was handed over is not what was sent', {
    cause,
    hint: 'an object was freed too early or handed over wrongly: keep the pool for a post-mortem (`inspect`)',
  });
}
