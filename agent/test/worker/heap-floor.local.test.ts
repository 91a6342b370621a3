/** The floor of the heap does what it is compared for, prints what the bench reads, and refuses what it cannot do. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { constants } from '../../src/layout/index.ts';

const builder = fileURLToPath(new URL('../../floor/build-heap-floor.mjs', import.meta.url));
let folder: string;
let built: { readonly heapFloor: string; readonly mimalloc: string | null; readonly skipped?: string };

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cxlpod-heap-floor-'));
  built = JSON.parse(spawnSync(process.execPath, [builder, folder], { encoding: 'utf8' }).stdout);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const few = ['--rounds', '3', '--pairs', '1000'];

function run(program: string, ...argv: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(program, argv, { encoding: 'utf8' });
  return { status, stderr, printed: status === 0 ? JSON.parse(stdout) : undefined };
}

test('attaches and detaches, in a mapping of its own and in a pool, and leaves every count as it was', () => {
  const pool = join(folder, 'pool.raw');
  writeFileSync(pool, '');
  truncateSync(pool, 4 * 1024 * 1024);
  const inPool = ['--path', pool, '--size', '4194304', '--offset', `${constants.CONTROL_BYTES}`];
  for (const argv of [[], ['--objects', '100'], inPool]) {
    const { status, printed } = run(built.heapFloor, 'attach-detach', ...few, ...argv);

    expect(status).toBe(0);
    expect(printed).toMatchObject({ what: 'attach-detach', objects: argv.includes('100') ? 100 : 1, pairs: 1000 });
    expectRounds(printed);
  }
});

test('allocates and frees with the C library and, where it is installed, with mimalloc', () => {
  const programs = [
    ['libc', built.heapFloor],
    ...(built.mimalloc === null ? [] : [['mimalloc', built.mimalloc] as const]),
  ] as const;
  for (const [allocator, program] of programs) {
    for (const window of [0, 10]) {
      const { printed } = run(program, 'malloc-free', ...few, '--window', `${window}`);
      expect(printed).toMatchObject({ what: 'malloc-free', allocator, bytes: 64, window, pairs: 1000 });
      expectRounds(printed);
    }
  }
  if (built.mimalloc === null) expect(built.skipped).toBe('mimalloc is not installed');
});

function expectRounds(printed: { readonly nsPerPair: readonly number[]; readonly medianNs: number }): void {
  expect(printed.nsPerPair).toHaveLength(3);
  for (const ns of printed.nsPerPair) expect(ns).toBeGreaterThan(0);
  expect(printed.medianNs).toBe([...printed.nsPerPair].sort((a, b) => a - b)[1]);
}

describe('without mimalloc', () => {
  test.each([
    ['its header', 'heap-floor.c:31:10: fatal error: mimalloc.h: No such file or directory'],
    ['its library', '/usr/bin/ld: cannot find -lmimalloc: No such file or directory'],
  ])('%s missing, the build says so and how to get it', (_, complaint) => {
    const { status, stdout } = buildWithCompiler(complaint);

    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ mimalloc: null, skipped: 'mimalloc is not installed', try: 'apt install libmimalloc-dev' },
    });
  });

  test('a mistake of ours is not called a missing mimalloc', () => {
    const { status, stderr } = buildWithCompiler("error: unknown type name 'mistake'");

    expect(status).not.toBe(0);
    expect(stderr).toContain("unknown type name 'mistake'");
  });
});

/** The real compiler for all but mimalloc, of which it complains. */
function buildWithCompiler(complaint: string) {
  const compiler = join(folder, 'compiler');
  writeFileSync(
    compiler,
    `#!/bin/sh\ncase "$*" in *lmimalloc*) cat >&2 <<'END'\n${complaint}\nEND\nexit 1;; esac\nexec gcc "$@"\n`,
  );
  chmodSync(compiler, 0o755);
  const environment = { ...process.env, CC: compiler };
  return spawnSync(process.execPath, [builder, join(folder, 'without')], { encoding: 'utf8', env: environment });
}

test.each([
  [[], 'usage: heap-floor'],
  [['dance'], 'dance is not known'],
  [['attach-detach', '--rounds', '0'], '--rounds must be from 1'],
  [['attach-detach', '--rounds'], '--rounds needs a value'],
  [['attach-detach', '--path', '/dev/null'], '--path and --size belong together'],
  [['attach-detach', '--path', '/dev/null', '--size', '4194304', '--offset', '4194240'], '--offset leaves fewer than'],
  [['malloc-free', '--bytes', '64k'], '--bytes must be from 8'],
])('refuses %j', (argv, message) => {
  const { status, stderr } = run(built.heapFloor, ...argv);

  expect(status).toBe(2);
  expect(stderr).toContain(message);
});
