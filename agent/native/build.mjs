/**
 * Compiles the addon: agent/dist/addon.node. Plain C, baseline x86-64, so that the same file runs on the host and in guests.
 *
 *     node agent/native/build.mjs
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('addon.c', import.meta.url));
const distFolder = fileURLToPath(new URL('../dist/', import.meta.url));

export async function build() {
  mkdirSync(distFolder, { recursive: true });
  const output = `${distFolder}addon.node`;
  const headers = createRequire(import.meta.url)('node-api-headers').include_dir;
  const partial = `${output}.${process.pid}`;
  execFileSync(
    process.env.CC ?? 'gcc',
    [
      '-std=gnu11',
      '-O2',
      '-g0',
      '-Wall',
      '-Wextra',
      '-Werror',
      '-fPIC',
      '-shared',
      '-march=x86-64',
      '-pthread',
      '-I',
      headers,
      '-o',
      partial,
      source,
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  // Under its final name only when complete: processes that run keep the file they loaded.
  renameSync(partial, output);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build();
