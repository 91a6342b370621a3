import { AgentError } from '../protocol/agent-error.ts';
import { integer, listOf, object } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { HeapError, openHeap, type Ref } from '../shm/index.ts';
import { Meeting, meetingPlace } from './heap-meeting.ts';
import type { Workload } from './workload.ts';

type Parameters = Tasks['demand']['parameters'];

/** One machine's share of what a pool or a partition of it is asked for. A worker follows one trace: its quota is fixed when it opens the heap. */
export const demand: Workload<'demand'> = {
  parameters: object<Parameters>({
    meeting: meetingPlace,
    stepBytes: listOf(integer(0, 2 ** 32), 10_000),
    chunkBytes: integer(64, 2 ** 20),
    quotaBytes: integer(0, 2 ** 32),
  }),
  run: (context, { meeting: place, stepBytes, chunkBytes, quotaBytes }) => {
    const heap = openHeap(context.core, quotaBytes === 0 ? {} : { quotaBytes });
    const meeting = new Meeting(context, heap, 'demand', place);
    const held: Ref[] = [];
    const heldBytes: number[] = [];
    const refusedBytes: number[] = [];
    let number = 0;
    let chunksChecked = 0;
    const letGo = (): void => {
      const ref = held.pop()!;
      const view = new Uint32Array(ref.bytes.buffer, ref.bytes.byteOffset, chunkBytes >>> 2);
      const [first, last] = [view[0], view[view.length - 1]];
      if (first !== last) throw new AgentError('WRONG_ANSWER', `a chunk begins with ${first} and ends with ${last}`);
      chunksChecked++;
      ref.drop();
    };
    try {
      for (const wanted of stepBytes) {
        const chunks = Math.ceil(wanted / chunkBytes);
        while (held.length > chunks) letGo();
        heap.collect();
        meeting.arrive();
        let isRefused = false;
        while (held.length < chunks && !isRefused) {
          const ref = allocOrNone(() => heap.alloc(chunkBytes));
          if (ref === null) isRefused = true;
          else {
            const view = new Uint32Array(ref.bytes.buffer, ref.bytes.byteOffset, chunkBytes >>> 2);
            view[0] = view[view.length - 1] = ++number;
            held.push(ref);
          }
        }
        meeting.arrive();
        heldBytes.push(heap.heldBytes);
        refusedBytes.push(Math.max(0, chunks - held.length) * chunkBytes);
      }
      while (held.length > 0) letGo();
      meeting.arrive();
      return { heldBytes, refusedBytes, chunksChecked };
    } finally {
      meeting[Symbol.dispose]();
    }
  },
};

function allocOrNone(alloc: () => Ref): Ref | null {
  try {
    return alloc();
  } catch (error) {
    if (error instanceof HeapError && (error.code === 'HEAP_FULL' || error.code === 'QUOTA')) return null;
    throw error;
  }
}
