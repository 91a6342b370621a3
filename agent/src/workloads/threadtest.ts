import { monotonicNs } from '../pool/clock.ts';
import { AgentError } from '../protocol/agent-error.ts';
import { integer, object } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import type { HeapClient, Ref } from '../shm/index.ts';
import { Meeting, meetingPlace } from './heap-meeting.ts';
import { heapOf } from './heap-of.ts';
import { SpanRecorder } from './latency.ts';
import type { Workload } from './workload.ts';

type Parameters = Tasks['threadtest']['parameters'];

/** Not measured: the engine compiles, and the client gets the segments that it will go on using. */
const warmUpIterations = 2;

/**
 * The allocator benchmark of CXL-SHM's figure 5 (after Hoard's): allocates a batch of small objects, drops the batch, again and again.
 * Before and after what is measured, one batch is written all over and read again: no two objects that live may share a byte, whoever
 * allocated them.
 */
export const threadtest: Workload<'threadtest'> = {
  parameters: object<Parameters>({
    meeting: meetingPlace,
    iterations: integer(1, 1_000_000),
    objects: integer(1, 10_000_000),
    objectBytes: integer(8, 65_536),
  }),
  run: (context, { meeting: place, iterations, objects, objectBytes }) => {
    const { core } = context;
    const heap = heapOf(core);
    const before = heap.rootsInUse;
    const spans = new SpanRecorder();
    const client = core.exports.selfClient();
    let elapsedNs = 0;
    let cpuNs = 0;
    {
      using meeting = new Meeting(context, heap, 'threadtest', place);
      checkBatch(heap, objects, objectBytes, client, meeting);
      const batch: Ref[] = new Array(objects);
      for (let iteration = 0; iteration < warmUpIterations; iteration++) turn(heap, batch, objectBytes);
      meeting.arrive();
      const cpu = process.cpuUsage();
      const startNs = monotonicNs();
      for (let iteration = 0; iteration < iterations; iteration++) {
        const turnNs = monotonicNs();
        turn(heap, batch, objectBytes);
        spans.record(`${objects} objects`, turnNs, monotonicNs());
      }
      elapsedNs = monotonicNs() - startNs;
      cpuNs = cpuNsSince(cpu);
      meeting.arrive();
      checkBatch(heap, objects, objectBytes, client, meeting);
    }
    checkNothingLeft(heap, before);
    return { objects: iterations * objects, elapsedNs, cpuNs, checked: 2 * objects, spans: spans.spans() };
  },
};

function turn(heap: HeapClient, batch: Ref[], objectBytes: number): void {
  for (let index = 0; index < batch.length; index++) batch[index] = heap.alloc(objectBytes);
  for (let index = 0; index < batch.length; index++) batch[index]!.drop();
}

/** All clients write at the same time, then all read. */
function checkBatch(heap: HeapClient, objects: number, objectBytes: number, client: number, meeting: Meeting): void {
  const batch: Ref[] = [];
  meeting.arrive();
  for (let index = 0; index < objects; index++) {
    const ref = heap.alloc(objectBytes);
    ref.bytes.fill(fillOf(client, index));
    ref.view.setUint32(0, index, true);
    ref.view.setUint32(4, client, true);
    batch.push(ref);
  }
  meeting.arrive();
  for (const [index, ref] of batch.entries()) {
    const { view, bytes } = ref;
    const isMine = view.getUint32(0, true) === index && view.getUint32(4, true) === client;
    const fill = fillOf(client, index);
    if (!isMine || bytes.subarray(8).some((byte) => byte !== fill)) {
      throw new AgentError('WRONG_ANSWER', `object ${index} of client ${client} does not hold what was written to it`, {
        cause: `found object ${view.getUint32(0, true)} of client ${view.getUint32(4, true)}`,
        hint: 'two objects share memory: keep the pool for a post-mortem (`inspect`)',
      });
    }
    ref.drop();
  }
}

function fillOf(client: number, index: number): number {
  return (client * 89 + index * 7 + 1) & 0xff;
}

export function cpuNsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) * 1000;
}

export function checkNothingLeft(heap: HeapClient, before: number): void {
  const left = heap.rootsInUse - before;
  if (left === 0) return;
  throw new AgentError('WRONG_ANSWER', `the task left ${left} references behind`, { hint: 'a bug in the task' });
}
