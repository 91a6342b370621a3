/** What one operation of the heap costs, from the public API, on one core: ns, one mean per round. */
import { instantiateCore, joinPool, type MappedPool } from '../pool/pool.ts';
import { type HeapClient, openHeap } from '../shm/index.ts';
import { machineNumber } from './bench-pool.ts';

export interface Timing {
  readonly nsPerOperation: readonly number[];
}

type Loop = (times: number) => void;

export const operations: Readonly<Record<string, (heap: HeapClient) => Loop>> = {
  'attach-detach': (heap) => {
    const parent = heap.alloc(0, 1);
    const child = heap.alloc(64);
    return (times) => {
      for (let done = 0; done < times; done++) {
        parent.attach(0, child);
        parent.detach(0);
      }
    };
  },
  'alloc-drop': (heap) => (times) => {
    for (let done = 0; done < times; done++) heap.alloc(64).drop();
  },
  change: (heap) => {
    const parent = heap.alloc(0, 1);
    const children = [heap.alloc(64), heap.alloc(64)] as const;
    parent.attach(0, children[0]);
    return (times) => {
      for (let done = 0; done < times; done++) parent.change(0, children[done & 1]!);
    };
  },
  clone: (heap) => {
    const ref = heap.alloc(64);
    return (times) => {
      for (let done = 0; done < times; done++) ref.clone().drop();
    };
  },
};

/** A round that is not counted first, so that everything is compiled. */
export function timeOperation(mapped: MappedPool, name: string, rounds: number, times: number): Timing {
  const core = instantiateCore(mapped, { thread: 0 });
  joinPool(core, { machineNumber });
  const heap = openHeap(core);
  const loop = operations[name]!(heap);
  loop(Math.min(times, 300_000));
  const nsPerOperation = Array.from({ length: rounds }, () => {
    const startedNs = process.hrtime.bigint();
    loop(times);
    return Number(process.hrtime.bigint() - startedNs) / times;
  });
  heap.close();
  return { nsPerOperation };
}
