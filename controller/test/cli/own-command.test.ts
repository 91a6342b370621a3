import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ownCommand } from '../../src/cli/own-command.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cxlpod-own-command-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function program(...parts: string[]): string {
  const bin = join(folder, ...parts);
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, 'cxlpod'), '', { mode: 0o755 });
  return bin;
}

test('is npx where a folder above has it installed, whatever the path of the search has', () => {
  const path = program('bin');
  program('node_modules', '.bin');
  expect(ownCommand(join(folder, 'mine', 'deeper'), path)).toBe('npx cxlpod');
});

test('is its name where that is found, though not by what npx adds to the path', () => {
  expect(ownCommand(folder, `/nowhere:${program('bin')}`)).toBe('cxlpod');
  expect(ownCommand(folder, program('other', 'node_modules', '.bin'))).toMatch(/^node /);
});

test('is the whole path of what runs otherwise', () => {
  const file = resolve(process.argv[1]!);
  expect(ownCommand(folder, '')).toBe(`node ${/^[\w./@-]+$/.test(file) ? file : `'${file}'`}`);
});
