import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { removePod } from '../../src/cluster/remove-pod.ts';
import { localProvider } from '../../src/provider/local/local-provider.ts';
import { markedEnvironment } from '../../src/provider/processes.ts';

const pod = `left-${process.pid}`;
let folder: string;
let stubborn: ChildProcess;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cxlpod-remove-'));
  vi.stubEnv('XDG_STATE_HOME', folder);
  stubborn = spawn('sleep', ['600'], { env: markedEnvironment(pod, 'vm9') });
  await once(stubborn, 'spawn');
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  stubborn.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

test('a process that is still there after all was removed is told, with what to do', async () => {
  vi.spyOn(localProvider, 'removeAll').mockResolvedValue(['1 process']);

  await expect(removePod(pod, 'no')).rejects.toMatchObject({
    code: 'LEFT_BEHIND',
    cause: new Error(`process ${stubborn.pid} of vm9`),
    hint: expect.stringContaining(`cxlpod down --name ${pod}`),
  });
});

test('and is no matter when it has ended', async () => {
  expect(await removePod(pod, 'no')).toEqual(['1 process']);
  expect(stubborn.signalCode ?? (await once(stubborn, 'exit'))[1]).toBe('SIGKILL');
});
