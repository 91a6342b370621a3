import { bytes, defineService, defineWorkload, type ProgramContext } from 'cxlpod';

/**
 * A caller reads a reply in place, in the pool, and goes on reading it while the machine that wrote it dies, is recovered and comes back.
 * Its bytes must stay as they are until it is released; meanwhile calls go to the next server.
 */
const lines = defineService('lines', { version: 1, methods: { line: bytes } });

const replyBytes = 512;
const callMs = 120_000;
/** For whoever waits to cut the power: the reply is held now. */
const recordsWhileHeld = 2_000;
const words = { serversBegun: 0, callerIsDone: 1 };

export default defineWorkload({
  drive(pod) {
    const shared = new Int32Array(pod.pool.memory.buffer, pod.pool.memory.byteOffset, 2);
    if (pod.worker === 1) return answer(pod, shared);
    if (pod.worker === 2) return hold(pod, shared);
    return null;
  },
});

/** Another incarnation gives another answer. */
function answer(pod: ProgramContext, shared: Int32Array): void {
  using server = pod.rpc.serve(lines, {
    line: (request, response) => {
      response.fill(request[0]! + pod.attempt, 0, replyBytes);
      return replyBytes;
    },
  });
  Atomics.add(shared, words.serversBegun, 1);
  while (Atomics.load(shared, words.callerIsDone) === 0) server.run({ deadlineMs: 100 });
}

async function hold(pod: ProgramContext, shared: Int32Array): Promise<void> {
  using caller = pod.rpc.connect(lines);
  const call = (value: number) =>
    caller.call(
      'line',
      (request) => {
        request[0] = value;
        return 1;
      },
      { deadlineMs: callMs },
    );
  using held = await call(10);
  expectAll(held.bytes, 11, 'the reply');
  for (let record = 0; record < recordsWhileHeld; record++) pod.history.end('program', pod.history.invoke('program', record));
  pod.waitFor('the next server', () => (Atomics.load(shared, words.serversBegun) > 1 ? true : undefined));
  using next = await call(20);
  expectAll(next.bytes, 22, 'the reply of the next server');
  expectAll(held.bytes, 11, 'the reply that was held while its server died');
  Atomics.store(shared, words.callerIsDone, 1);
}

function expectAll(found: Uint8Array, value: number, what: string): void {
  const other = found.findIndex((byte) => byte !== value);
  if (found.length === replyBytes && other === -1) return;
  throw new Error(
    `${what} has ${found.length} bytes, and ${other === -1 ? 'no other' : found[other]} where all are to be ${value}`,
  );
}
