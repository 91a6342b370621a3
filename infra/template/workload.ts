import { defineWorkload } from 'cxlpod';

const turns = 20_000n;

/** Every worker counts in a cell of its own; one that dies and is started again goes on where it was. */
export default defineWorkload({
  drive(pod) {
    const cells = new BigInt64Array(pod.pool.memory.buffer, pod.pool.memory.byteOffset, pod.workers);
    pod.barrier();
    while (Atomics.load(cells, pod.worker - 1) < turns) {
      Atomics.add(cells, pod.worker - 1, 1n);
      pod.crashPoint('program/turn');
    }
  },
  check(pod) {
    const cells = new BigInt64Array(pod.pool.memory.buffer, pod.pool.memory.byteOffset, pod.workers);
    return [...cells].flatMap((count, index) =>
      count === turns ? [] : [`worker ${index + 1} counted to ${count}, not to ${turns}`],
    );
  },
});
