/** Two agents, one pool, a worker each: every task once, for real. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LatencyCounts } from '../../src/protocol/index.ts';
import { LocalPod, temporaryBundle } from './local-pod.ts';

let bundle: Awaited<ReturnType<typeof temporaryBundle>>;
let pod: LocalPod;

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

describe('on two machines', () => {
  test('the gate counts exactly and sees no forbidden outcome', async () => {
    const iterations = 200_000;
    const gate = (machineNumber: number) => pod.task(machineNumber, 'w', 'gate', { machines: 2, machineNumber, iterations });
    const [first, second] = await Promise.all([gate(1), gate(2)]);
    // More than asked for where the machines did not overlap at first.
    expect(first.iterations).toBeGreaterThanOrEqual(iterations);
    expect(first.totals.fetchAdd).toBe(first.iterations + second.iterations);
    expect(first.totals).toEqual(second.totals);
    expect(first.casWon + second.casWon).toBe(first.totals.casCounter);
    expect(first.totals.plain).toBeLessThanOrEqual(first.totals.fetchAdd);
    expect(first.litmus.length).toBeGreaterThan(0);
    for (const { forbidden } of [...first.litmus, ...second.litmus]) expect(forbidden).toBe(0);
  });

  test.each(['core', 'javascript'] as const)('calls from %s are answered, each verified', async (language) => {
    const service = `echo-${language}`;
    const serving = pod.task(1, 'w', 'rpc-serve', { service, handler: language });
    const called = await pod.task(2, 'w', 'rpc-call', {
      ...{ service, caller: language, payloadBytes: 64 },
      ...{ batches: 20, callsPerBatch: 10 },
    });
    expect(called.calls).toBe(200);
    expect(called.latency.callsPerSample).toBe(10);
    expect(samplesOf(called.latency)).toBe(20);
    expect(called.spans.length).toBe(20);
    expect(called.spans.every(({ startNs, endNs }) => startNs < endNs)).toBe(true);
    const served = await serving;
    // The warm-up is served as well.
    expect(served).toEqual({ served: 300, refused: 0 });
  });

  test('forged requests are all refused, and honest ones between them served', async () => {
    const serving = pod.task(1, 'w', 'rpc-serve', { service: 'forge', handler: 'core' });
    const forged = await pod.task(2, 'w', 'rpc-forge', { service: 'forge' });
    expect(forged.sent).toBeGreaterThan(5);
    expect(forged.refused).toBe(forged.sent);
    expect(await serving).toEqual({ served: forged.sent, refused: forged.sent });
    expect(pod.inspect().problems).toEqual([]);
  });

  test('a word is bounced', async () => {
    const rounds = { batches: 10, roundsPerBatch: 10 };
    const [, bounced] = await Promise.all([
      pod.task(1, 'w', 'word-ping-pong', { role: 'server', ...rounds }),
      pod.task(2, 'w', 'word-ping-pong', { role: 'caller', ...rounds }),
    ]);
    expect(samplesOf(bounced.latency)).toBe(10);
  });

  test('clocks of processes on one host agree within the stated error', async () => {
    const [, asked] = await Promise.all([
      pod.task(1, 'w', 'clock', { role: 'server', rounds: 50 }),
      pod.task(2, 'w', 'clock', { role: 'caller', rounds: 50 }),
    ]);
    expect(Math.abs(asked.offsetNs)).toBeLessThanOrEqual(asked.errorNs);
    expect(asked.clockReadNs).toBeGreaterThan(0);
  });

  test('the same echo runs over TCP', async () => {
    const port = 20_000 + (process.pid % 20_000);
    const serving = pod.task(1, 'w', 'tcp-serve', { host: '127.0.0.1', port });
    const called = await pod.task(2, 'w', 'tcp-call', { host: '127.0.0.1', port, payloadBytes: 64, calls: 400 });
    expect(called.calls).toBe(400);
    expect(called.latency.callsPerSample).toBe(4);
    expect(samplesOf(called.latency)).toBe(100);
    expect((await serving).served).toBe(450);
  });
});

describe('a task', () => {
  test('past its deadline ends with DEADLINE, and its worker takes the next one', async () => {
    await expect(pod.task(1, 'w', 'rpc-serve', { service: 'nobody', handler: 'core' }, 300)).rejects.toMatchObject({
      code: 'DEADLINE',
    });
    await expect(
      pod.task(1, 'w', 'tcp-serve', { host: '127.0.0.1', port: 19_000 + (process.pid % 500) }, 300),
    ).rejects.toMatchObject({ code: 'DEADLINE' });
    const connecting = pod.task(
      ...([1, 'w', 'rpc-call'] as const),
      { service: 'nowhere', caller: 'core', payloadBytes: 64, batches: 1, callsPerBatch: 1 },
      300,
    );
    await expect(connecting).rejects.toMatchObject({ code: expect.stringMatching(/^(DEADLINE|NOT_FOUND)$/) });
    expect((await pod.on(1).request('status', {})).workers).toEqual([expect.objectContaining({ worker: 'w', task: null })]);
  });

  test.each([
    ['TASK_UNKNOWN', 'dance', {}],
    ['TASK_UNKNOWN', 'constructor', {}],
    ['BAD_PARAMETERS', 'gate', { machines: 0, machineNumber: 1, iterations: 1 }],
    ['BAD_PARAMETERS', 'rpc-serve', { service: '../etc', handler: 'core' }],
    ['BAD_PARAMETERS', 'rpc-serve', null],
  ])('is refused with %s when it is %s %j', async (code, task, parameters) => {
    const refused = pod.on(1).request('runTask', { worker: 'w', task, parameters, deadlineMs: 10_000 });
    await expect(refused).rejects.toMatchObject({ code });
  });

  test('is refused while the worker runs another', async () => {
    const serving = pod.task(1, 'w', 'rpc-serve', { service: 'busy', handler: 'javascript' });
    await pod.on(1).event('task-progress', ({ progress }) => (progress as { listening?: string }).listening === 'busy');
    await expect(pod.task(1, 'w', 'clock', { role: 'server', rounds: 1 })).rejects.toMatchObject({ code: 'WORKER_BUSY' });
    await pod.task(2, 'w', 'rpc-call', { service: 'busy', caller: 'core', payloadBytes: 8, batches: 1, callsPerBatch: 1 });
    expect((await serving).served).toBe(11);
  });
});

test('a worker that looks for its next server leaves when it is asked to', async () => {
  await pod.on(1).request('startWorker', { worker: 'seeker' });
  const seeking = pod.task(1, 'seeker', 'pipelined-call', {
    ...{ service: 'nobody-serves-this', connections: 2, depth: 4 },
    ...{ payloadBytes: 64, callsAfterLoss: 1 },
  });
  seeking.catch(() => {});

  const exit = await pod.on(1).request('stopWorker', { worker: 'seeker', how: 'graceful' });

  expect(exit).toMatchObject({ exitCode: 0, signal: null, fenced: null });
});
