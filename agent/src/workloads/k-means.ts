import { monotonicNs } from '../pool/clock.ts';
import { AgentError } from '../protocol/agent-error.ts';
import { integer, listOf, object, oneOf } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import type { HeapClient, Ref } from '../shm/index.ts';
import { clientIdentity, heapOf } from './heap-of.ts';
import { assign, dimensions, makePoints, meansOf, partialsOf, plainSteps, startingMeans } from './heap-points.ts';
import { copyWhenRoom, moveWhenRoom, queueFrom, receiveNext } from './heap-wait.ts';
import { SpanRecorder } from './latency.ts';
import { checkNothingLeft } from './threadtest.ts';
import type { TaskContext, Workload } from './workload.ts';

type Parameters = Tasks['k-means']['parameters'];
type Clustered = Tasks['k-means']['result'];

/**
 * k-means, as CXL-SHM's figure 7: a coordinator puts the points into the heap, block by block, and moves the blocks to the workers. In each
 * iteration all workers get a reference to the same object with the means, and each moves its partial sums back, in an object that
 * refers to the means they are of. At the end the coordinator computes the same without the heap.
 */
export const kMeans: Workload<'k-means'> = {
  parameters: object<Parameters>({
    role: oneOf('coordinator', 'worker'),
    peers: listOf(clientIdentity, 64),
    tag: integer(0),
    points: integer(1, 10_000_000),
    pointsPerBlock: integer(1, 1_000_000),
    clusters: integer(1, 10_000),
    iterations: integer(1, 10_000),
    seed: integer(0, 2 ** 32 - 1),
  }),
  run: (context, parameters) => {
    const heap = heapOf(context.core);
    const before = heap.rootsInUse;
    const clustered = parameters.role === 'worker' ? work(context, heap, parameters) : coordinate(context, heap, parameters);
    checkNothingLeft(heap, before);
    return clustered;
  },
};

/** What an object that goes through a queue is; its first word. */
const isBlock = 1;
const isMeans = 2;
const isPartials = 3;
/** Kind, and a number: of points, or of the iteration. */
const headBytes = 8;

function coordinate(context: TaskContext, heap: HeapClient, parameters: Parameters): Clustered {
  const { peers, tag, points: count, pointsPerBlock, clusters, iterations, seed } = parameters;
  const points = makePoints(count, seed);
  const queues = peers.map((peer) => heap.openQueue(peer, { tag }));
  for (let start = 0, block = 0; start < count; start += pointsPerBlock, block++) {
    const part = points.subarray(start * dimensions, Math.min(start + pointsPerBlock, count) * dimensions);
    const ref = messageOf(heap, isBlock, part.length / dimensions, part.byteLength);
    new Int32Array(ref.bytes.buffer, ref.bytes.byteOffset + headBytes, part.length).set(part);
    moveWhenRoom(context, queues[block % queues.length]!, ref);
  }
  const replies = peers.map((peer) => queueFrom(context, heap, peer, tag));
  const spans = new SpanRecorder();
  const start = startingMeans(points, clusters);
  const steps: Float64Array[] = [];
  let means = start;
  const startNs = monotonicNs();
  for (let iteration = 0; iteration < iterations; iteration++) {
    const iterationNs = monotonicNs();
    {
      using sent = messageOf(heap, isMeans, iteration, means.byteLength);
      doublesOf(sent, means.length).set(means);
      for (const queue of queues) copyWhenRoom(context, queue, sent);
    }
    const sums = new Float64Array(partialsOf(clusters));
    for (const reply of replies) {
      using partials = receiveNext(context, reply);
      if (partials === undefined) throw new AgentError('PEER_LOST', `client ${reply.sender} stopped before the end`);
      addUp(sums, partials, iteration);
    }
    means = meansOf(sums, means);
    steps.push(means);
    spans.record(`iteration ${iteration}`, iterationNs, monotonicNs());
  }
  const elapsedNs = monotonicNs() - startNs;
  for (const queue of queues) queue.close();
  for (const reply of replies) {
    receiveNext(context, reply)?.drop();
    reply.close();
  }
  compareWithPlain(steps, plainSteps(points, start, iterations));
  return { points: count, iterations, elapsedNs, means: [...means], spans: spans.spans() };
}

function addUp(sums: Float64Array, partials: Ref, iteration: number): void {
  using means = partials.acquire(0);
  const isOfThese = kindOf(partials) === isPartials && means !== undefined && kindOf(means) === isMeans;
  if (!isOfThese || means.view.getUint32(4, true) !== iteration) {
    throw wrong(`partial sums of iteration ${iteration} refer to the means of another one`);
  }
  const part = doublesOf(partials, sums.length);
  for (let index = 0; index < sums.length; index++) sums[index]! += part[index]!;
}

function work(context: TaskContext, heap: HeapClient, { peers, tag, clusters }: Parameters): Clustered {
  const [coordinator] = peers;
  if (coordinator === undefined) throw new AgentError('BAD_PARAMETERS', 'a worker needs its coordinator');
  const blocks: Ref[] = [];
  const spans = new SpanRecorder();
  let points = 0;
  let iterations = 0;
  const startNs = monotonicNs();
  using reply = heap.openQueue(coordinator, { tag });
  using queue = queueFrom(context, heap, coordinator, tag);
  for (;;) {
    const ref = receiveNext(context, queue);
    if (ref === undefined) break;
    if (kindOf(ref) === isBlock) {
      points += ref.view.getUint32(4, true);
      blocks.push(ref);
      continue;
    }
    using means = ref;
    if (kindOf(means) !== isMeans) throw wrong(`a message of kind ${kindOf(means)} came instead of means`);
    const iterationNs = monotonicNs();
    const partials = messageOf(heap, isPartials, iterations, partialsOf(clusters) * 8, 1);
    partials.attach(0, means);
    const sums = doublesOf(partials, partialsOf(clusters));
    sums.fill(0);
    for (const block of blocks) assign(pointsIn(block), doublesOf(means, clusters * dimensions), sums);
    moveWhenRoom(context, reply, partials);
    iterations++;
    spans.record(`iteration ${iterations}`, iterationNs, monotonicNs());
  }
  for (const block of blocks) block.drop();
  return { points, iterations, elapsedNs: monotonicNs() - startNs, means: [], spans: spans.spans() };
}

function messageOf(heap: HeapClient, kind: number, number: number, dataBytes: number, references = 0): Ref {
  const ref = heap.alloc(headBytes + dataBytes, references);
  ref.view.setUint32(0, kind, true);
  ref.view.setUint32(4, number, true);
  return ref;
}

function kindOf({ view }: Ref): number {
  return view.getUint32(0, true);
}

function doublesOf({ bytes }: Ref, length: number): Float64Array {
  return new Float64Array(bytes.buffer, bytes.byteOffset + headBytes, length);
}

function pointsIn({ bytes, view }: Ref): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset + headBytes, view.getUint32(4, true) * dimensions);
}

/** To the last bit: integers were added up, and divided once. Throws AgentError WRONG_ANSWER. */
function compareWithPlain(steps: readonly Float64Array[], plain: readonly (readonly (readonly number[])[])[]): void {
  for (const [iteration, means] of plain.entries()) {
    for (const [index, expected] of means.flat().entries()) {
      const found = steps[iteration]?.[index];
      if (found === expected) continue;
      const where = `coordinate ${index % dimensions} of mean ${Math.floor(index / dimensions)} after iteration ${iteration}`;
      throw wrong(`${where} is ${found} µm, and ${expected} µm without the heap`);
    }
  }
}

function wrong(cause: string): AgentError {
  return new AgentError('WRONG_ANSWER', 'the means computed through the heap are not those of the points', {
    cause,
    hint: 'an object was lost or freed too early: keep the pool for a post-mortem (`inspect`)',
  });
}
