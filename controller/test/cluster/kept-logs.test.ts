import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { hintToKeptLogs } from '../../src/cluster/kept-logs.ts';
import { type CxlpodError, environmentError } from '../../src/errors/cxlpod-error.ts';

let kept: string;
beforeEach(() => {
  kept = join(mkdtempSync(join(tmpdir(), 'cxlpod-kept-')), 'machines');
  mkdirSync(join(kept, 'vm1'), { recursive: true });
});
afterEach(() => rmSync(join(kept, '..'), { recursive: true }));

const hintOf = (hint: string, folder: string | null = kept) => {
  const cause = new Error('why');
  const told = hintToKeptLogs(environmentError('CODE', 'what', { cause, hint }), folder) as CxlpodError;
  expect(told).toMatchObject({ code: 'CODE', message: 'what', cause, exitCode: 3 });
  return told.hint;
};

test.each([
  'read .runs/latest/machines/vm1/console.log',
  'read /home/me/.local/state/cxlpod/mine/machines/vm1/console.log',
  'cxlpod logs vm1',
  'cxlpod logs vm1 --name mine',
])('after an up that failed, "%s" leads to what was kept', (hint) => {
  writeFileSync(join(kept, 'vm1', 'console.log'), 'said');
  expect(hintOf(`${hint}; or this`)).toBe(`read ${kept}/vm1/console.log; or this`);
});

test('a log that nobody wrote is not named, but what else there is', () => {
  writeFileSync(join(kept, 'vm1', 'qemu.cmd'), 'qemu');
  expect(hintOf('read .runs/latest/machines/vm1/agent.log')).toBe(`vm1 wrote no agent.log; read ${kept}/vm1/qemu.cmd`);
  expect(hintOf('read .runs/latest/machines/vm2/agent.log')).toBe('up once more: what vm2 wrote could not be kept');
  expect(hintOf('read .runs/latest/machines/vm1/agent.log', null)).toBe('up once more: what vm1 wrote could not be kept');
});

test('other hints, and other errors, stay as they are', () => {
  expect(hintOf('make images')).toBe('make images');
  const error = new Error('other');
  expect(hintToKeptLogs(error, kept)).toBe(error);
});
