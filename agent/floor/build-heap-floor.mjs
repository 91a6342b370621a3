/**
 * Compiles the floor of the heap into a folder, agent/dist if none is given: heap-floor, with the C library's malloc, and
 * heap-floor-mimalloc. Where mimalloc is not installed, the second is not made, and the line that is printed says so.
 *
 *     node agent/floor/build-heap-floor.mjs [FOLDER]
 *
 * prints {"heapFloor": path, "mimalloc": path | null, "skipped"?: why, "try"?: what}.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile } from './build.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const source = join(here, 'heap-floor.c');
/** A compiler that knows malloc may leave a pair of malloc and free out. */
const flags = ['-fno-builtin'];

export function buildHeapFloor(folder = join(here, '..', 'dist')) {
  mkdirSync(folder, { recursive: true });
  const heapFloor = join(folder, 'heap-floor');
  const linked = compile(source, heapFloor, ['-static', ...flags]);
  if (linked.status !== 0) {
    const dynamic = compile(source, heapFloor, flags);
    if (dynamic.status !== 0) throw new Error(`agent/floor/heap-floor.c does not compile\n${dynamic.stderr}`);
  }
  const mimalloc = join(folder, 'heap-floor-mimalloc');
  const withMimalloc = compile(source, mimalloc, [...flags, '-DWITH_MIMALLOC'], ['-lmimalloc']);
  if (withMimalloc.status === 0) return { heapFloor, mimalloc };
  rmSync(mimalloc, { force: true });
  // Either the header or the library is not found; anything else is our own mistake.
  if (!/mimalloc\.h: No such file|cannot find -lmimalloc/.test(withMimalloc.stderr)) {
    throw new Error(`agent/floor/heap-floor.c does not compile with mimalloc\n${withMimalloc.stderr}`);
  }
  return { heapFloor, mimalloc: null, skipped: 'mimalloc is not installed', try: 'apt install libmimalloc-dev' };
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  process.stdout.write(`${JSON.stringify(buildHeapFloor(process.argv[2]))}\n`);
