import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { consoleTail, watchConsole } from '../../src/provider/qemu/watch-console.ts';

let folder: string;
let path: string;
let operator: AbortController;
let states: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'console-'));
  path = join(folder, 'console.log');
  operator = new AbortController();
  states = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

const watch = (silenceMs = 60_000) =>
  watchConsole({ machine: 'vm1', path, silenceMs, signal: operator.signal, onState: (state) => states.push(state) });

describe('a console', () => {
  test('that comes to say ready ends the wait, also when it says so in two pieces', async () => {
    const watching = watch();
    appendFileSync(path, 'some firmware\r\ncxlpod: rea');
    while (states.length === 0) await new Promise((resolve) => setImmediate(resolve));
    appendFileSync(path, 'dy\r\n');

    expect(await watching).toBe('ready');
  });

  test('that only quotes the word is not ready', async () => {
    appendFileSync(path, 'echo cxlpod: ready\ncxlpod: ready?\n');

    expect(await watch(50)).toBe('silent');
  });

  test('of a kernel that panics is told at once', async () => {
    const trace = Array.from({ length: 100 }, (_, index) => `function_${index}`).join('\n');
    appendFileSync(path, `cxlpod: some line\n[    1.0] Kernel panic - not syncing: no init found\n${trace}\n`);

    await expect(watch()).rejects.toMatchObject({
      code: 'GUEST_PANIC',
      message: 'the kernel of vm1 panicked',
      cause: expect.objectContaining({
        message: expect.stringMatching(/^\[ {4}1\.0\] Kernel panic - not syncing: no init found\nfunction_0\n/),
      }),
    });
  });

  test('of a guest without the device says which step failed and why', async () => {
    appendFileSync(path, 'cxlpod: failed region: cannot write 1 to commit: No such device or address\r\n');

    await expect(watch()).rejects.toMatchObject({
      code: 'GUEST_FAILED',
      message: 'vm1 did not get past region',
      cause: new Error('cannot write 1 to commit: No such device or address'),
    });
  });

  test('that says nothing is silent, also when it does not exist', async () => {
    expect(await watch(30)).toBe('silent');
  });

  test('is left alone when the operator interrupts', async () => {
    const watching = watch();
    operator.abort();

    await expect(watching).rejects.toThrow('aborted');
  });

  test('is quoted without what moves cursors', () => {
    expect(consoleTail('\x1bc\x1b[?7l\x1b[2JSeaBIOS\r\n\r\n\x1b[31mred\x1b[0m\r\n')).toBe('SeaBIOS\nred');
  });
});
