/** Typed services between processes: the synchronous path, and real SIGKILLs of either side. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { beforeAll, expect, test } from 'vitest';
import { inspectPoolFile } from '../../src/inspect/index.ts';
import { type Core, fenceProcess, formatPool, instantiateCore, joinPool, mapPool, recoverClient } from '../../src/pool/pool.ts';
import { connectService, serve } from '../../src/rpc/index.ts';
import { type PoolFiles, poolFiles } from '../pool/pool-files.ts';
import { codeOf, until } from './both-ends.ts';
import { blocking, type Part, type Role, turning, turningHandlers } from './service-participant.ts';

const program = fileURLToPath(new URL('../../dist/test-service-participant.mjs', import.meta.url));
const deadlineMs = 60_000;

beforeAll(async () => {
  const entry = fileURLToPath(new URL('service-participant.ts', import.meta.url));
  await build({ entryPoints: [entry], outfile: program, bundle: true, platform: 'node', format: 'esm', target: 'node20.19' });
});

class Participant implements Disposable {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;

  constructor(role: Role, part: Part) {
    const { poolPath, poolSizeBytes, historyPath, historySizeBytes } = part.files;
    const plain = { ...part, files: { poolPath, poolSizeBytes, historyPath, historySizeBytes } };
    // A young generation that holds all that could be allocated: so what is allocated is seen.
    const execArgv = ['--expose-gc', '--max-semi-space-size=64', '--min-semi-space-size=64'];
    this.#child = fork(program, [role, JSON.stringify(plain)], { execArgv });
    this.pid = this.#child.pid!;
    this.#exit = once(this.#child, 'exit');
  }

  /** The next thing it says; rejects when it ends without. */
  async says(): Promise<unknown> {
    const ended = this.#exit.then(() => Promise.reject(new Error('it ended without a word')));
    const [message] = (await Promise.race([once(this.#child, 'message'), ended])) as [unknown];
    return message;
  }

  /** It is told to go on. */
  goOn(): void {
    this.#child.send('go on');
  }

  async kill(core: Core, machineNumber: number): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exit;
    const dead = fenceProcess(core, { machineNumber, pid: this.pid });
    expect(dead).toHaveLength(1);
    for (const client of dead) recoverClient(core, client);
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}

function joinedHere(files: PoolFiles): Core {
  const core = instantiateCore(mapPool(files), { thread: 0 });
  formatPool(core, { machineNumber: 1 });
  joinPool(core, { machineNumber: 1 });
  return core;
}

async function started(role: Role, files: PoolFiles, machineNumber: number, more: Partial<Part> = {}): Promise<Participant> {
  const participant = new Participant(role, { ...more, files, machineNumber });
  expect(await participant.says()).toBe('ready');
  return participant;
}

test('a synchronous call of bytes allocates nothing, on neither side', async () => {
  using files = poolFiles();
  const core = joinedHere(files);
  using _server = await started('serve-blocking', files, 2, { waiting: 'spin' });
  using caller = new Participant('call-sync', { files, machineNumber: 3, waiting: 'spin' });
  const { result } = (await caller.says()) as { result: { callerBytes: number; serverBytes: number; nsPerCall: number } };
  if (process.env.CXLPOD_TELL !== undefined) process.stdout.write(`${JSON.stringify(result)}\n`);
  // The smallest object has 16 bytes; what is left are the two calls around each round, which ask for the figures.
  expect(result.callerBytes).toBeLessThan(8);
  expect(result.serverBytes).toBeLessThan(8);
  expect(core.exports.selfClient()).toBe(0);
});

test('synchronous calls go on at the next server, with one unknown outcome at most', async () => {
  using files = poolFiles();
  const core = joinedHere(files);
  using first = await started('serve-blocking', files, 2);
  using strict = connectService(core, blocking, { deadlineMs });
  strict.connectedSync();
  expect(strict.callSync('who', null)).toBe(first.pid);
  using second = await started('serve-blocking', files, 3);
  using _killer = new Participant('kill', { files, machineNumber: 1, pid: first.pid });

  const codes: string[] = [];
  let who = first.pid;
  while (who === first.pid) {
    try {
      who = strict.callSync('once', null);
    } catch (error) {
      codes.push((error as { code: string }).code);
    }
  }
  expect(who).toBe(second.pid);
  expect([[], ['OUTCOME_UNKNOWN']]).toContainEqual(codes);
  expect(strict.counters.reconnects).toBe(1);
});

test('an idempotent synchronous call never notices', async () => {
  using files = poolFiles();
  const core = joinedHere(files);
  using first = await started('serve-blocking', files, 2);
  using caller = connectService(core, blocking, { deadlineMs, repeatIdempotent: true });
  caller.connectedSync();
  using second = await started('serve-blocking', files, 3);
  using _killer = new Participant('kill', { files, machineNumber: 1, pid: first.pid });
  let who = first.pid;
  while (who === first.pid) who = caller.callSync('who', null);
  expect(who).toBe(second.pid);
});

test('a server that is killed leaves unknown outcomes, and its callers go on at the next one', async () => {
  using files = poolFiles();
  const core = joinedHere(files);
  using first = await started('serve-turning', files, 2);
  using caller = connectService(core, turning, { deadlineMs, repeatIdempotent: true });
  expect(await caller.call('who', null)).toBe(first.pid);
  const held = codeOf(caller.call('hold', null));
  const repeated = caller.call('holdFirst', first.pid);
  const stream = caller.stream('count', 1_000);
  expect(await stream.next()).toEqual({ done: false, value: 0 });

  await first.kill(core, 2);
  expect(await held).toBe('OUTCOME_UNKNOWN');
  const waiting = caller.call('who', null);
  using second = await started('serve-turning', files, 3);
  expect(await waiting).toBe(second.pid);
  expect(await repeated).toBe(second.pid);
  expect(
    await codeOf(
      (async () => {
        for await (const _item of stream);
      })(),
    ),
  ).toMatch(/OUTCOME_UNKNOWN|PEER_LOST/);
  expect(caller.counters).toMatchObject({ reconnects: 1, inFlight: 0, waiting: 0 });
  expect(inspectPoolFile(files.poolPath).problems).toEqual([]);
});

test('a caller that is killed gives its connection back, with its handlers and streams', async () => {
  using files = poolFiles();
  const core = joinedHere(files);
  const signals: AbortSignal[] = [];
  let ended = 0;
  using server = serve(
    core,
    turning,
    {
      ...turningHandlers,
      hold: (_request, { signal }) => new Promise<number>(() => signals.push(signal)),
      *count(limit) {
        try {
          yield* turningHandlers.count(limit);
        } finally {
          ended++;
        }
      },
    },
    { maxConnections: 1 },
  );
  const stop = new AbortController();
  const serving = server.runAsync(stop.signal);
  for (let round = 1; round <= 2; round++) {
    using caller = await started('call-and-wait', files, 2);
    await until(() => signals.length === 2 * round);
    expect(server.counters).toMatchObject({ callers: 1, streams: 1, background: { running: 2 } });
    await caller.kill(core, 2);
    await until(() => server.counters.lost === round);
    expect(server.counters).toMatchObject({ callers: 0, streams: 0, background: { running: 0, waiting: 0 } });
    expect(signals.every(({ aborted }) => aborted)).toBe(true);
    expect(ended).toBe(round);
  }
  await until(() => server.counters.listening === 1);
  stop.abort();
  expect(await serving).toBe('stopped');
  server.close();
  const { connections, problems } = inspectPoolFile(files.poolPath);
  expect({ connections, problems }).toEqual({ connections: [], problems: [] });
});

test('a server of another process hears who gives up, drains, and then answers what it holds', async () => {
  using files = poolFiles();
  const core = joinedHere(files);
  using server = await started('serve-draining', files, 2);
  using caller = connectService(core, turning, { deadlineMs, reconnect: false });
  const stop = new AbortController();
  const givenUp = codeOf(caller.call('hold', null, { signal: stop.signal }));
  expect(await server.says()).toBe('held');
  const heard = server.says();
  stop.abort();
  expect(await givenUp).toBe('ABORTED');
  expect(await heard).toBe('given up');

  const held = caller.call('hold', null);
  expect(await server.says()).toBe('held');
  server.goOn();
  expect(await server.says()).toBe('draining');
  expect(await codeOf(caller.call('who', null))).toBe('REFUSED');
  using stranger = connectService(core, turning, { deadlineMs: 20 });
  expect(await codeOf(stranger.call('who', null))).toBe('NOT_FOUND');
  const ended = server.says();
  server.goOn();
  expect(await held).toBe(server.pid);
  expect(await ended).toEqual({ result: 'closed' });
  expect(await codeOf(caller.call('who', null))).toBe('CLOSED');
  caller.close();
  expect(inspectPoolFile(files.poolPath)).toMatchObject({ connections: [], problems: [] });
});
