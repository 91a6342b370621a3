import { type ProgramMemory, programMemoryExtraBytes } from '../protocol/program-tasks.ts';
import { integer, object } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { heapOf } from './heap-of.ts';
import type { Workload } from './workload.ts';

const name = 'program-memory';
/** One is in front of the program's own bytes: the words of the barrier, more than there can be workers. */
const pageBytes = 4096;

/** An object of the heap with a name: it outlives whoever made it, and whoever of the program dies. */
export const programMemory: Workload<'program-memory'> = {
  parameters: object<Tasks['program-memory']['parameters']>({ sizeBytes: integer(0, 2 ** 32 - 1 - programMemoryExtraBytes) }),
  run: ({ core }, { sizeBytes }) => {
    const heap = heapOf(core);
    if (sizeBytes === 0) {
      heap.setRoot(name, undefined);
      heap.collect();
      return { memory: null };
    }
    // What a run that was cut off has left, its workers are gone by now.
    heap.setRoot(name, undefined);
    using object = heap.alloc(sizeBytes + programMemoryExtraBytes);
    object.bytes.fill(0);
    heap.setRoot(name, object);
    const first = object.bytes.byteOffset - core.mapped.poolBase;
    const barrierOffset = Math.ceil(first / pageBytes) * pageBytes;
    const memory: ProgramMemory = { offset: barrierOffset + pageBytes, sizeBytes, barrierOffset };
    return { memory };
  },
};
