/** The daemon as a process: its start, its end, its socket, programs it runs. No pool needed. */
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type AgentHello, lineChannel, protocolVersion, type RefusalLine } from '../../src/protocol/index.ts';
import { bundleAgent } from './agent-bundle.ts';
import { endAgent, type LocalAgent, spawnAgent, startAgent, TestController } from './local-agent.ts';
import { isGone, until } from './until.ts';

const bundle = mkdtempSync(join(tmpdir(), 'cxlpod-agent-'));
let folder: string;
let agents: LocalAgent[];

beforeAll(() => bundleAgent(bundle));
afterAll(() => rmSync(bundle, { recursive: true }));
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cxlpod-agent-run-'));
  agents = [];
});
afterEach(async () => {
  for (const agent of agents) await endAgent(agent);
  rmSync(folder, { recursive: true, force: true });
});

async function start(machine = 'm1'): Promise<LocalAgent> {
  const agent = await startAgent({ bundle, folder, machine });
  agents.push(agent);
  return agent;
}

/** Runs an agent that is expected to end by itself. */
async function runAgent(argv: readonly string[]): Promise<{ exitCode: number | null; stderr: string }> {
  const child = spawnAgent(bundle, argv);
  let stderr = '';
  child.stderr!.on('data', (chunk) => {
    stderr += chunk;
  });
  const [exitCode] = (await once(child, 'close')) as [number | null];
  return { exitCode, stderr };
}

const arguments_ = (socket: string, log: string) => ['--socket', socket, '--folder', bundle, '--log', log];

describe('an agent', () => {
  test('listens where only its user may connect, and leaves nothing when it is told to end', async () => {
    const agent = await start();
    expect(statSync(agent.socketPath).mode & 0o777).toBe(0o600);

    expect(await endAgent(agent)).toBe(0);
    expect(existsSync(agent.socketPath)).toBe(false);
    expect(agent.log()).toMatch(/SIGTERM: ending\n.*agent ended\n$/s);
  });

  test('ends on request, after answering', async () => {
    const agent = await start();
    const controller = await TestController.attach(agent);
    expect(await controller.request('shutdown', {})).toEqual({});
    await until('the agent ends', () => agent.process.exitCode !== null);
    expect(agent.process.exitCode).toBe(0);
  });

  test('does not start a second time on the same socket, and the first one is not disturbed', async () => {
    const agent = await start();
    const second = await runAgent(arguments_(agent.socketPath, join(folder, 'second.log')));
    expect(second.exitCode).toBe(3);
    expect(second.stderr).toMatch(/^error: an agent answers on .* already \(AGENT_RUNNING\)\n {2}because: .*\n {2}try: /);
    expect(readFileSync(join(folder, 'second.log'), 'utf8')).toContain('AGENT_RUNNING');

    const controller = await TestController.attach(agent);
    expect((await controller.request('status', {})).pid).toBe(agent.process.pid);
  });

  test('starts where one was killed, over the socket that is left', async () => {
    const killed = await start();
    killed.process.kill('SIGKILL');
    await once(killed.process, 'exit');
    expect(existsSync(killed.socketPath)).toBe(true);

    const agent = await start();
    const controller = await TestController.attach(agent);
    expect(controller.hello).toMatchObject({ machine: 'm1', pid: agent.process.pid });
  });

  test('stays when its terminal hangs up', async () => {
    const agent = await start();
    agent.process.kill('SIGHUP');
    const controller = await TestController.attach(agent);
    expect((await controller.request('status', {})).pid).toBe(agent.process.pid);
  });

  test.each([
    ['no arguments', 2, () => []],
    ['an argument it does not know', 2, () => [...arguments_(join(folder, 's'), join(folder, 'l')), '--verbose']],
    ['a socket path that no socket can have', 2, () => arguments_(join(folder, 'x'.repeat(100)), join(folder, 'l'))],
    ['a log in no folder', 3, () => arguments_(join(folder, 's'), join(folder, 'none', 'log'))],
    ['a socket in no folder', 3, () => arguments_(join(folder, 'none', 's'), join(folder, 'l'))],
  ])('given %s ends with the reason', async (_, exitCode, argv) => {
    const ended = await runAgent(argv());
    expect(ended.exitCode).toBe(exitCode);
    expect(ended.stderr).toMatch(/^error: .*\n {2}because: |\n {2}try: /);
  });
});

describe('a channel', () => {
  test('of something that is no controller is refused, and the agent lives', async () => {
    const agent = await start();
    const stranger = lineChannel(connect(agent.socketPath));
    await stranger.next('hello', 10_000);
    stranger.send({ hello: 'browser' });
    expect(await stranger.next('the refusal', 10_000)).toMatchObject({ refused: { code: 'BAD_HELLO' } });

    const controller = await TestController.attach(agent);
    expect((await controller.request('status', {})).workers).toEqual([]);
    expect(agent.log()).toContain('BAD_HELLO');
  });

  test.each([
    ['PROTOCOL_MISMATCH', { protocol: protocolVersion + 1 }, String(protocolVersion + 1)],
    ['LAYOUT_MISMATCH', { layout: 'of-another-build' }, 'of-another-build'],
  ])(
    'of a controller of another build is refused with %s and both versions, here and in the log',
    async (code, differs, theirs) => {
      const agent = await start();
      const other = lineChannel(connect(agent.socketPath));
      const { layout } = (await other.next('hello', 10_000)) as AgentHello;
      const hello = { hello: 'cxlpod-controller', protocol: protocolVersion, layout, session: 'other', lastEvent: 0 };
      other.send({ ...hello, ...differs });
      const { refused } = (await other.next('the refusal', 10_000)) as RefusalLine;
      expect(refused.code).toBe(code);
      for (const version of [theirs, code === 'LAYOUT_MISMATCH' ? layout : String(protocolVersion)]) {
        expect(refused.cause).toContain(version);
      }
      await until('the log tells it', () => agent.log().includes(code));

      const ours = await TestController.attach(agent);
      expect((await ours.request('status', {})).pid).toBe(agent.process.pid);
    },
  );

  test("does not disturb another controller's", async () => {
    const agent = await start();
    const older = await TestController.attach(agent);
    const newer = await TestController.attach(agent);
    expect((await newer.request('status', {})).machine).toBe('m1');
    expect((await older.request('status', {})).machine).toBe('m1');
  });

  test('without a pool says what is missing', async () => {
    const controller = await TestController.attach(await start());
    await expect(controller.request('startWorker', { worker: 'w' })).rejects.toMatchObject({ code: 'NOT_CONFIGURED' });
    await expect(controller.request('format', {})).rejects.toMatchObject({ code: 'NOT_CONFIGURED' });
    await expect(controller.request('stopWorker', { worker: 'w', how: 'kill' })).rejects.toMatchObject({
      code: 'WORKER_UNKNOWN',
    });
  });
});

describe('a program', () => {
  test('is run to its end, with its output, its exit code and its environment', async () => {
    const controller = await TestController.attach(await start());
    const result = await controller.request('exec', {
      argv: ['sh', '-c', 'echo "$GREETING from {agent}"; echo oh >&2; exit 3'],
      timeoutMs: 30_000,
      environment: { GREETING: 'hello' },
    });
    expect(result).toEqual({ exitCode: 3, signal: null, stdout: `hello from ${bundle}\n`, stderr: 'oh\n' });
  });

  test('that takes too long is killed with what it started', async () => {
    const controller = await TestController.attach(await start());
    const pidFile = join(folder, 'pid');
    const argv = ['sh', '-c', `sleep 1000 & echo $! > ${pidFile}; echo waiting >&2; wait`];
    const running = controller.request('exec', { argv, timeoutMs: 2_000 });
    await expect(running).rejects.toMatchObject({ code: 'DEADLINE', cause: 'waiting' });
    await until('its child is gone', () => isGone(Number(readFileSync(pidFile, 'utf8'))));
  });

  test.each([
    ['EXEC_FAILED', ['/no/such/program']],
    ['OUTPUT_TOO_LONG', ['sh', '-c', 'yes']],
  ])('that cannot be run to its end is told as %s', async (code, argv) => {
    const controller = await TestController.attach(await start());
    await expect(controller.request('exec', { argv, timeoutMs: 60_000 })).rejects.toMatchObject({ code });
  });

  test('ends with its agent', async () => {
    const agent = await start();
    const controller = await TestController.attach(agent);
    const pidFile = join(folder, 'pid');
    controller
      .request('exec', { argv: ['sh', '-c', `echo $$ > ${pidFile}; exec sleep 1000`], timeoutMs: 600_000 })
      .catch(() => {});
    await until('it runs', () => existsSync(pidFile) && readFileSync(pidFile, 'utf8') !== '');
    await endAgent(agent);
    await until('it is gone', () => isGone(Number(readFileSync(pidFile, 'utf8'))));
  });
});
