import { planHeap } from '@cxlpod/agent/heap-shape';
import { constants } from '@cxlpod/agent/layout';
import { programMemoryExtraBytes } from '@cxlpod/agent/protocol';
import { type HeapTopology, heapParameters } from '../config/heap.ts';
import { printSize } from '../config/quantities.ts';
import type { Scenario } from '../config/scenario.ts';
import { usageError } from '../errors/cxlpod-error.ts';

export interface PoolOfProgram {
  readonly sizeBytes: number;
  readonly heap: HeapTopology;
}

/** Refuses what a program of the user's cannot have on this pod: more memory than its heap holds, a death that nobody could bring about. */
export function requireOwnProgram({ name, workload, faults }: Scenario, pool: PoolOfProgram): void {
  if (workload.name !== 'program') return;
  requireMemory(name, workload.memory, pool);
  if (workload.exec === undefined) return;
  const blind = faults.find(({ killWorker }) => killWorker?.atAccess !== undefined && killWorker.worker.startsWith('program-'));
  if (blind === undefined) return;
  throw usageError(
    'ACCESS_NOT_COUNTED',
    `a fault of ${name} is at an access of ${blind.killWorker!.worker}, which nobody counts`,
    {
      cause: new Error('an executable maps the pool itself, and atAccess counts accesses of the core of cxlpod'),
      hint: 'at: program/..., a crash point in the program (cxlpod_crash_point of cxlpod.h); or a moment, such as after: 1s',
    },
  );
}

function requireMemory(scenario: string, askedBytes: number, { sizeBytes, heap }: PoolOfProgram): void {
  const plan = planOf(heap, sizeBytes);
  // Its pod does not come up, and says why.
  if (plan === null) return;
  const mostBytes = plan.segmentCount * plan.segmentBytes - constants.OBJECT_HEADER_BYTES - programMemoryExtraBytes;
  if (askedBytes <= mostBytes) return;
  throw usageError(
    'MEMORY_BEYOND_POOL',
    `${scenario} asks for memory: ${printSize(askedBytes)}, and the pool has no room for it`,
    {
      cause: new Error(
        `of ${printSize(sizeBytes)}, ${Math.max(0, Math.floor(mostBytes / 1024))} KiB are for the program: the heap that its memory is an object of`,
      ),
      hint: 'less memory: in the scenario, or a topology with a larger pool.size',
    },
  );
}

/** Null where the pool is too small for such a heap. */
function planOf(heap: HeapTopology, sizeBytes: number): Exclude<ReturnType<typeof planHeap>, undefined> | null {
  try {
    return planHeap(heapParameters(heap), sizeBytes) ?? null;
  } catch {
    return null;
  }
}
