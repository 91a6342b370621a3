import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { runHostProgram } from '../../src/programs/run-host-program.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cxlpod-program-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a program of this host', () => {
  test('is told how it ended, with both outputs apart', async () => {
    const end = await runHostProgram(['sh', '-c', 'cat; echo oops >&2; exit 7'], { stdin: 'in\n' });
    expect(end).toEqual({ exitCode: 7, stdout: 'in\n', stderr: 'oops\n' });
  });

  test('that does not read its input ends all the same', async () => {
    expect(await runHostProgram(['true'], { stdin: 'x'.repeat(1024 * 1024) })).toMatchObject({ exitCode: 0 });
  });

  test('that a signal ended has no exit code', async () => {
    expect(await runHostProgram(['sh', '-c', 'kill -9 $$'])).toMatchObject({ exitCode: null });
  });

  test('that is not there is told by name', async () => {
    await expect(runHostProgram(['/no/such/program'])).rejects.toMatchObject({ code: 'EXEC_FAILED' });
  });

  test('that takes too long is killed with its children', async () => {
    const pidFile = join(folder, 'pid');
    const script = `sleep 1000 & echo $! >${pidFile}; wait`;
    await expect(runHostProgram(['sh', '-c', script], { timeoutMs: 500 })).rejects.toMatchObject({ code: 'EXEC_TIMEOUT' });
    const pid = readFileSync(pidFile, 'utf8').trim();
    await vi.waitUntil(() => isOver(pid), { timeout: 10_000 });
  });

  test('that writes without end is stopped', async () => {
    await expect(runHostProgram(['yes'], { timeoutMs: 60_000 })).rejects.toMatchObject({ code: 'EXEC_OUTPUT' });
  });
});

/** Gone, or a zombie that its new parent has not reaped yet. */
function isOver(pid: string): boolean {
  return !existsSync(`/proc/${pid}/stat`) || / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}
