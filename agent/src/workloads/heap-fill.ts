import { integer, object } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { HeapError, type Ref } from '../shm/index.ts';
import { heapOf } from './heap-of.ts';
import type { Workload } from './workload.ts';

/** Held until the worker leaves the pool, or dies. */
const held: Ref[] = [];

/** Allocates until nothing is left: first what is as large as asked, then ever smaller. */
export const heapFill: Workload<'heap-fill'> = {
  parameters: object<Tasks['heap-fill']['parameters']>({ objectBytes: integer(64, 2 ** 26) }),
  run: ({ core }, { objectBytes }) => {
    const heap = heapOf(core);
    let bytes = 0;
    for (let size = objectBytes; size >= 64; size = Math.floor(size / 4)) {
      for (let ref = allocOrNone(() => heap.alloc(size)); ref !== null; ref = allocOrNone(() => heap.alloc(size))) {
        held.push(ref);
        bytes += size;
      }
    }
    return { objects: held.length, bytes };
  },
};

function allocOrNone(alloc: () => Ref): Ref | null {
  try {
    return alloc();
  } catch (error) {
    if (error instanceof HeapError && error.code === 'HEAP_FULL') return null;
    throw error;
  }
}
