/** Workers that die, by SIGKILL, for real: seen, fenced, told; and everybody else goes on. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { hostCgroup } from './host-cgroup.ts';
import { TestController } from './local-agent.ts';
import { LocalPod, taskDeadlineMs, temporaryBundle } from './local-pod.ts';
import { isGone, until } from './until.ts';

let bundle: Awaited<ReturnType<typeof temporaryBundle>>;
let pod: LocalPod;

beforeAll(async () => {
  bundle = await temporaryBundle();
});
afterEach(async () => pod?.close());
afterAll(() => bundle?.remove());

const cgroup = hostCgroup('death');
afterAll(() => cgroup?.remove());

/** Of a program that looks at nothing of it. */
const place = {
  ...{ phase: 'drive' as const, machine: 1, machines: 1, worker: 1, workers: 1, attempt: 1, seed: 1 },
  memory: { offset: 0, sizeBytes: 1, barrierOffset: 0 },
};

const fences: readonly { readonly kind: string; readonly folder?: string }[] = [
  { kind: 'process-group' },
  ...(cgroup === null ? [] : [{ kind: 'cgroup', folder: cgroup.folder }]),
];

describe.each(fences)('with a $kind as fence, a worker', ({ kind, folder }) => {
  const start = async (machines: number) => {
    pod = await LocalPod.start(bundle.folder, { machines, ...(folder === undefined ? {} : { cgroup: folder }) });
    expect((await pod.on(1).request('status', {})).fence).toBe(kind);
  };

  test('that is killed is fenced when its end was seen', async () => {
    await start(1);
    const { pid, client } = await pod.on(1).request('startWorker', { worker: 'w' });
    expect(pod.inspect().clients[client.id]).toMatchObject({
      state: 'joined',
      machine: 1,
      pid,
      incarnation: client.incarnation,
    });

    const exit = await pod.on(1).request('stopWorker', { worker: 'w', how: 'kill' });

    expect(exit).toMatchObject({ worker: 'w', pid, exitCode: null, signal: 'SIGKILL', fenced: client });
    expect(isGone(pid)).toBe(true);
    expect(pod.inspect().clients[client.id]).toMatchObject({ state: 'free', fencedIncarnation: client.incarnation });
    expect(await pod.on(1).event('worker-exited')).toEqual({ event: 'worker-exited', ...exit });
  });

  test('that is killed takes along what its program has started, also in a session of its own', async () => {
    await start(1);
    await pod.on(1).request('startWorker', { worker: 'w' });
    const pidFile = join(pod.files.folder, 'pid');
    const left = () => (existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8')) : 0);
    const script = `setsid sh -c 'echo $$ > ${pidFile}; exec sleep 1000' & wait`;
    const running = pod.task(1, 'w', 'exec', { argv: ['sh', '-c', script], place, limitMs: taskDeadlineMs });
    running.catch(() => {});
    await until('its child runs', () => left() > 0);

    await pod.on(1).request('stopWorker', { worker: 'w', how: 'kill' });

    expect(isGone(left())).toBe(true);
    await expect(running).rejects.toMatchObject({ code: 'WORKER_DIED' });
  });

  test('that leaves is not fenced', async () => {
    await start(1);
    const { client } = await pod.on(1).request('startWorker', { worker: 'w' });
    const exit = await pod.on(1).request('stopWorker', { worker: 'w', how: 'graceful' });
    expect(exit).toMatchObject({ exitCode: 0, signal: null, fenced: null });
    expect(pod.inspect().clients[client.id]).toMatchObject({ state: 'free', fencedIncarnation: 0 });
  });

  test('that dies at a crash point leaves its last words; the call in flight is told, the next ones are served', async () => {
    await start(2);
    const calls = 300;
    const hit = 100;
    const crash = { point: 'rpc/serve/after-execute', hit };
    const first = await pod.on(1).request('startWorker', { worker: 'server', crash });
    await pod.on(2).request('startWorker', { worker: 'caller' });
    const serving = pod.task(1, 'server', 'rpc-serve', { service: 'echo', handler: 'core' });
    const calling = pod.task(2, 'caller', 'rpc-call-through-crash', {
      ...{ service: 'echo', calls, payloadBytes: 64 },
      ...{ callDeadlineMs: 50_000, reconnectWithinMs: 50_000 },
    });

    await expect(serving).rejects.toMatchObject({ code: 'WORKER_DIED', cause: 'SIGKILL' });
    const exit = await pod.on(1).event('worker-exited');
    expect(exit).toMatchObject({ worker: 'server', pid: first.pid, signal: 'SIGKILL', fenced: first.client });
    await pod.on(1).request('startWorker', { worker: 'server' });
    const servedAgain = pod.task(1, 'server', 'rpc-serve', { service: 'echo', handler: 'core' });
    const called = await calling;

    expect(called).toMatchObject({ answered: calls, calls: calls + 1 });
    expect(called.failures).toEqual([expect.objectContaining({ call: hit, code: 'OUTCOME_UNKNOWN' })]);
    expect(called.longestStallNs).toBeGreaterThan(0);
    expect(await servedAgain).toEqual({ served: calls - hit + 1, refused: 0 });
    const { records, problems } = pod.history();
    expect(problems).toEqual([]);
    expect(records.filter(({ kind }) => kind === 'last-words')).toEqual([
      expect.objectContaining({ machine: 1, pid: first.pid, client: first.client.id, point: crash.point, hit }),
    ]);
    const ends = records.filter((record) => record.kind === 'end' && record.operation === 'rpc-call');
    expect(ends.map((record) => record.kind === 'end' && record.outcome).sort()).toEqual([
      ...Array.from({ length: calls }, () => 'ok'),
      'unknown',
    ]);
    expect(pod.inspect().problems).toEqual([]);
  });

  test('that dies while it joins is found by its process and fenced', async () => {
    await start(1);
    const crash = { point: 'pool/join/after-claim', hit: 1 };
    await expect(pod.on(1).request('startWorker', { worker: 'w', crash })).rejects.toMatchObject({ code: 'WORKER_DIED' });
    const exit = await pod.on(1).event('worker-exited');
    expect(exit).toMatchObject({ signal: 'SIGKILL', fenced: { id: expect.any(Number), incarnation: expect.any(Number) } });
    expect(pod.inspect().clients.filter(({ state }) => state !== 'free')).toEqual([]);
  });

  test('ends with its agent, when that is told to end: fenced', async () => {
    await start(1);
    const { pid, client } = await pod.on(1).request('startWorker', { worker: 'w' });
    pod.agents[0]!.process.kill('SIGTERM');
    await until('the agent ends', () => pod.agents[0]!.process.exitCode !== null);
    expect(pod.agents[0]!.process.exitCode).toBe(0);
    expect(isGone(pid)).toBe(true);
    expect(pod.inspect().clients[client.id]).toMatchObject({ state: 'free', fencedIncarnation: client.incarnation });
    if (folder !== undefined) expect(existsSync(join(folder, 'm1'))).toBe(false);
  });
});

describe('a worker', () => {
  const start = async (machines: number) => {
    pod = await LocalPod.start(bundle.folder, { machines });
  };

  test('is gone and fenced when its agent answers that it shuts down', async () => {
    await start(1);
    const { pid, client } = await pod.on(1).request('startWorker', { worker: 'w' });
    expect(await pod.on(1).request('shutdown', {})).toEqual({});
    expect(isGone(pid)).toBe(true);
    expect(pod.inspect().clients[client.id]).toMatchObject({ state: 'free', fencedIncarnation: client.incarnation });
  });

  test('whose agent was gone before it looked kills itself', async () => {
    const orphan = spawn(process.execPath, [join(bundle.folder, 'worker.mjs'), '1'], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    });
    let said = '';
    orphan.stderr!.on('data', (bytes) => {
      said += bytes;
    });
    try {
      await until('it ends', () => orphan.exitCode !== null || orphan.signalCode !== null);
      await until('it says why', () => said.includes('the agent is gone already'));
    } finally {
      orphan.kill('SIGKILL');
    }
  });

  test('lives when the controller goes, and its end is told to the next one', async () => {
    await start(1);
    const { pid } = await pod.on(1).request('startWorker', { worker: 'w' });
    await pod.on(1).request('startWorker', { worker: 'other' });
    await pod.on(1).request('stopWorker', { worker: 'other', how: 'kill' });
    const seen = pod.on(1).events.at(-1)!.number;
    pod.on(1).close();
    await pod.on(1).channel.closed;
    expect(isGone(pid)).toBe(false);

    process.kill(pid, 'SIGKILL');
    await until('the agent has seen it', () => pod.agents[0]!.log().includes(`"worker":"w","pid":${pid}`));
    const next = await TestController.attach(pod.agents[0]!, { lastEvent: seen });
    expect(await next.event('worker-exited')).toMatchObject({ worker: 'w', signal: 'SIGKILL' });
    expect(next.events.map(({ number }) => number)).toEqual([seen + 1]);
    next.close();
  });

  test('that serves goes on when its caller dies with a call in flight', async () => {
    await start(2);
    await pod.on(1).request('startWorker', { worker: 'server' });
    const crash = { point: 'rpc/call/after-publish', hit: 50 };
    await pod.on(2).request('startWorker', { worker: 'caller', crash });
    const serving = pod.task(1, 'server', 'rpc-serve', { service: 'echo', handler: 'javascript' });
    const calling = pod.task(2, 'caller', 'rpc-call', {
      ...{ service: 'echo', caller: 'javascript', payloadBytes: 64 },
      ...{ batches: 10, callsPerBatch: 10 },
    });
    await expect(calling).rejects.toMatchObject({ code: 'WORKER_DIED', cause: 'SIGKILL' });
    const { served, refused } = await serving;
    // What was published before its death may be served or not; more than that was never asked.
    expect([49, 50]).toContain(served);
    expect(refused).toBe(0);

    await pod.on(2).request('startWorker', { worker: 'caller' });
    const servingAgain = pod.task(1, 'server', 'rpc-serve', { service: 'echo', handler: 'core' });
    await pod.task(2, 'caller', 'rpc-call', { service: 'echo', caller: 'core', payloadBytes: 64, batches: 1, callsPerBatch: 1 });
    expect((await servingAgain).served).toBe(11);
  });

  test('that does not react to its deadline kills itself, and is fenced', async () => {
    await start(1);
    const { client } = await pod.on(1).request('startWorker', { worker: 'w' });
    // One uninterrupted loop of the core that lasts far longer than the grace.
    const stuck = pod.task(1, 'w', 'gate', { machines: 1, machineNumber: 1, iterations: 2 ** 34 }, 100);
    await expect(stuck).rejects.toMatchObject({ code: 'WORKER_DIED', cause: 'SIGKILL' });
    expect(await pod.on(1).event('worker-exited')).toMatchObject({ worker: 'w', signal: 'SIGKILL', fenced: client });
    expect(pod.agents[0]!.log()).toMatch(/kills itself: the pool thread did not react/);
    const again = await pod.on(1).request('startWorker', { worker: 'w' });
    expect(again.client.incarnation).toBeGreaterThan(client.incarnation);
  });

  test('starts while a program runs that must not be disturbed', async () => {
    await start(1);
    const fifo = join(pod.files.folder, 'fifo');
    const running = pod.on(1).request('exec', { argv: ['sh', '-c', `mkfifo ${fifo}; cat ${fifo}`], timeoutMs: 600_000 });
    for (const worker of ['first', 'second']) await pod.on(1).request('startWorker', { worker });
    await until('the program waits', () => existsSync(fifo));
    writeFileSync(fifo, 'go');
    expect(await running).toMatchObject({ exitCode: 0, stdout: 'go' });
  });

  test.each([
    ['that is there already', 'WORKER_EXISTS', 'w', undefined],
    ['with a crash point that nobody knows', 'UNKNOWN_CRASH_POINT', 'x', { point: 'rpc/serve/after-lunch', hit: 1 }],
  ])('%s is refused', async (_, code, worker, crash) => {
    await start(1);
    await pod.on(1).request('startWorker', { worker: 'w' });
    const refused = pod.on(1).request('startWorker', { worker, ...(crash === undefined ? {} : { crash }) });
    await expect(refused).rejects.toMatchObject({ code });
    expect((await pod.on(1).request('status', {})).workers.map((each) => each.worker)).toEqual(['w']);
  });
});

describe('an agent', () => {
  test('is configured and formats once; the same again is no error, another pool is', async () => {
    pod = await LocalPod.start(bundle.folder, { machines: 2 });
    const configuration = pod.files.configuration(1);
    await pod.on(1).request('configure', configuration);
    expect(await pod.on(1).request('format', {})).toEqual({ formatted: false });
    expect(await pod.on(2).request('format', {})).toEqual({ formatted: false });
    await expect(pod.on(1).request('configure', { ...configuration, machineNumber: 2 })).rejects.toMatchObject({
      code: 'ALREADY_CONFIGURED',
    });
    expect((await pod.on(2).request('status', {})).pool).toEqual({ ...configuration.pool, formatted: true });
  });
});
