/** Agents that are killed: their workers go on with what they are at, and the next agent of the machine has them. */
import { once } from 'node:events';
import { readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { hostCgroup } from './host-cgroup.ts';
import { endAgent, type LocalAgent, startAgent, TestController } from './local-agent.ts';
import { LocalPod, taskDeadlineMs, temporaryBundle } from './local-pod.ts';
import { isGone, until } from './until.ts';

let bundle: Awaited<ReturnType<typeof temporaryBundle>>;
let pod: LocalPod;
let successors: { readonly agent: LocalAgent; readonly controller: TestController }[];
let started: number[];

beforeAll(async () => {
  bundle = await temporaryBundle();
});
afterAll(() => bundle?.remove());

const cgroup = hostCgroup('agent-death');
afterAll(() => cgroup?.remove());

const fences: readonly { readonly kind: string; readonly folder?: string }[] = [
  { kind: 'process-group' },
  ...(cgroup === null ? [] : [{ kind: 'cgroup', folder: cgroup.folder }]),
];

describe.each(fences)('with a $kind as fence,', ({ kind, folder }) => {
  const start = async (machines: number) => {
    successors = [];
    started = [];
    pod = await LocalPod.start(bundle.folder, { machines, ...(folder === undefined ? {} : { cgroup: folder }) });
    expect((await pod.on(1).request('status', {})).fence).toBe(kind);
  };

  afterEach(async () => {
    // What a failed test has left in a cgroup would keep the next one from removing it.
    for (const pid of started.filter((each) => !isGone(each))) process.kill(pid, 'SIGKILL');
    for (const { agent, controller } of successors) {
      controller.close();
      await endAgent(agent);
    }
    await pod.close();
    if (folder === undefined) return;
    for (let machine = 1; machine <= pod.agents.length; machine++) await removeCgroups(join(folder, `m${machine}`));
  });

  const startWorker = async (machine: number, worker: string) => {
    const worked = await pod.on(machine).request('startWorker', { worker });
    started.push(worked.pid);
    return worked;
  };
  /** The answer goes down with the agent. */
  const begin = (...task: Parameters<LocalPod['task']>) => void pod.task(...task).catch(() => {});

  const killAgent = async (machine: number) => {
    const { process } = pod.agents[machine - 1]!;
    process.kill('SIGKILL');
    await once(process, 'exit');
  };
  const succeed = async (machine: number) => {
    const agent = await startAgent({
      ...{ bundle: bundle.folder, folder: pod.files.folder, machine: `m${machine}` },
      ...(folder === undefined ? {} : { cgroup: join(folder, `m${machine}`) }),
    });
    const controller = await TestController.attach(agent);
    successors.push({ agent, controller });
    await controller.request('configure', pod.files.configuration(machine));
    return controller;
  };

  const answered = () =>
    pod.history().records.filter((record) => record.kind === 'end' && record.operation === 'rpc-call' && record.outcome === 'ok')
      .length;
  const stateOf = ({ id }: { readonly id: number }) => pod.inspect().clients[id];

  test('open connections answer when the agents of both sides are killed, and those that come next have the workers', async () => {
    await start(2);
    const server = await startWorker(1, 'server');
    const caller = await startWorker(2, 'caller');
    begin(1, 'server', 'pipelined-serve', { service: 's', connections: 1, callsPerSecond: 500 });
    begin(2, 'caller', 'pipelined-call', { service: 's', connections: 1, depth: 4, payloadBytes: 64, callsAfterLoss: 1 });
    await until('calls are answered', () => answered() >= 20);

    await killAgent(1);
    await killAgent(2);
    const atDeath = answered();
    await until('calls are answered without an agent', () => answered() >= atDeath + 100);

    const first = await succeed(1);
    const second = await succeed(2);
    expect((await first.request('status', {})).workers).toEqual([
      { worker: 'server', pid: server.pid, client: server.client, task: null, adopted: true },
    ]);
    const adopted = answered();
    await until('calls are answered under the next agents', () => answered() >= adopted + 20);
    await expect(
      first.request('runTask', { worker: 'server', task: 'word', parameters: {}, deadlineMs: taskDeadlineMs }),
    ).rejects.toMatchObject({ code: 'WORKER_ADOPTED' });
    await expect(first.request('startWorker', { worker: 'server' })).rejects.toMatchObject({ code: 'WORKER_EXISTS' });

    const killed = await first.request('stopWorker', { worker: 'server', how: 'kill' });
    expect(killed).toMatchObject({ worker: 'server', pid: server.pid, exitCode: null, signal: null, fenced: server.client });
    expect(isGone(server.pid)).toBe(true);
    expect(stateOf(server.client)).toMatchObject({ state: 'free', fencedIncarnation: server.client.incarnation });
    await second.request('stopWorker', { worker: 'caller', how: 'kill' });
    expect(stateOf(caller.client)).toMatchObject({ state: 'free', fencedIncarnation: caller.client.incarnation });
    expect(pod.inspect()).toMatchObject({ problems: [], connections: [] });
  });

  test('a worker ends its task without its agent, and leaves', async () => {
    await start(2);
    const { pid, client } = await startWorker(1, 'server');
    begin(1, 'server', 'rpc-serve', { service: 'echo', handler: 'javascript' });
    await pod.on(1).event('task-progress');
    await killAgent(1);

    await startWorker(2, 'caller');
    await pod.task(2, 'caller', 'rpc-call', { service: 'echo', caller: 'core', payloadBytes: 64, batches: 3, callsPerBatch: 10 });

    await until('the server has left', () => isGone(pid));
    expect(stateOf(client)).toMatchObject({ state: 'free', fencedIncarnation: 0 });
    expect(pod.agents[0]!.log()).toContain(`worker ${pid} leaves after rpc-serve: its agent is gone`);
    expect((await (await succeed(1)).request('status', {})).workers).toEqual([]);
  });

  test('workers without a task leave when their agent is killed, the spare one dies with it', async () => {
    await start(1);
    const { pid, client } = await startWorker(1, 'w');
    const others = () => childrenOf(pod.agents[0]!.process.pid!).filter((each) => each !== pid);
    await until('there is a spare', () => others().length === 1);
    const [spare] = others() as [number];
    started.push(spare);

    await killAgent(1);

    await until('both are gone', () => isGone(pid) && isGone(spare));
    expect(stateOf(client)).toMatchObject({ state: 'free', fencedIncarnation: 0 });
    // Not even its first spare, whose number is the one that the killed agent used.
    const next = await succeed(1);
    expect((await next.request('startWorker', { worker: 'w' })).pid).not.toBe(pid);
    expect(successors[0]!.agent.log()).not.toContain('no spare worker');
  });

  test('who died while there was no agent is fenced and recovered by the next one, before it starts workers', async () => {
    await start(2);
    const { pid, client } = await startWorker(1, 'server');
    const survivor = await startWorker(2, 'other');
    begin(1, 'server', 'rpc-serve', { service: 'echo', handler: 'core' });
    await pod.on(1).event('task-progress');
    await killAgent(1);
    process.kill(pid, 'SIGKILL');
    await until('the worker is gone', () => isGone(pid));
    expect(stateOf(client)).toMatchObject({ state: 'joined', fencedIncarnation: 0 });

    await succeed(1);

    expect(stateOf(client)).toMatchObject({ state: 'free', fencedIncarnation: client.incarnation });
    expect(stateOf(survivor.client)).toMatchObject({ state: 'joined', fencedIncarnation: 0 });
    expect(pod.inspect()).toMatchObject({ problems: [], connections: [] });
  });

  test('an adopted worker that dies is seen, told and fenced; also one that was stopped before', async () => {
    await start(1);
    const { pid, client } = await startWorker(1, 'server');
    begin(1, 'server', 'rpc-serve', { service: 'echo', handler: 'core' });
    await pod.on(1).event('task-progress');
    process.kill(pid, 'SIGSTOP');
    await killAgent(1);
    const next = await succeed(1);
    expect((await next.request('status', {})).workers).toMatchObject([{ worker: 'server', pid, client, adopted: true }]);

    process.kill(pid, 'SIGKILL');

    expect(await next.event('worker-exited')).toMatchObject({ worker: 'server', pid, fenced: client });
    expect(stateOf(client)).toMatchObject({ state: 'free', fencedIncarnation: client.incarnation });
  });

  test('an adopted worker leaves when it is asked to', async () => {
    await start(1);
    const { pid, client } = await startWorker(1, 'server');
    begin(1, 'server', 'rpc-serve', { service: 'echo', handler: 'core' });
    await pod.on(1).event('task-progress');
    await killAgent(1);
    const next = await succeed(1);

    const exit = await next.request('stopWorker', { worker: 'server', how: 'graceful' });

    expect(exit).toMatchObject({ worker: 'server', pid, fenced: null });
    expect(stateOf(client)).toMatchObject({ state: 'free', fencedIncarnation: 0 });
  });

  test('an agent that is told to end ends those it adopted, too', async () => {
    await start(1);
    const { pid, client } = await startWorker(1, 'server');
    begin(1, 'server', 'rpc-serve', { service: 'echo', handler: 'core' });
    await pod.on(1).event('task-progress');
    await killAgent(1);
    const next = await succeed(1);

    expect(await next.request('shutdown', {})).toEqual({});

    expect(isGone(pid)).toBe(true);
    expect(stateOf(client)).toMatchObject({ state: 'free', fencedIncarnation: client.incarnation });
    expect(readdirSync(pod.files.folder).filter((name) => name.endsWith('.workers'))).toEqual([]);
  });
});

/** What nobody is left to remove: a killed agent's folder stays, its successor found it there. */
async function removeCgroups(folder: string): Promise<void> {
  await until(`nothing is left in ${folder}`, () => {
    try {
      for (const entry of readdirSync(folder, { withFileTypes: true }))
        if (entry.isDirectory()) rmdirSync(join(folder, entry.name));
      rmdirSync(folder);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ENOENT';
    }
    return true;
  });
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}
