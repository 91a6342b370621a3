/** The audit over real pools: a million objects, damage of every kind, and a pool that others work in meanwhile. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inspectPoolFile, type ProblemKind } from '../../src/inspect/index.ts';
import { codes, constants } from '../../src/layout/index.ts';
import {
  type Core,
  fenceProcess,
  formatPool,
  instantiateCore,
  introduceTo,
  joinPool,
  mapPool,
  recoverClient,
} from '../../src/pool/pool.ts';
import { type PoolFiles, poolFiles } from '../pool/pool-files.ts';
import { writeName } from './random-client.ts';
import { commands, Line, warm } from './soak-lines.ts';
import type { Part } from './soak-worker.ts';

const mebibyte = 1024 ** 2;

function heapIn(files: PoolFiles): Core {
  const core = instantiateCore(mapPool(files), { thread: 0 });
  formatPool(core, { machineNumber: 1 });
  joinPool(core, { machineNumber: 1 });
  expect(core.exports.shmOpen(0)).toBe(codes.OK);
  return core;
}

function alloc(core: Core, sizeBytes: number, references = 0): number {
  const root = core.exports.shmAlloc(sizeBytes, references) >>> 0;
  if (root < codes.CODE_LIMIT) throw new Error(`shmAlloc answered ${root}`);
  return root;
}

/** { owned, client 8, incarnation 3 }, who never was. */
const ownedByNobody = (3n << 32n) | (9n << 4n) | 1n;

/** Where the word of the last segment is, which nobody has claimed. */
function lastSegment(core: Core): number {
  const { segmentTableOffset, segmentCount, segmentEntryBytes } = inspectPoolFile(core.mapped.poolPath).heap!.shape;
  return segmentTableOffset + (segmentCount - 1) * segmentEntryBytes;
}

const words = (core: Core): BigUint64Array =>
  new BigUint64Array(core.pool.buffer, core.pool.byteOffset, core.pool.byteLength / 8);
const objectOf = (core: Core, root: number): number => (core.exports.shmPayload(root) >>> 0) - constants.OBJECT_HEADER_BYTES;

test('a heap of a million objects is recounted, from the pages that are in use', () => {
  using files = poolFiles({ poolSizeBytes: 256 * mebibyte });
  const core = heapIn(files);
  // A chain: every object but the last is held by the one before.
  let last = alloc(core, 16, 1);
  expect(core.exports.shmSetName(writeName(core, 'chain'), last)).toBe(codes.OK);
  for (let count = 1; count < 1_000_000; count++) {
    const next = alloc(core, 16, 1);
    core.exports.shmAttach(last, 0, next);
    core.exports.shmDrop(last);
    last = next;
  }
  const startMs = performance.now();
  const before = process.cpuUsage();
  const { heap, problems } = inspectPoolFile(files.poolPath);
  const { user, system } = process.cpuUsage(before);
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(2);
  console.log(`a million objects inspected in ${seconds} s, of them ${((user + system) / 1e6).toFixed(2)} s of processor time`);

  expect(problems).toEqual([]);
  expect(heap).toMatchObject({ objects: 1_000_000, corpses: 0, unreachable: 0 });
  expect(heap!.clients).toMatchObject([{ id: 0, roots: 1, transaction: null, hazards: [] }]);

  expect(core.exports.shmSetName(writeName(core, 'chain'), 0)).toBe(codes.OK);
  expect(core.exports.shmDrop(last)).toBe(codes.OK);
  expect(inspectPoolFile(files.poolPath)).toMatchObject({ heap: { objects: 0, corpses: 0 }, problems: [] });
});

describe('an audit finds', () => {
  const one = 1n << 40n;
  const change = (core: Core, offset: number, to: (word: bigint) => bigint): void => {
    words(core)[offset / 8] = to(words(core)[offset / 8]!);
  };
  const damages: readonly [what: string, kind: ProblemKind, damage: (core: Core, root: number, child: number) => void][] = [
    ['a count that is too high', 'over-counted', (core, root) => change(core, objectOf(core, root), (word) => word + one)],
    ['a count that is too low', 'under-counted', (core, _, child) => change(core, objectOf(core, child), (word) => word - one)],
    ['an object that nobody refers to', 'leak', (core, root) => change(core, root, () => 1n)],
    ['a reference into a free block', 'dangling-reference', (core, root) => change(core, objectOf(core, root), () => 0n)],
    ['a reference to where no block begins', 'dangling-reference', (core, root) => change(core, root, (word) => word + 16n)],
    ['more references than fit', 'structure', (core, root) => change(core, objectOf(core, root) + 8, () => 1_000n)],
    ['a corpse that names nobody', 'structure', (core, root) => change(core, objectOf(core, root), () => (1000n << 54n) | 5n)],
    ['a segment of somebody who is gone', 'leak', (core) => change(core, lastSegment(core), () => ownedByNobody)],
  ];

  test.each(damages)('%s', (_, kind, damage) => {
    using files = poolFiles();
    const core = heapIn(files);
    const root = alloc(core, 40, 2);
    const child = alloc(core, 24);
    core.exports.shmAttach(root, 1, child);
    expect(inspectPoolFile(files.poolPath).problems).toEqual([]);
    damage(core, root, child);

    // Exactly: nobody is at work, so nothing may be taken for an operation in flight.
    core.exports.grantFence(0, 1);
    const { findings, inUse } = inspectPoolFile(files.poolPath);

    expect(inUse).toBe(false);
    expect(findings.map((finding) => finding.kind)).toContain(kind);
  });

  test('cycles, which are no defect of the heap', () => {
    using files = poolFiles();
    const core = heapIn(files);
    const [left, right] = [alloc(core, 0, 1), alloc(core, 0, 1)];
    core.exports.shmAttach(left, 0, right);
    core.exports.shmAttach(right, 0, left);
    core.exports.shmDrop(left);
    core.exports.shmDrop(right);

    expect(inspectPoolFile(files.poolPath)).toMatchObject({ heap: { objects: 2, unreachable: 2 }, problems: [] });
  });

  test('the same after everybody is gone, and who would have to be recovered', () => {
    using files = poolFiles();
    const core = heapIn(files);
    alloc(core, 40);
    core.exports.suspectClient(0, 1);
    core.exports.grantFence(0, 1);

    expect(inspectPoolFile(files.poolPath)).toMatchObject({
      inUse: false,
      clients: [{ id: 0, state: 'joined', suspectedIncarnation: 1, fencedIncarnation: 1, recoverer: null }],
      heap: { objects: 1, clients: [{ id: 0, roots: 1 }] },
      findings: [{ kind: 'not-recovered', count: 1 }],
    });
  });
});

describe('a pool in use', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cxlpod-inspect-'));
  const program = join(folder, 'soak-worker.mjs');

  beforeAll(async () => {
    const dist = fileURLToPath(new URL('../../dist', import.meta.url));
    for (const name of ['core.wasm', 'addon.node']) copyFileSync(join(dist, name), join(folder, name));
    const entryPoints = [fileURLToPath(new URL('soak-worker.ts', import.meta.url))];
    await build({ entryPoints, outfile: program, bundle: true, platform: 'node', format: 'esm', target: 'node20.19' });
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('is read while others work in it, without a false problem; and what is wrong with it is still found', async () => {
    using files = poolFiles();
    const core = instantiateCore(mapPool(files), { thread: 0 });
    const heap = { clients: 64, pageBytes: 1024, segmentBytes: 32768, names: 16, queues: 32, queueCapacity: 8 } as const;
    formatPool(core, { machineNumber: 9, heap });
    introduceTo(core, { machineNumber: 9 });
    const { [Symbol.dispose]: _, ...plain } = files;
    const line = new Line(core, 0);
    const part: Part = { files: plain, parent: process.pid, line: 0, machineNumber: 1, clients: 2, looks: true, seed: 5 };
    const worker = spawn(process.execPath, [program, JSON.stringify(part)], { stdio: ['ignore', 'ignore', 'inherit'] });
    const exit = once(worker, 'exit');
    const until = async (holds: () => boolean): Promise<void> => {
      const limit = Date.now() + 60_000;
      while (!holds()) {
        if (Date.now() > limit || worker.exitCode !== null) throw new Error('the worker does not work');
        await delay(1);
      }
    };
    try {
      await until(() => line.get('state') === warm);
      line.command(commands.work);
      await until(() => line.get('operations') > 1_000);

      // Until readings fell between two steps often enough; otherwise nothing would be proved.
      let torn = 0;
      await until(() => {
        const inspection = inspectPoolFile(files.poolPath);
        expect(inspection).toMatchObject({ inUse: true, problems: [] });
        if (inspection.readings > 1) torn++;
        return torn >= 10;
      });

      const damaged = lastSegment(core) / 8;
      words(core)[damaged] = ownedByNobody;
      expect(inspectPoolFile(files.poolPath).findings).toMatchObject([{ kind: 'leak', count: 1 }]);
      words(core)[damaged] = 0n;
    } finally {
      worker.kill('SIGKILL');
      await exit;
    }
    for (const client of fenceProcess(core, { machineNumber: 1, pid: worker.pid! })) recoverClient(core, client);
    expect(inspectPoolFile(files.poolPath)).toMatchObject({ inUse: false, readings: 1, unsettled: 0, problems: [] });
  });
});
