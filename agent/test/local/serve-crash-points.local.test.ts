/** A serving worker that dies at each crash point of a call, for real; the caller always ends up with all its answers. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { crashPoints } from '../../src/crash-points/index.ts';
import { LocalPod, temporaryBundle } from './local-pod.ts';

let bundle: Awaited<ReturnType<typeof temporaryBundle>>;
let pod: LocalPod;

beforeAll(async () => {
  bundle = await temporaryBundle();
  pod = await LocalPod.start(bundle.folder, { machines: 2 });
  await pod.on(2).request('startWorker', { worker: 'caller' });
});
afterAll(async () => {
  await pod?.close();
  bundle?.remove();
});

const points = crashPoints.map(({ name }) => name).filter((name) => name.startsWith('rpc/serve/'));
const calls = 60;
const hit = 20;

describe.each(points)('a server that dies at %s', (point) => {
  test.each(['core', 'javascript'] as const)('in %s costs its caller one call at most', async (handler) => {
    const worker = `server-${handler}`;
    const before = pod.on(1).events.length;
    const dead = await pod.on(1).request('startWorker', { worker, crash: { point, hit } });
    const serving = pod.task(1, worker, 'rpc-serve', { service: 'echo', handler });
    const calling = pod.task(2, 'caller', 'rpc-call-through-crash', {
      ...{ service: 'echo', calls, payloadBytes: 64 },
      ...{ callDeadlineMs: 50_000, reconnectWithinMs: 50_000 },
    });
    await expect(serving).rejects.toMatchObject({ code: 'WORKER_DIED', cause: 'SIGKILL' });
    const exits = () =>
      pod
        .on(1)
        .events.slice(before)
        .map(({ body }) => body);
    expect(exits().find(({ event }) => event === 'worker-exited')).toMatchObject({ worker, fenced: dead.client });

    await pod.on(1).request('startWorker', { worker });
    const again = pod.task(1, worker, 'rpc-serve', { service: 'echo', handler });
    const called = await calling;
    await again;
    await pod.on(1).request('stopWorker', { worker, how: 'graceful' });

    expect(called.answered).toBe(calls);
    expect(called.failures.length).toBeLessThanOrEqual(1);
    for (const { code } of called.failures) expect(['OUTCOME_UNKNOWN', 'PEER_LOST']).toContain(code);
    expect(pod.history().records).toContainEqual(
      expect.objectContaining({ kind: 'last-words', point, hit, pid: dead.pid, client: dead.client.id }),
    );
    expect(pod.inspect().problems).toEqual([]);
  });
});
