/** The npm package as its users get it: packed, unpacked beside what it depends on, and a program begun with `init`. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pack } from '../../../infra/pack.mjs';
import type { RunRecord } from '../../src/runs/run-record.ts';
import { Bench } from '../cluster/cxlpod.ts';

const modules = fileURLToPath(new URL('../../../node_modules/', import.meta.url));
const bench = new Bench();
let program: string;
/** Packing compiles types; on busy cores that takes a while. */
const limitMs = 300_000;

beforeAll(() => {
  const tarball = pack(bench.folder);
  execFileSync('tar', ['-xzf', tarball, '-C', bench.folder]);
  const installed = join(bench.folder, 'node_modules');
  mkdirSync(installed);
  renameSync(join(bench.folder, 'package'), join(installed, 'cxlpod'));
  // What `npm install` would fetch; the project's own packages aside.
  for (const name of readdirSync(modules)) {
    if (name !== '@cxlpod' && !name.startsWith('.')) symlinkSync(join(modules, name), join(installed, name));
  }
  const manifest = JSON.parse(readFileSync(join(installed, 'cxlpod/package.json'), 'utf8')) as { bin: { cxlpod: string } };
  program = join(installed, 'cxlpod', manifest.bin.cxlpod);
}, limitMs);
afterAll(async () => {
  await bench.clear();
  rmSync(bench.folder, { recursive: true, force: true });
});

function cxlpod(...argv: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...argv], {
    cwd: bench.folder,
    encoding: 'utf8',
    env: { ...process.env, XDG_STATE_HOME: join(bench.folder, 'state') },
  });
  return { status, stdout, stderr };
}

test(
  'a program begun with init has types, runs as it is, and its verdict is valid',
  () => {
    expect(cxlpod('init', 'my-test')).toMatchObject({ status: 0, stdout: expect.stringContaining('workload.ts, scenario.yaml') });
    const folder = join(bench.folder, 'my-test');
    const types = [
      ...['--noEmit', '--strict', '--target', 'es2023', '--module', 'esnext', '--moduleResolution', 'bundler'],
      ...['--types', 'node', '--lib', 'es2024,esnext.disposable', '--skipLibCheck'],
    ];
    const checked = spawnSync(process.execPath, [join(modules, 'typescript/bin/tsc'), ...types, 'workload.ts'], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(checked.stdout).toBe('');

    const path = join(folder, 'scenario.yaml');
    writeFileSync(path, readFileSync(path, 'utf8').replace(/^topology: two/m, 'topology: local'));
    const { status, stdout, stderr } = cxlpod('run', '--up', '--json', path);

    expect({ status, stderr }).toMatchObject({ status: 0 });
    const [record] = JSON.parse(stdout) as [RunRecord];
    expect([record.scenario.name, record.verdict, record.faults[0]!.healedAt === null]).toEqual(['my-test', 'valid', false]);
  },
  limitMs,
);

test('init keeps what is there, and takes no name that a scenario cannot have', () => {
  mkdirSync(join(bench.folder, 'full'));
  writeFileSync(join(bench.folder, 'full', 'mine'), 'mine');

  expect(cxlpod('init', 'full')).toMatchObject({ status: 2, stderr: expect.stringContaining('is there already, and not empty') });
  expect(cxlpod('init', 'Not A Name')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('cannot be the name of a scenario'),
  });
  expect(readdirSync(join(bench.folder, 'full'))).toEqual(['mine']);
});
