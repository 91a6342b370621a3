/** Machines that die, freeze or are slow while the recovery service watches; three of them on this host. */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspectPoolFile } from '@cxlpod/agent/inspect';
import type { ClientIdentity } from '@cxlpod/agent/protocol';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { openPod } from '../../src/cluster/open-pod.ts';
import type { Pod, PodMachine } from '../../src/cluster/pod.ts';
import { restartAgent } from '../../src/cluster/restart-agent.ts';
import { type FencePolicy, type RecoveryOutcome, type RecoveryService, startRecovery } from '../../src/recovery/index.ts';
import { Timeline } from '../../src/traces/timeline.ts';
import { Bench } from '../cluster/cxlpod.ts';

const leaseMs = 1_000;
const taskMs = 120_000;
const wait = { timeout: 60_000, interval: 20 };

let bench: Bench;
let pod: Pod;
let machines: PodMachine[];
let service: RecoveryService | null;
let timeline: Timeline;
let stateHome: string | undefined;

beforeAll(async () => {
  bench = new Bench();
  const name = bench.newPod();
  const topology = join(bench.folder, 'three.yaml');
  writeFileSync(topology, 'name: three-local\nprovider: local\nmachines: 3\n');
  await bench.mustRun(['up', topology, '--name', name]);
  stateHome = process.env.XDG_STATE_HOME;
  process.env.XDG_STATE_HOME = join(bench.folder, 'state');
  pod = await openPod(name);
  machines = [...pod.machines];
});
afterAll(async () => {
  for (const { agent } of machines ?? []) await agent.close();
  await pod?.[Symbol.asyncDispose]();
  await bench.clear();
  if (stateHome === undefined) delete process.env.XDG_STATE_HOME;
  else process.env.XDG_STATE_HOME = stateHome;
});
beforeEach(() => {
  service = null;
  timeline = new Timeline();
});
/** Every test finds three machines with agents and no workers. */
afterEach(async () => {
  await service?.[Symbol.asyncDispose]();
  for (const [index, { machine, agent }] of machines.entries()) {
    await machine.resume();
    if ((await machine.whyUnreachable()) !== null) {
      await agent.close();
      machines[index] = await restartAgent(machine, pod.topology);
    }
  }
  for (const { agent } of machines) {
    const { workers } = await agent.request('status', {});
    for (const { worker } of workers) await agent.request('stopWorker', { worker, how: 'kill' });
  }
  expect(living()).toEqual([]);
  expect(inspect().problems).toEqual([]);
});

const on = (number: number): PodMachine => machines[number - 1]!;
const inspect = () => inspectPoolFile(pod.paths.poolFile);
const living = () => inspect().clients.filter(({ state }) => state !== 'free');
const stateOf = ({ id }: ClientIdentity) => inspect().clients.find((each) => each.id === id);

function expectAtWork(client: ClientIdentity): void {
  const { state, incarnation, fencedIncarnation } = stateOf(client)!;
  expect({ state, incarnation, isFenced: fencedIncarnation >= incarnation }).toEqual({
    ...{ state: 'joined', incarnation: client.incarnation, isFenced: false },
  });
}

async function watch(fence: FencePolicy = 'observed-end'): Promise<RecoveryService> {
  service = await startRecovery({ machines, paths: pod.paths }, timeline, { fence, leaseMs });
  return service;
}

async function startWorker(number: number, worker: string): Promise<ClientIdentity> {
  return (await on(number).agent.request('startWorker', { worker }, { timeoutMs: taskMs })).client;
}

/** Its heart beats in the pool, so it is seen when that stops. */
async function beating(client: ClientIdentity): Promise<void> {
  const beats = () => stateOf(client)!.heartbeat;
  const before = beats();
  await vi.waitUntil(() => beats() > before + 3, wait);
}

function outcomeOf(client: ClientIdentity): RecoveryOutcome | undefined {
  return service!.outcomes().find(({ id, incarnation }) => id === client.id && incarnation === client.incarnation);
}

const reaches = (client: ClientIdentity, state: RecoveryOutcome['state']) =>
  vi.waitUntil(() => outcomeOf(client)?.state === state, wait);

test('a machine that dies is suspected, its end is seen, then its clients are fenced and recovered, and their callers are told', async () => {
  await watch();
  const server = await startWorker(2, 'server');
  await startWorker(1, 'caller');
  const served = { service: 's', connections: 2, callsPerSecond: 500 };
  const calls = { service: 's', connections: 2, depth: 4, payloadBytes: 64, callsAfterLoss: 1 };
  const run = (number: number, worker: string, task: 'pipelined-serve' | 'pipelined-call', parameters: unknown) =>
    on(number).agent.request('runTask', { worker, task, parameters, deadlineMs: taskMs });
  run(2, 'server', 'pipelined-serve', served).catch(() => {});
  const called = run(1, 'caller', 'pipelined-call', calls) as Promise<{ readonly connectionsLost: number }>;
  await vi.waitUntil(() => inspect().connections.filter(({ served }) => served > 0).length === 2, wait);

  await on(2).machine.powerOff();
  await reaches(server, 'recovered');

  await startWorker(3, 'next-server');
  await run(3, 'next-server', 'pipelined-serve', served);
  expect((await called).connectionsLost).toBe(2);
  expect(stateOf(server)).toMatchObject({ fencedIncarnation: server.incarnation, suspectedIncarnation: server.incarnation });
  const outcome = outcomeOf(server)!;
  expect(outcome).toMatchObject({ machine: 'vm2', by: 'vm1', because: null });
  const times = [outcome.suspectedAt, outcome.endSeenAt, outcome.fencedAt, outcome.recoveredAt].map((stamp) => stamp!.ns);
  expect(times).toEqual([...times].sort((a, b) => a - b));
  expect(timeline.marks.map(({ name }) => name)).toEqual(['suspected', 'end seen', 'recovered by vm1']);
});

test('a machine that is frozen is suspected and not fenced, and goes on when it comes back', async () => {
  await watch();
  const client = await startWorker(2, 'w');
  await beating(client);
  await on(2).machine.pause();
  await reaches(client, 'pending');
  await vi.waitUntil(() => outcomeOf(client)?.because === 'vm2 has not ended', wait);
  expectAtWork(client);

  await on(2).machine.resume();

  await reaches(client, 'slow');
  expectAtWork(client);
  expect(await on(2).agent.request('stopWorker', { worker: 'w', how: 'graceful' })).toMatchObject({ exitCode: 0 });
});

test('with a policy that fences on suspicion a frozen machine is powered off, then recovered', async () => {
  await watch('on-suspicion');
  const client = await startWorker(3, 'w');
  await beating(client);

  await on(3).machine.pause();

  await reaches(client, 'recovered');
  expect(await on(3).machine.isAlive()).toBe(false);
});

test("with that policy a worker that stands still is its own agent's matter: the machine is not touched", async () => {
  await watch('on-suspicion');
  const { pid, client } = await on(2).agent.request('startWorker', { worker: 'w' });
  await beating(client);
  process.kill(pid, 'SIGSTOP');
  await vi.waitUntil(() => outcomeOf(client)?.because === 'vm2 has not ended', wait);
  process.kill(pid, 'SIGCONT');
  await reaches(client, 'slow');
  expect(await on(2).machine.isAlive()).toBe(true);
});

test('a machine that died while nobody served is recovered when somebody does, by an agent that lives', async () => {
  const client = await startWorker(2, 'w');
  await beating(client);
  await on(2).machine.powerOff();
  await vi.waitUntil(async () => (await on(3).agent.request('status', {})).suspicions.length === 1, wait);
  await on(1).machine.killAgent();
  expectAtWork(client);

  await watch();

  await reaches(client, 'recovered');
  expect(outcomeOf(client)).toMatchObject({ by: 'vm3' });
});

test('cxlpod recover does it for a pod that no run watches, and says so where no machine is left to do it', async () => {
  const client = await startWorker(2, 'w');
  await on(2).machine.powerOff();

  const done = await bench.mustRun(['recover', '--name', pod.name, '--json']);
  const again = await bench.mustRun(['recover', '--name', pod.name]);

  expect(JSON.parse(done.stdout)).toMatchObject([{ ...client, machine: 'vm2', state: 'recovered', by: 'vm1' }]);
  expect(again.stdout).toContain('nobody is suspected');
  const alone = await startWorker(3, 'w');
  for (const { machine } of machines) await machine.powerOff();
  const quarantined = await bench.run(['recover', '--name', pod.name]);
  expect(quarantined).toMatchObject({ exitCode: 4, stdout: expect.stringMatching(/vm3 .* pending +no other machine lives/) });
  expectAtWork(alone);
});

test('at the end of a run nobody has to be suspected to be recovered', async () => {
  await watch();
  const client = await startWorker(2, 'w');
  await on(2).machine.powerOff();

  await service!.finish({ deadlineMs: 30_000 });

  expect(stateOf(client)).toMatchObject({ state: 'free', fencedIncarnation: client.incarnation });
  expect(outcomeOf(client)).toMatchObject({ state: 'recovered' });
});

test('nobody is fenced for being slow: with more to do than the cores can, everybody stays', async () => {
  const spinners: ChildProcess[] = [];
  try {
    await watch();
    const clients = [await startWorker(1, 'a'), await startWorker(2, 'b'), await startWorker(3, 'c')];
    const beatsBefore = clients.map((client) => stateOf(client)!.heartbeat);
    for (let count = 0; count < 8; count++) spinners.push(spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' }));
    // Some leases long.
    const beats = (3 * leaseMs) / 100;
    await vi.waitUntil(() => clients.every((client, index) => stateOf(client)!.heartbeat > beatsBefore[index]! + beats), {
      timeout: 100_000,
      interval: 100,
    });

    for (const client of clients) expectAtWork(client);
    expect(service!.outcomes().filter(({ state }) => state === 'recovered' || state === 'gone')).toEqual([]);
  } finally {
    for (const spinner of spinners) spinner.kill('SIGKILL');
  }
});
