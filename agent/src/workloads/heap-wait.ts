/** Waits of the heap's tasks: for a state, until the task's deadline or its abort. */
import { constants } from '../layout/index.ts';
import { isAborted } from '../pool/map.ts';
import { AgentError } from '../protocol/agent-error.ts';
import type { ClientIdentity } from '../protocol/messages.ts';
import type { HeapClient, ReceiveQueue, Ref, SendQueue } from '../shm/index.ts';
import type { TaskContext } from './workload.ts';

type Waiting = Pick<TaskContext, 'core' | 'remainingMs'>;

/** Between two looks at the clock. */
const looksPerPause = 256;
/** Short against any exchange that crosses machines, long enough to let another process have the core. */
const pauseMs = 0.05;
const nobody = new Int32Array(new SharedArrayBuffer(4));

/** What `look` sees first that is not undefined. Throws AgentError DEADLINE naming `what`. */
export function waitFor<T>({ core, remainingMs }: Waiting, what: string, look: () => T | undefined): T {
  const deadlineMs = remainingMs();
  const endsAt = performance.now() + deadlineMs;
  for (let looks = 1; ; looks++) {
    const seen = look();
    if (seen !== undefined) return seen;
    if (looks % looksPerPause !== 0) continue;
    if (isAborted(core.mapped) || performance.now() >= endsAt) {
      throw new AgentError('DEADLINE', `waited ${deadlineMs} ms for ${what}`, { hint: 'does the other client run?' });
    }
    Atomics.wait(nobody, 0, 0, pauseMs);
  }
}

/** The queue with this tag that `sender` opened, or is about to open. */
export function queueFrom(context: Waiting, heap: HeapClient, sender: ClientIdentity, tag: number): ReceiveQueue {
  return waitFor(context, `the queue of client ${sender.id}`, () =>
    heap.queues({ tag }).find((queue) => queue.sender === sender.id),
  );
}

/** The same, or null when `sender` is dead and has opened none. */
export function queueFromOrNull(context: Waiting, heap: HeapClient, sender: ClientIdentity, tag: number): ReceiveQueue | null {
  const find = (): ReceiveQueue | undefined => heap.queues({ tag }).find((queue) => queue.sender === sender.id);
  return waitFor(context, `the queue of client ${sender.id}`, () => {
    const isThere = isInPool(context, sender);
    // One that died since may have opened it before.
    return find() ?? (isThere ? undefined : null);
  });
}

function isInPool({ core: { exports } }: Waiting, { id, incarnation }: ClientIdentity): boolean {
  const isIt = exports.clientIncarnation(id) >>> 0 === incarnation && exports.clientState(id) !== constants.CLIENT_FREE;
  return isIt && exports.isFenced(id, incarnation) === 0;
}

/** The next object, or undefined once the sender closed and everything was received. */
export function receiveNext(context: Waiting, queue: ReceiveQueue): Ref | undefined {
  const seen = waitFor(context, `an object from client ${queue.sender}`, () => {
    const ref = queue.receive();
    return ref !== undefined ? { ref } : queue.isOver ? { ref: undefined } : undefined;
  });
  return seen.ref;
}

/** Moves the ref into the queue as soon as there is room. Throws AgentError PEER_LOST when the receiver closed. */
export function moveWhenRoom(context: Waiting, queue: SendQueue, ref: Ref): void {
  sendWhenRoom(context, queue, () => queue.move(ref));
}

/** As `moveWhenRoom`, but the ref stays. */
export function copyWhenRoom(context: Waiting, queue: SendQueue, ref: Ref): void {
  sendWhenRoom(context, queue, () => queue.send(ref));
}

/** Moves all refs, in order, as many at a time as there is room for. */
export function moveAllWhenRoom(context: Waiting, queue: SendQueue, refs: readonly Ref[]): void {
  let sent = 0;
  while (sent < refs.length) {
    const moved = queue.moveAll(refs.slice(sent));
    sent += moved;
    // One alone tells whether the queue is full or closed.
    if (moved === 0) moveWhenRoom(context, queue, refs[sent++]!);
  }
}

function sendWhenRoom(context: Waiting, queue: SendQueue, send: () => ReturnType<SendQueue['move']>): void {
  const result = waitFor(context, `room in the queue to client ${queue.receiver}`, () => {
    const answer = send();
    return answer === 'full' ? undefined : answer;
  });
  if (result === 'closed') throw new AgentError('PEER_LOST', `client ${queue.receiver} closed its end of the queue`);
}
