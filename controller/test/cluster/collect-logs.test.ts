import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { collectLogs } from '../../src/cluster/collect-logs.ts';
import { machineFolder, podPaths } from '../../src/cluster/pod-paths.ts';
import type { Machine } from '../../src/provider/provider.ts';

const before = process.env.XDG_STATE_HOME;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'collect-'));
  process.env.XDG_STATE_HOME = folder;
});
afterEach(() => {
  if (before === undefined) delete process.env.XDG_STATE_HOME;
  else process.env.XDG_STATE_HOME = before;
  rmSync(folder, { recursive: true });
});

test('a guest that is frozen keeps nobody waiting, and what is on this host is kept', async () => {
  const paths = podPaths('frozen');
  mkdirSync(machineFolder(paths, 'vm1'), { recursive: true });
  writeFileSync(join(machineFolder(paths, 'vm1'), 'qemu.cmd'), 'qemu');
  const frozen = {
    name: 'vm1',
    readLog: (log: string) => (log === 'agent' ? new Promise<Buffer>(() => {}) : Promise.resolve(Buffer.from(`${log}!`))),
  } as unknown as Machine;

  await collectLogs([frozen], paths, join(folder, 'logs'), 50);

  const read = (name: string): string => readFileSync(join(folder, 'logs', 'vm1', name), 'utf8');
  expect([read('qemu.cmd'), read('console.log'), read('qemu.log')]).toEqual(['qemu', 'console!', 'qemu!']);
  expect(existsSync(join(folder, 'logs', 'vm1', 'agent.log'))).toBe(false);
});
