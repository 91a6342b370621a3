/** Workers that die, by SIGKILL, for real: seen, fenced, told; and everybody else goes on. */
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { TestController } from './local-agent.ts';
import { LocalPod, temporaryBundle } from './local-pod.ts';
import { isGone, until } from './until.ts';

let bundle: Awaited<ReturnType<typeof temporaryBundle>>;
let pod: LocalPod;

beforeAll(async () => {
  bundle = await temporaryBundle();
});
afterEach(async () => pod?.close());
afterAll(() => bundle?.remove());

/** Where this host lets us make cgroups; null where it does not. */
const cgroup = (() => {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '));
  const mounted = mounts.find(([, , type]) => type === 'cgroup2')?.[1];
  if (mounted === undefined) return null;
  const folder = join(mounted, `cxlpod-test-${process.pid}`);
  try {
    mkdirSync(folder);
    return folder;
  } catch {
    return null;
  }
})();
afterAll(() => {
  if (cgroup !== null) rmdirSync(cgroup);
});

const fences: readonly { readonly kind: string; readonly folder?: string }[] = [
  { kind: 'process-group' },
  ...(cgroup === null ? [] : [{ kind: 'cgroup', folder: cgroup }]),
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

  test('dies with its agent, even one that spins', async () => {
    await start(1);
    const { pid, client } = await pod.on(1).request('startWorker', { worker: 'w' });
    pod.task(1, 'w', 'rpc-serve', { service: 'echo', handler: 'core' }).catch(() => {});
    await pod.on(1).event('task-progress');
    pod.agents[0]!.process.kill('SIGKILL');
    await until('it is gone', () => isGone(pid));
    // Nobody has seen its end who may say so.
    expect(pod.inspect().clients[client.id]).toMatchObject({ state: 'joined', fencedIncarnation: 0 });
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
