/** The conversation with a real agent over channels that this test cuts. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { layoutHash } from '@cxlpod/agent/layout';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { machinePlans } from '../../src/cluster/machine-plan.ts';
import { loadTopology } from '../../src/config/load-topology.ts';
import type { AgentConnection, SentRequest } from '../../src/deploy/agent-connection.ts';
import { type AttachOptions, attachAgent } from '../../src/deploy/attach-agent.ts';
import { attachToMachine, uploadAgent } from '../../src/deploy/deploy-agent.ts';
import { LocalMachine } from '../../src/provider/local/local-machine.ts';

let folder: string;
let machine: LocalMachine;
let channels: Duplex[];
let connection: AgentConnection | null;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'attach-'));
  const paths = { podFolder: folder, poolFile: join(folder, 'pool.raw'), historyFile: join(folder, 'history.raw') };
  const [plan] = machinePlans(`attach-test-${process.pid}`, loadTopology('local'), paths);
  await mkdir(plan!.logFolder, { recursive: true });
  machine = new LocalMachine(plan!, plan!.logFolder);
  await uploadAgent(machine);
  await machine.startAgent();
  channels = [];
  connection = null;
});

afterEach(async () => {
  await connection?.close();
  await machine.powerOff();
  rmSync(folder, { recursive: true });
});

async function attach(options: Partial<AttachOptions> = {}): Promise<AgentConnection> {
  connection = await attachAgent({
    machine: 'vm1',
    layout: layoutHash,
    attachWithinMs: 20_000,
    connect: async (signal) => {
      const channel = await machine.connectAgent(signal);
      channels.push(channel);
      return channel;
    },
    ...options,
  });
  return connection;
}

const cutChannel = (): void => void channels.at(-1)!.destroy();

describe('a connection to an agent', () => {
  test('knows who answers', async () => {
    const agent = await attach();

    expect(agent.hello).toMatchObject({ machine: 'vm1', layout: layoutHash });
    expect(await agent.request('status', {})).toMatchObject({
      machine: 'vm1',
      pool: null,
      workers: [],
      spareWorkers: { wanted: 2 },
    });
  });

  test('gets the answer of a request whose channel was cut, from one execution', async () => {
    const agent = await attach();
    const witness = join(folder, 'witness');
    const script = `echo ran >>${witness}; while [ ! -e ${witness}.go ]; do sleep 0.01; done; wc -l <${witness}`;
    const asked = agent.request('exec', { argv: ['sh', '-c', script], timeoutMs: 20_000 });
    await until(async () => (await machine.exec(['test', '-e', witness])).exitCode === 0);

    cutChannel();
    await until(async () => agent.reattachCount === 1);
    await machine.exec(['touch', `${witness}.go`]);

    expect(await asked).toMatchObject({ exitCode: 0, stdout: '1\n' });
    expect(channels).toHaveLength(2);
  });

  test('carries on through many cuts, with requests in between', async () => {
    const agent = await attach();

    for (let cut = 1; cut <= 5; cut++) {
      cutChannel();
      expect(await agent.request('status', {})).toMatchObject({ machine: 'vm1' });
      await until(async () => agent.reattachCount === cut);
    }
  });

  test('is not disturbed by another controller, and each gets its own answers and all events', async () => {
    const agent = await attach();
    const events: string[] = [];
    agent.onEvent((event) => events.push(event.event));
    const gate = join(folder, 'go');
    const slow = agent.request('exec', { argv: ['sh', '-c', `until [ -e ${gate} ]; do sleep 0.01; done`], timeoutMs: 20_000 });

    const other = await attachToMachine(machine, { attachWithinMs: 20_000 });
    expect(await other.request('status', {})).toMatchObject({ machine: 'vm1' });
    await other.close();
    await machine.exec(['touch', gate]);

    expect(await slow).toMatchObject({ exitCode: 0 });
    expect(agent.reattachCount).toBe(0);
    expect(events).toEqual([]);
  });

  test('tells every event once, also those of the time when it was cut, and none from before it attached', async () => {
    const pool = { path: join(folder, 'pool.raw'), sizeBytes: 256 * 1024 ** 2 };
    const history = { path: join(folder, 'history.raw'), sizeBytes: 16 * 1024 ** 2 };
    for (const { path, sizeBytes } of [pool, history]) {
      writeFileSync(path, '');
      truncateSync(path, sizeBytes);
    }
    const other = await attachToMachine(machine, { attachWithinMs: 20_000 });
    await other.request('configure', { machine: 'vm1', machineNumber: 1, pool, history });
    await other.request('format', {});
    const liveAndDie = async (worker: string): Promise<void> => {
      await other.request('startWorker', { worker });
      await other.request('stopWorker', { worker, how: 'kill' });
    };
    await liveAndDie('before');
    let reachable = true;
    const agent = await attach({
      connect: async (signal) => {
        if (!reachable) throw new Error('no way through');
        const channel = await machine.connectAgent(signal);
        channels.push(channel);
        return channel;
      },
    });
    const exits: string[] = [];
    agent.onEvent((event) => void (event.event === 'worker-exited' && exits.push(event.worker)));

    await liveAndDie('attached');
    reachable = false;
    cutChannel();
    await liveAndDie('cut');
    reachable = true;
    await until(async () => agent.reattachCount === 1);
    await liveAndDie('again');
    await until(async () => exits.includes('again'));
    await other.close();

    expect(exits).toEqual(['attached', 'cut', 'again']);
  });

  test('is over when the agent is dead, and says so at once', async () => {
    connection = await attachToMachine(machine, { attachWithinMs: 20_000 });
    const asked = connection.request('exec', { argv: ['sleep', '1000'], timeoutMs: 600_000 }).catch((error: unknown) => error);
    await machine.powerOff();

    expect(await asked).toMatchObject({ code: 'AGENT_DIED', message: 'the agent of vm1 has ended' });
    await expect(connection.request('status', {})).rejects.toMatchObject({ code: 'AGENT_DIED' });
  });

  test('notices that another agent answers in place of the one it knew', async () => {
    const agent = await attach();
    const first = agent.hello.instance;
    await machine.powerOff();
    await machine.startAgent();

    const failure = await agent.request('status', {}).catch((error: unknown) => error);

    expect(failure).toMatchObject({ code: 'AGENT_REPLACED' });
    expect(agent.hello.instance).toBe(first);
  });

  test('goes on in the place of a controller that is gone: each of its requests has one execution, and it takes new ones', async () => {
    const witness = join(folder, 'witness');
    const sent: SentRequest[] = [];
    const first = await attach();
    const argv = ['sh', '-c', `echo ran >>${witness}; while [ ! -e ${witness}.go ]; do sleep 0.01; done; wc -l <${witness}`];
    first.request('exec', { argv, timeoutMs: 60_000 }, { onSend: (request) => sent.push(request) }).catch(() => {});
    await until(async () => (await machine.exec(['test', '-e', witness])).exitCode === 0);
    await first.close();

    const heir = await attach({ resume: sent });
    await machine.exec(['touch', `${witness}.go`]);

    expect(await heir.resumed(sent[0]!, 60_000)).toMatchObject({ exitCode: 0, stdout: '1\n' });
    expect(await heir.request('exec', { argv: ['echo', 'new'], timeoutMs: 60_000 })).toMatchObject({ stdout: 'new\n' });
  });

  test('in the place of two controllers, of which one told nobody what it asked, is not answered as that one was', async () => {
    const sent: SentRequest[] = [];
    const first = await attach();
    const ask = (agent: AgentConnection, word: string, onSend = (_: SentRequest): void => {}) =>
      agent.request('exec', { argv: ['echo', word], timeoutMs: 60_000 }, { onSend });
    await ask(first, 'first', (request) => sent.push(request));
    await first.close();
    const between = await attach({ resume: sent });
    await ask(between, 'between');
    await between.close();

    const heir = await attach({ resume: sent });

    expect(await ask(heir, 'heir')).toMatchObject({ stdout: 'heir\n' });
  });

  test('asks another agent for nothing that the one before it was asked', async () => {
    const witness = join(folder, 'witness');
    const sent: SentRequest[] = [];
    const first = await attach();
    const argv = ['sh', '-c', `echo ran >>${witness}`];
    await first.request('exec', { argv, timeoutMs: 60_000 }, { onSend: (request) => sent.push(request) });
    await first.close();
    await machine.powerOff();
    await machine.startAgent();

    const heir = await attach({ resume: sent });

    await expect(heir.resumed(sent[0]!, 60_000)).rejects.toMatchObject({ code: 'AGENT_REPLACED' });
    await heir.request('status', {});
    expect((await machine.exec(['cat', witness])).stdout).toBe('ran\n');
  });

  test('gives up on a channel that stays lost', async () => {
    let reachable = true;
    const agent = await attach({
      reattachWithinMs: 50,
      connect: async (signal) => {
        if (!reachable) throw new Error('no way through');
        const channel = await machine.connectAgent(signal);
        channels.push(channel);
        return channel;
      },
    });
    reachable = false;
    const asked = agent.request('exec', { argv: ['sleep', '1000'], timeoutMs: 600_000 });

    cutChannel();

    await expect(asked).rejects.toMatchObject({ code: 'CHANNEL_LOST', exitCode: 3 });
  });

  test('refuses an agent that means other bytes', async () => {
    await expect(attach({ layout: '0123456789abcdef' })).rejects.toMatchObject({ code: 'LAYOUT_MISMATCH' });
  });

  test('tells what the agent refused in its own words', async () => {
    const agent = await attach();

    await expect(agent.request('stopWorker', { worker: 'nobody', how: 'kill' })).rejects.toMatchObject({
      message: expect.stringContaining('vm1: '),
      code: expect.stringMatching(/^[A-Z_]+$/),
    });
  });

  test('stops waiting at its deadline, and when it is told to', async () => {
    const agent = await attach();
    const forever = { argv: ['sleep', '1000'], timeoutMs: 600_000 };
    const operator = new AbortController();

    const stopped = agent.request('exec', forever, { signal: operator.signal }).catch((error: unknown) => error);
    operator.abort();

    expect(await stopped).toMatchObject({ code: 'INTERRUPTED' });
    await expect(agent.request('exec', forever, { timeoutMs: 20 })).rejects.toMatchObject({ code: 'AGENT_SILENT' });
    expect(await agent.request('status', {})).toMatchObject({ machine: 'vm1' });
  });
});

/** Bounded by the test's own deadline. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setImmediate(resolve));
}
