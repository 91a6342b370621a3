/** Compiles the C floor to agent/dist/floor: static, so that it runs in any guest. `node agent/floor/build.mjs [OUTPUT]`. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

export function build(output = join(here, '..', 'dist', 'floor')) {
  mkdirSync(dirname(output), { recursive: true });
  const source = join(here, 'floor.c');
  const linked = compile(source, output, ['-static']);
  if (linked.status === 0) return output;
  const dynamic = compile(source, output);
  if (dynamic.status !== 0) {
    rmSync(output, { force: true });
    throw new Error(`agent/floor does not compile\n${dynamic.stderr}`);
  }
  process.stderr.write(
    `warning: no static C library here, so the floor is linked dynamically and runs only in guests with this host's libc\n` +
      `  because: ${linked.stderr.trim().split('\n').at(-1)}\n  try: apt-get install libc6-dev\n`,
  );
  return output;
}

/** What the compiler said of a program of one file; status 0 when it is there. */
export function compile(source, output, flags = [], libraries = []) {
  const compiler = process.env.CC ?? 'gcc';
  const argv = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', ...flags, '-o', output, source, ...libraries];
  const result = spawnSync(compiler, argv, { encoding: 'utf8' });
  if (result.error === undefined) return result;
  throw new Error(`agent/floor needs a C compiler, and ${compiler} cannot be started: ${result.error.message}`, {
    cause: result.error,
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) build(process.argv[2]);
