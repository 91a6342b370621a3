/** Two agents, one pool: what measures calls, and what they are compared with, each for real and each answer verified. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LatencyCounts, Tasks } from '../../src/protocol/index.ts';
import { waitingStrategies } from '../../src/rpc/wait.ts';
import { LocalPod, temporaryBundle } from '../local/local-pod.ts';

let bundle: Awaited<ReturnType<typeof temporaryBundle>>;
let pod: LocalPod;

const grpc = fileURLToPath(new URL('../../dist/grpc.cjs', import.meta.url));

beforeAll(async () => {
  bundle = await temporaryBundle();
  pod = await LocalPod.start(bundle.folder, { machines: 2 });
  await pod.on(1).request('startWorker', { worker: 'w' });
  await pod.on(2).request('startWorker', { worker: 'w' });
});
afterAll(async () => {
  await pod?.close();
  bundle?.remove();
});

const samplesOf = (latency: LatencyCounts) => latency.counts.reduce((sum, [, count]) => sum + count, 0);
const port = (offset: number) => 21_000 + offset * 20_000 + (process.pid % 20_000);

const warmUps = 50;

describe('the same echo', () => {
  test('runs over a unix socket', async () => {
    const path = join(bundle.folder, 'echo.sock');
    const serving = pod.task(1, 'w', 'unix-serve', { path });
    const called = await pod.task(2, 'w', 'unix-call', { path, payloadBytes: 64, calls: 400 });
    expect([called.calls, samplesOf(called.latency)]).toEqual([400, 100]);
    expect(await serving).toEqual({ served: 400 + warmUps });
  });

  test('without the file of the baseline is refused over gRPC, and says how to get it', async () => {
    const refused = pod.task(1, 'w', 'grpc-serve', { host: '127.0.0.1', port: port(0) });
    await expect(refused).rejects.toMatchObject({ code: 'GRPC_MISSING' });
  });

  test('runs over gRPC, and a port that is taken is told', async () => {
    copyFileSync(grpc, join(bundle.folder, 'grpc.cjs'));
    const place = { host: '127.0.0.1', port: port(0) };
    const serving = pod.task(1, 'w', 'grpc-serve', place);
    const listening = `${place.host}:${place.port}`;
    await pod.on(1).event('task-progress', ({ progress }) => (progress as { listening?: string }).listening === listening);
    await expect(pod.task(2, 'w', 'grpc-serve', place)).rejects.toMatchObject({ code: 'GRPC_FAILED' });
    const called = await pod.task(2, 'w', 'grpc-call', { ...place, payloadBytes: 64, calls: 200 });
    expect([called.calls, samplesOf(called.latency)]).toEqual([200, 100]);
    expect(await serving).toEqual({ served: 200 + warmUps });
  });

  test('over gRPC with nobody there ends at its deadline', async () => {
    const call = pod.task(2, 'w', 'grpc-call', { host: '127.0.0.1', port: port(1), payloadBytes: 64, calls: 100 }, 400);
    await expect(call).rejects.toMatchObject({ code: expect.stringMatching(/^(DEADLINE|GRPC_FAILED)$/) });
  });
});

describe('a sweep', () => {
  type Served = Tasks['sweep-serve']['parameters'];
  type Called = Tasks['sweep-call']['parameters'];
  async function sweep(serve: Partial<Served>, call: Partial<Called>) {
    const shared = { service: 'sweep', connections: 1, payloadBytes: 64 };
    const serving = pod.task(1, 'w', 'sweep-serve', { ...shared, window: 16, handler: 'echo', ...serve });
    const sizes = { batches: 10, callsPerBatch: 100 };
    const calling = pod.task(2, 'w', 'sweep-call', { ...shared, manner: 'echo', depth: 1, ...sizes, ...call });
    // A caller that fails closes its connections, and with them the server's task.
    const [called, served] = await Promise.allSettled([calling, serving]);
    if (called.status === 'rejected') throw called.reason;
    if (served.status === 'rejected') throw served.reason;
    return { called: called.value, served: served.value };
  }

  test.each([1, 2, 4, 8, 16])('keeps %i calls in flight on one connection', async (depth) => {
    const { called, served } = await sweep({}, { depth });
    expect([called.calls, samplesOf(called.latency)]).toEqual([1000, 10]);
    expect(served).toMatchObject({ served: 2000, refused: 0 });
    expect(served.elapsedNs).toBeGreaterThan(0);
  });

  test.each(['reference', 'touch'] as const)('passes payloads by %s', async (manner) => {
    const { called, served } = await sweep({ handler: manner, window: 2, payloadBytes: 8192 }, { manner, payloadBytes: 8192 });
    expect(called.calls).toBe(1000);
    expect(served).toMatchObject({ served: 2000, refused: 0 });
  });

  test('finds out that the server saw another payload than was written', async () => {
    const wrong = sweep({ handler: 'reference', window: 2, payloadBytes: 1024 }, { manner: 'touch', payloadBytes: 1024 });
    await expect(wrong).rejects.toMatchObject({ code: 'WRONG_ANSWER' });
  });

  test.each([1, 3, 16])('serves %i connections with one thread at each end', async (connections) => {
    const { called, served } = await sweep({ connections, window: 2 }, { connections, manner: 'shared', depth: 2 });
    expect([called.calls, samplesOf(called.latency)]).toEqual([1000, 10]);
    expect(served).toMatchObject({ served: 2000, refused: 0 });
  });

  test('runs in the faithful layout', async () => {
    const { served } = await sweep({ layout: 'faithful' }, {});
    expect(served).toMatchObject({ served: 2000, refused: 0 });
  });

  test('with more connections than anybody opens ends at its deadline, with what was served', async () => {
    const serving = pod.task(
      ...([1, 'w', 'sweep-serve'] as const),
      { service: 'lonely', connections: 2, window: 2, payloadBytes: 64, handler: 'echo' },
      300,
    );
    await expect(serving).rejects.toMatchObject({ code: 'DEADLINE' });
  });
});

test('open-loop calls count every call once, from its intended start', async () => {
  const serving = pod.task(1, 'w', 'sweep-serve', {
    ...{ service: 'open', connections: 1, window: 16, payloadBytes: 64, handler: 'echo' },
  });
  const called = await pod.task(2, 'w', 'open-loop-call', {
    ...{ service: 'open', payloadBytes: 64, callsPerSecond: 20_000, calls: 2_000, seed: 1 },
  });
  expect([called.calls, called.latency.callsPerSample, samplesOf(called.latency)]).toEqual([2_000, 1, 2_000]);
  // At a fixed rate calls arrive over 0.1 s, whatever the answers take.
  expect(called.elapsedNs).toBeGreaterThan(0.08e9);
  expect((await serving).served).toBe(3_000);
});

test('a server that stops makes every call late that was to start meanwhile', async () => {
  const serving = pod.task(1, 'w', 'sweep-serve', {
    ...{ service: 'stopped', connections: 1, window: 2, payloadBytes: 64, handler: 'echo', waiting: 'sleep' },
  });
  // Far more than two slots and a server that sleeps a millisecond at a time can take: the backlog only grows.
  const called = await pod.task(2, 'w', 'open-loop-call', {
    ...{ service: 'stopped', payloadBytes: 64, callsPerSecond: 10_000_000, calls: 300, seed: 2 },
  });
  const [most] = called.latency.counts.at(-1)!;
  expect(called.delayed).toBeGreaterThan(0);
  // All were to start within the first 1.1 ms or so; whoever was answered last has waited for everybody before it.
  expect(most).toBeGreaterThan((called.elapsedNs - 1.5e6) / 2);
  await serving;
});

test('calls after rests are each timed alone, for each way of waiting', async () => {
  for (const waiting of waitingStrategies) {
    const service = 'gaps';
    const serving = pod.task(1, 'w', 'sweep-serve', {
      ...{ service, connections: 1, window: 2, payloadBytes: 64, handler: 'echo', waiting },
    });
    const gaps = [
      { gapNs: 10_000, calls: 20 },
      { gapNs: 30_000_000, calls: 2 },
    ];
    const called = await pod.task(2, 'w', 'idle-gap-call', { service, payloadBytes: 64, gaps });
    expect(called.gaps.map(({ gapNs, latency }) => [gapNs, samplesOf(latency), latency.callsPerSample])).toEqual([
      [10_000, 20, 1],
      [30_000_000, 2, 1],
    ]);
    await serving;
  }
});
