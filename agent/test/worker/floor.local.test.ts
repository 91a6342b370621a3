import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LatencyCounts } from '../../src/protocol/index.ts';

const sizeBytes = 4 * 1024 * 1024;
const folder = mkdtempSync(join(tmpdir(), 'cxlpod-floor-'));
const program = join(folder, 'floor');
const pool = join(folder, 'pool.raw');
const place = ['--path', pool, '--size', String(sizeBytes), '--offset', String(2 * 1024 * 1024 + 64)];

beforeAll(() => {
  execFileSync(process.execPath, [fileURLToPath(new URL('../../floor/build.mjs', import.meta.url)), program]);
  writeFileSync(pool, '');
  truncateSync(pool, sizeBytes);
});
afterAll(() => rmSync(folder, { recursive: true }));

function floor(...argv: string[]): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  const child: ChildProcess = spawn(program, argv);
  const output = { stdout: '', stderr: '' };
  child.stdout!.on('data', (chunk) => (output.stdout += chunk));
  child.stderr!.on('data', (chunk) => (output.stderr += chunk));
  return new Promise((resolve) => child.on('close', (exitCode) => resolve({ exitCode, ...output })));
}

describe.each([
  ['call', ['serve'], ['call']],
  ['ping-pong', ['ping-pong', '--role', 'server'], ['ping-pong', '--role', 'caller']],
])('floor %s', (_, server, caller) => {
  test('measures every batch and serves every call, run after run in the same place', async () => {
    for (let run = 0; run < 2; run++) {
      const [served, called] = await Promise.all([
        floor(...server, ...place),
        floor(...caller, ...place, '--batches', '30', '--calls-per-batch', '20'),
      ]);
      expect(called).toMatchObject({ exitCode: 0, stderr: '' });
      expect(served).toMatchObject({ exitCode: 0, stderr: '' });
      const result = JSON.parse(called.stdout) as { latency: LatencyCounts; calls: number };
      expect(result.calls).toBe(600);
      expect(result.latency).toMatchObject({ unit: 'ns', callsPerSample: 20 });
      expect(result.latency.counts.reduce((sum, [, count]) => sum + count, 0)).toBe(30);
      expect(result.latency.counts.every(([value]) => value > 0 && Number(value.toPrecision(3)) === value)).toBe(true);
      // The warm-up is served as well.
      expect(JSON.parse(served.stdout)).toEqual({ served: 800 });
    }
  });

  test.each([
    ['without its caller', server],
    ['without its server', [...caller, '--batches', '1']],
  ])('ends by its deadline %s', async (_situation, argv) => {
    const result = await floor(...argv, ...place, '--deadline-ms', '100');
    expect(result.exitCode).toBe(3);
    expect(result.stderr).toMatch(/^error: floor: no (caller|server) within 100 ms/);
  });
});

test.each([
  [[]],
  [['serve']],
  [['dance', ...place]],
  [['call', ...place]],
  [['call', ...place, '--batches', '0']],
  [['call', ...place, '--batches', '-1']],
  [['call', ...place, '--batches', '1', '--payload-bytes', '1025']],
  [['serve', '--path', pool, '--size', String(sizeBytes), '--offset', String(sizeBytes - 64)]],
  [['serve', '--path', pool, '--size', String(sizeBytes), '--offset', '3']],
  [['ping-pong', ...place]],
  [['serve', ...place, '--deadline-ms']],
])('floor %j is a usage error', async (argv) => {
  expect(await floor(...argv)).toMatchObject({ exitCode: 2, stdout: '' });
});

test('floor does not map more than the file has', async () => {
  const larger = ['--path', pool, '--size', String(2 * sizeBytes), '--offset', String(sizeBytes)];
  expect(await floor('serve', ...larger)).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('fewer than --size') });
});

describe('the floor believes no entry', () => {
  const at = 2 * 1024 * 1024 + 64;
  const [wantedAt, acceptedAt, requestRingAt, requestsAt] = [at, at + 64, at + 192, at + 448];
  const arenaBytes = 19456;

  /** Of call 0: phase 1, sequence 0. */
  const entryOf = (offset: number, lengthBytes: number, sequence = 0): bigint =>
    (0x8000n << 48n) | (BigInt(sequence) << 48n) | (BigInt(lengthBytes) << 32n) | BigInt(offset);
  const arena = requestsAt - at;

  test.each([
    ['outside the pool', entryOf(2 ** 32 - 64, 8)],
    ['before the first payload', entryOf(arena, 8)],
    ['behind the last line', entryOf(arena + arenaBytes, 1)],
    ['across the end', entryOf(arena + arenaBytes - 64, 65)],
    ['longer than agreed', entryOf(arena + 64, 1025)],
    ['of another turn', entryOf(arena + 64, 8, 16)],
  ])('%s', async (_where, entry) => {
    const file = openSync(pool, 'r+');
    try {
      const word = new BigUint64Array(1);
      const read = (offset: number): bigint => {
        readSync(file, word, 0, 8, offset);
        return word[0]!;
      };
      const write = (offset: number, value: bigint): void => {
        word[0] = value;
        writeSync(file, word, 0, 8, offset);
      };
      const before = read(wantedAt);
      const server = floor('serve', ...place, '--deadline-ms', '20000');
      let hasEnded = false;
      void server.then(() => {
        hasEnded = true;
      });
      // It takes only a session whose number it saw change.
      for (let wanted = before + 1n; read(acceptedAt) <= before && !hasEnded; wanted++) {
        write(wantedAt, wanted);
        await setImmediate();
      }
      write(requestRingAt, entry);
      expect(await server).toMatchObject({ exitCode: 3, stderr: 'error: floor: request 0 is forged\n' });
    } finally {
      closeSync(file);
    }
  });
});
