import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { exitCodes } from '../../src/errors/cxlpod-error.ts';
import { makeFolder } from '../../src/runs/make-folder.ts';
import { RunFolder } from '../../src/runs/run-folder.ts';

test('a folder is made with those above it, and left as it is when it is there', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cxlpod-folder-'));
  try {
    const path = join(folder, 'a', 'b', 'c');
    makeFolder(path);
    writeFileSync(join(path, 'file'), '');
    makeFolder(path);
    expect([statSync(path).isDirectory(), statSync(join(path, 'file')).isFile()]).toEqual([true, true]);
    expect(() => makeFolder(join(path, 'file'))).toThrow(/EEXIST/);
    expect(() => makeFolder(join(path, 'file', 'below'))).toThrow(/ENOTDIR/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('where no folder can be made, as in /proc, that is said at once', () => {
  expect(() => makeFolder('/proc/cxlpod/runs')).toThrow(/ENOENT/);
  expect(() => RunFolder.requireWritable('/proc/cxlpod')).toThrow(
    expect.objectContaining({ code: 'RUN_FOLDER_UNWRITABLE', exitCode: exitCodes.environment }),
  );
});
