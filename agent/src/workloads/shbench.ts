import { monotonicNs } from '../pool/clock.ts';
import { AgentError } from '../protocol/agent-error.ts';
import { integer, object } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import type { HeapClient, Ref } from '../shm/index.ts';
import { Meeting, meetingPlace } from './heap-meeting.ts';
import { heapOf } from './heap-of.ts';
import { Random } from './heap-random.ts';
import { SpanRecorder } from './latency.ts';
import { checkNothingLeft, cpuNsSince } from './threadtest.ts';
import type { Workload } from './workload.ts';

type Parameters = Tasks['shbench']['parameters'];

const callsPerSpan = 10_000;

/**
 * The other allocator benchmark of CXL-SHM's figure 5: objects of random sizes with random lifetimes. Each call picks one of `slots` places,
 * drops what is there and allocates anew. First unmeasured, with every object written all over and read again before it is dropped.
 */
export const shbench: Workload<'shbench'> = {
  parameters: object<Parameters>({
    meeting: meetingPlace,
    calls: integer(1, 1_000_000_000),
    checkedCalls: integer(1, 10_000_000),
    slots: integer(1, 1_000_000),
    leastBytes: integer(8, 65_536),
    mostBytes: integer(8, 65_536),
    seed: integer(0, 2 ** 32 - 1),
  }),
  run: (context, { meeting: place, calls, checkedCalls, slots, leastBytes, mostBytes, seed }) => {
    const heap = heapOf(context.core);
    const before = heap.rootsInUse;
    const client = context.core.exports.selfClient();
    const sizes = { leastBytes, mostBytes: Math.max(leastBytes, mostBytes) };
    const spans = new SpanRecorder();
    let elapsedNs = 0;
    let cpuNs = 0;
    {
      using meeting = new Meeting(context, heap, 'shbench', place);
      meeting.arrive();
      checkCalls(heap, { calls: checkedCalls, slots, ...sizes, random: new Random(seed * 64 + client) });
      // Also a warm-up.
      churn(heap, { calls: Math.ceil(calls / 10), slots, ...sizes, random: new Random(seed) }, new SpanRecorder());
      meeting.arrive();
      const cpu = process.cpuUsage();
      const startNs = monotonicNs();
      churn(heap, { calls, slots, ...sizes, random: new Random(seed * 64 + client) }, spans);
      elapsedNs = monotonicNs() - startNs;
      cpuNs = cpuNsSince(cpu);
      meeting.arrive();
    }
    checkNothingLeft(heap, before);
    return { objects: calls, elapsedNs, cpuNs, checked: checkedCalls, spans: spans.spans() };
  },
};

interface Churn {
  readonly calls: number;
  readonly slots: number;
  readonly leastBytes: number;
  readonly mostBytes: number;
  readonly random: Random;
}

/** The drops of what is left at the end are part of it: every object that is counted was allocated and dropped. */
function churn(heap: HeapClient, { calls, slots, leastBytes, mostBytes, random }: Churn, spans: SpanRecorder): void {
  const table: (Ref | undefined)[] = Array.from({ length: slots }, () => undefined);
  let spanNs = monotonicNs();
  for (let call = 1; call <= calls; call++) {
    const slot = random.below(slots);
    table[slot]?.drop();
    table[slot] = heap.alloc(random.between(leastBytes, mostBytes));
    if (call % callsPerSpan !== 0) continue;
    const nowNs = monotonicNs();
    spans.record(`${callsPerSpan} calls`, spanNs, nowNs);
    spanNs = nowNs;
  }
  for (const ref of table) ref?.drop();
}

function checkCalls(heap: HeapClient, { calls, slots, leastBytes, mostBytes, random }: Churn): void {
  const table: ({ readonly ref: Ref; readonly sizeBytes: number; readonly fill: number } | undefined)[] = Array.from(
    { length: slots },
    () => undefined,
  );
  const drop = (slot: number): void => {
    const held = table[slot];
    if (held === undefined) return;
    if (held.ref.bytes.subarray(0, held.sizeBytes).some((byte) => byte !== held.fill)) {
      throw new AgentError('WRONG_ANSWER', `an object of ${held.sizeBytes} bytes does not hold what was written to it`, {
        hint: 'two objects share memory: keep the pool for a post-mortem (`inspect`)',
      });
    }
    held.ref.drop();
    table[slot] = undefined;
  };
  for (let call = 0; call < calls; call++) {
    const slot = random.below(slots);
    drop(slot);
    const sizeBytes = random.between(leastBytes, mostBytes);
    const held = { ref: heap.alloc(sizeBytes), sizeBytes, fill: random.below(256) };
    held.ref.bytes.subarray(0, sizeBytes).fill(held.fill);
    table[slot] = held;
  }
  for (let slot = 0; slot < slots; slot++) drop(slot);
}
