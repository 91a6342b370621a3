/** Two processes and one pool: calls, gate, clocks, heartbeats, and a real SIGKILL at a crash point. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { beforeAll, describe, expect, test } from 'vitest';
import { readHistoryFile } from '../../src/history/index.ts';
import { inspectPoolFile } from '../../src/inspect/index.ts';
import { constants } from '../../src/layout/index.ts';
import { fenceProcess, formatPool, instantiateCore, joinPool, mapPool, recoverClient } from '../../src/pool/pool.ts';
import type { GateResult } from '../../src/protocol/tasks.ts';
import { connect, RpcError } from '../../src/rpc/index.ts';
import type { Part, Role } from './participant.ts';
import { type PoolFiles, poolFiles } from './pool-files.ts';

const program = fileURLToPath(new URL('../../dist/test-participant.mjs', import.meta.url));
const generous = { deadlineMs: 60_000 };

beforeAll(async () => {
  const entry = fileURLToPath(new URL('participant.ts', import.meta.url));
  await build({ entryPoints: [entry], outfile: program, bundle: true, platform: 'node', format: 'esm', target: 'node20.19' });
});

interface Participant {
  readonly pid: number;
  /** Whatever its role returned; rejects when it ends without. */
  readonly result: Promise<unknown>;
  readonly exit: Promise<readonly [code: number | null, signal: string | null]>;
}

function participate(role: Role, part: Part): Participant {
  const { poolPath, poolSizeBytes, historyPath, historySizeBytes } = part.files;
  const plain = { ...part, files: { poolPath, poolSizeBytes, historyPath, historySizeBytes } };
  const child: ChildProcess = fork(program, [role, JSON.stringify(plain)], { execArgv: [] });
  const exit = once(child, 'exit') as Promise<[number | null, string | null]>;
  // What it said last may arrive after its end, but before the channel closes.
  const silence = Promise.all([exit, once(child, 'disconnect')]);
  const result = new Promise<unknown>((resolve, reject) => {
    child.once('message', resolve);
    silence.then(([[code, signal]]) => reject(new Error(`${role} ended with ${code ?? signal}`)), reject);
  });
  result.catch(() => undefined);
  return { pid: child.pid!, result, exit };
}

function joinedHere(files: PoolFiles) {
  const core = instantiateCore(mapPool(files), { thread: 0 });
  formatPool(core, { machineNumber: 1 });
  joinPool(core, { machineNumber: 1 });
  return core;
}

/** For participants that start at once: of two that format, one is told that the other is at it. */
function formatHere(files: PoolFiles): void {
  formatPool(instantiateCore(mapPool(files), { thread: 0 }), { machineNumber: 1 });
}

describe('calls between processes', () => {
  test.each(['echo', 'javascript'] as const)('come back as they were sent, from %s', async (role) => {
    using files = poolFiles();
    const core = joinedHere(files);
    const server = participate(role, { files, machineNumber: 2 });
    const connection = connect(core, 'service', generous);
    for (let number = 0; number < 500; number++) {
      const length = 1 + (number % 1024) === 13 ? 1024 : 1 + (number % 1024);
      const request = Uint8Array.from({ length }, (_, at) => (number * 7 + at) % 256);
      expect(Buffer.from(connection.callSync(request, generous)).equals(request)).toBe(true);
    }
    connection.callBatch(1_000, 64, generous);
    connection.close();

    expect(await server.result).toEqual({ end: 'closed', served: 1_500, refused: 0 });
    expect(inspectPoolFile(files.poolPath).problems).toEqual([]);
  });

  test('whose reference or length is a lie are refused, both sides live', async () => {
    using files = poolFiles();
    const core = joinedHere(files);
    const server = participate('javascript', { files, machineNumber: 2 });
    const connection = connect(core, 'service', generous);
    const lies = [
      { offset: 0 },
      { offset: 2 ** 32 - 64 },
      { offset: files.poolSizeBytes },
      { offset: constants.CONNECTIONS_OFFSET + constants.REQUEST_ARENA_OFFSET },
      { offset: constants.CONNECTIONS_OFFSET + constants.RESPONSE_ARENA_OFFSET },
      { length: 1025 },
      { length: 0xffff, kind: constants.KIND_LIMIT - 1 },
    ];
    for (const lie of lies) expect(connection.forge(lie, generous)).toBe('REFUSED');
    // A handler that throws has executed the call, and says why.
    expect(() => connection.callSync(new Uint8Array(13), generous)).toThrow('its handler threw: thirteen');
    expect([...connection.callSync(Uint8Array.of(1, 2, 3), generous)]).toEqual([1, 2, 3]);
    connection.close();

    expect(await server.result).toEqual({ end: 'closed', served: 2, refused: lies.length });
  });
});

test('a server that dies at a crash point leaves last words, a call of unknown outcome, and a pool that goes on', async () => {
  using files = poolFiles();
  const core = joinedHere(files);
  const crash = { point: 'rpc/serve/after-execute', hit: 3 };
  const server = participate('echo', { files, machineNumber: 2, crash });
  const connection = connect(core, 'service', generous);
  for (let number = 1; number < crash.hit; number++) connection.callSync(Uint8Array.of(number), generous);

  // `callSync` would block this thread, which is also the one that grants the fence; so the call in flight is made by its steps.
  const slot = connection.begin()!;
  connection.send(slot, 8, 0);
  expect(await server.exit).toEqual([null, 'SIGKILL']);
  const dead = fenceProcess(core, { machineNumber: 2, pid: server.pid });
  expect(dead).toHaveLength(1);
  for (const client of dead) recoverClient(core, client);
  const outcome = (): string => {
    try {
      connection.callSync(Uint8Array.of(1), generous);
    } catch (error) {
      if (error instanceof RpcError) return error.code;
      throw error;
    }
    return 'answered';
  };
  expect(() => connection.poll(slot)).toThrow('never answered');
  expect(outcome()).toBe('PEER_LOST');
  connection.close();

  const history = readHistoryFile(files.historyPath);
  expect(history.records).toEqual([
    expect.objectContaining({
      kind: 'last-words',
      point: crash.point,
      hit: crash.hit,
      machine: 2,
      pid: server.pid,
      client: dead[0]!.id,
    }),
    expect.objectContaining({ kind: 'recovered', deadClient: dead[0]!.id, deadIncarnation: dead[0]!.incarnation }),
  ]);

  const next = participate('echo', { files, machineNumber: 2 });
  const again = connect(core, 'service', generous);
  expect([...again.callSync(Uint8Array.of(9), generous)]).toEqual([9]);
  again.close();
  expect(await next.result).toMatchObject({ end: 'closed', served: 1 });
  expect(inspectPoolFile(files.poolPath).problems).toEqual([]);
});

test('the gate is exact, the same for all, and can be run again', async () => {
  using files = poolFiles();
  formatHere(files);
  for (let run = 0; run < 2; run++) {
    const participants = [1, 2].map((machineNumber) => participate('gate', { files, machineNumber }));
    const [first, second] = (await Promise.all(participants.map(({ result }) => result))) as [GateResult, GateResult];

    expect(second.totals).toEqual(first.totals);
    expect(first.totals.fetchAdd).toBe(2 * first.iterations);
    expect(first.totals.casCounter).toBe(first.casWon + second.casWon);
    expect(first.casWon + first.casLost).toBe(first.iterations);
    expect(first.totals.plain).toBeLessThanOrEqual(2 * first.iterations);
    for (const { name, forbidden, runs } of first.litmus) {
      expect({ name, forbidden }).toEqual({ name, forbidden: 0 });
      expect(runs).toBeGreaterThan(0);
    }
  }
});

test('clocks of two processes of one machine agree within the error that is stated', async () => {
  using files = poolFiles();
  formatHere(files);
  const server = participate('answer-clock', { files, machineNumber: 2 });
  const caller = participate('ask-clock', { files, machineNumber: 1 });
  const { offsetNs, errorNs } = (await caller.result) as { offsetNs: number; errorNs: number };

  expect(await server.result).toBeGreaterThanOrEqual(200);
  expect(Math.abs(offsetNs)).toBeLessThanOrEqual(errorNs);
});

test('a word is bounced as often as asked', async () => {
  using files = poolFiles();
  formatHere(files);
  const pong = participate('pong', { files, machineNumber: 2 });
  await participate('ping', { files, machineNumber: 1 }).result;
  expect(await pong.result).toBe(1_000);
});

test('a heart beats while its process is busy, and stops when it is told', async () => {
  using files = poolFiles();
  expect(await participate('beat', { files, machineNumber: 1 }).result).toBeGreaterThanOrEqual(3);
});
