/**
 * All tests of a run have one temporary folder for all of theirs: TMPDIR, and names on the tmpfs that begin like it. What is left in it at the
 * end is told by name and counts as a failed test; then it is removed.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

const tmpfs = '/dev/shm';
const begin = 'cxlpod-t-';
/** What Node keeps beside the tests, and the folders of vitest itself, which are called by 21 random letters. */
const notOfTests = /^(node-compile-cache|v8-compile-cache.*|[\w-]{21})$/;

/** Before the first test: whoever is started from now on has it as TMPDIR. */
export function makeTestFolder(): void {
  if (basename(tmpdir()).startsWith(begin)) return;
  process.env.TMPDIR = mkdtempSync(join(tmpdir(), begin));
  const folder = process.env.TMPDIR;
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
}

/** After the last test: the paths that nobody has removed. Those on the tmpfs are removed here. */
export function leftByTests(folder = tmpdir()): readonly string[] {
  if (!basename(folder).startsWith(begin)) return [];
  const inFolder = readdirSync(folder).filter((name) => !notOfTests.test(name));
  const inMemory = readdirSync(tmpfs).filter((name) => name.startsWith(basename(folder)));
  for (const name of inMemory) rmSync(join(tmpfs, name), { recursive: true, force: true });
  return [...inFolder.map((name) => join(folder, name)), ...inMemory.map((name) => join(tmpfs, name))];
}
