/** Mapping, formatting and checking of real files; refusals by name. */
import { closeSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { inspectPoolFile } from '../../src/inspect/index.ts';
import { layout } from '../../src/layout/index.ts';
import { native } from '../../src/pool/native.ts';
import { checkPool, formatPool, instantiateCore, mapPool, PoolError } from '../../src/pool/pool.ts';
import { poolFiles, poolSizeBytes } from './pool-files.ts';

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof PoolError) return error.code;
    throw error;
  }
  return 'nothing was refused';
}

function overwrite(path: string, offset: number, bytes: readonly number[]): void {
  const file = openSync(path, 'r+');
  writeSync(file, new Uint8Array(bytes), 0, bytes.length, offset);
  closeSync(file);
}

describe('a pool on a tmpfs', () => {
  test('is formatted once, checked after that, and its file holds the bytes', () => {
    using files = poolFiles();
    const core = instantiateCore(mapPool(files), { thread: 0 });
    expect(codeOf(() => checkPool(core))).toBe('POOL_NOT_FORMATTED');

    expect(formatPool(core, { machineNumber: 1 })).toBe(true);
    expect(formatPool(core, { machineNumber: 1 })).toBe(false);

    const { superblock, problems } = inspectPoolFile(files.poolPath);
    expect(problems).toEqual([]);
    expect(superblock).toMatchObject({
      state: 'formatted',
      sizeBytes: poolSizeBytes,
      formatterMachine: 1,
      formatterPid: process.pid,
    });
  });

  test('is the same memory in every mapping of it', () => {
    using files = poolFiles();
    const [left, right] = [mapPool(files), mapPool(files)].map((mapped) => instantiateCore(mapped, { thread: 0 }));

    left!.pool[poolSizeBytes - 1] = 42;

    expect(right!.pool[poolSizeBytes - 1]).toBe(42);
    expect(readFileSync(files.poolPath)[poolSizeBytes - 1]).toBe(42);
  });

  test('lies on a 2 MiB boundary of the address space, as a device needs it', () => {
    using files = poolFiles();
    const { memory, poolBase } = mapPool(files);
    expect((native().misalignment(new Uint8Array(memory.buffer)) + poolBase) % (2 * 1024 * 1024)).toBe(0);
  });
});

describe('refused by name', () => {
  test('a file that is not there', () => {
    using files = poolFiles();
    expect(codeOf(() => mapPool({ ...files, poolPath: `${files.poolPath}.gone` }))).toBe('POOL_NOT_FOUND');
  });

  test('a file that is shorter than asked for, pool or history', () => {
    using files = poolFiles();
    truncateSync(files.historyPath, 4096);
    expect(codeOf(() => mapPool(files))).toBe('POOL_TRUNCATED');
    truncateSync(files.poolPath, poolSizeBytes - 1);
    expect(codeOf(() => mapPool(files))).toBe('POOL_TRUNCATED');
  });

  test('sizes that cannot be mapped', () => {
    using files = poolFiles();
    expect(codeOf(() => mapPool({ ...files, poolSizeBytes: 2 ** 32 }))).toBe('POOL_TOO_LARGE');
    expect(codeOf(() => mapPool({ ...files, poolSizeBytes: poolSizeBytes - 4096 }))).toBe('POOL_UNALIGNED');
    expect(codeOf(() => mapPool({ ...files, historySizeBytes: 100 }))).toBe('POOL_UNALIGNED');
  });

  test('a folder, and a character device that is no device-dax', () => {
    using files = poolFiles();
    expect(codeOf(() => mapPool({ ...files, poolPath: '/dev/shm' }))).toBe('MAP_FAILED');
    expect(codeOf(() => mapPool({ ...files, poolPath: '/dev/zero' }))).not.toBe('nothing was refused');
  });

  test('bytes that are no pool, formatted or not, without writing to them', () => {
    using files = poolFiles();
    overwrite(files.poolPath, layout.Superblock.magic.offset, [1, 2, 3]);
    const before = readFileSync(files.poolPath);
    const core = instantiateCore(mapPool(files), { thread: 0 });

    expect(codeOf(() => formatPool(core, { machineNumber: 1 }))).toBe('POOL_WRONG_MAGIC');
    expect(codeOf(() => checkPool(core))).toBe('POOL_WRONG_MAGIC');
    expect(readFileSync(files.poolPath).equals(before)).toBe(true);
  });

  test.each([
    ['POOL_WRONG_MAGIC', layout.Superblock.magic.offset],
    ['POOL_WRONG_LAYOUT', layout.Superblock.layoutVersion.offset],
    ['POOL_WRONG_SIZE', layout.Superblock.sizeBytes.offset],
  ])('a formatted pool with %s', (code, offset) => {
    using files = poolFiles();
    const core = instantiateCore(mapPool(files), { thread: 0 });
    formatPool(core, { machineNumber: 1 });
    overwrite(files.poolPath, offset, [0xff]);

    expect(codeOf(() => checkPool(core))).toBe(code);
    expect(codeOf(() => formatPool(core, { machineNumber: 1 }))).toBe(code);
    expect(inspectPoolFile(files.poolPath).problems).toHaveLength(1);
  });

  test('a history that is not the one of this pool', () => {
    using files = poolFiles();
    const core = instantiateCore(mapPool(files), { thread: 0 });
    formatPool(core, { machineNumber: 1 });
    overwrite(files.historyPath, layout.HistoryHeader.magic.offset, [0]);
    expect(codeOf(() => checkPool(core))).toBe('HISTORY_WRONG_MAGIC');
  });

  test('a pool that another machine began to format, unless that one is known to be dead', () => {
    using files = poolFiles();
    const core = instantiateCore(mapPool(files), { thread: 0 });
    // Machine 2, process 77, in state FORMATTING.
    overwrite(files.poolPath, layout.Superblock.state.offset, [1, 2, 0, 0, 77, 0, 0, 0]);

    expect(codeOf(() => formatPool(core, { machineNumber: 1 }))).toBe('FORMAT_IN_PROGRESS');
    expect(codeOf(() => checkPool(core))).toBe('FORMAT_IN_PROGRESS');
    expect(formatPool(core, { machineNumber: 1, deadFormatter: { machineNumber: 2, pid: 77 } })).toBe(true);
    expect(inspectPoolFile(files.poolPath).problems).toEqual([]);
  });

  test('a crash point that does not exist', () => {
    using files = poolFiles();
    const mapped = mapPool(files);
    expect(codeOf(() => instantiateCore(mapped, { thread: 0, crash: { point: 'no/such/point', hit: 1 } }))).toBe(
      'UNKNOWN_CRASH_POINT',
    );
  });
});
