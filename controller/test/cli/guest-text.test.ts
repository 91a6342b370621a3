/** What a guest wrote reaches a terminal as text: never as what moves its cursor, retitles it, or hides lines. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { makeContext } from '../../src/cli/context.ts';
import { printLogs } from '../../src/cli/machine-commands.ts';
import { environmentError } from '../../src/errors/cxlpod-error.ts';
import { showLines } from '../../src/steps/show-lines.ts';

const hostile = 'before\u001b[2J\u001b]0;owned\u0007after\r\u202e';
const shown = 'before\\u001b[2J\\u001b]0;owned\\u0007after\\u000d\\u202e';

afterEach(() => vi.restoreAllMocks());

function standardError(): () => string {
  const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  return () => write.mock.calls.map(([text]) => String(text)).join('');
}

describe('guest text', () => {
  test('in logs', async () => {
    const out: string[] = [];
    const context = { ...makeContext(() => true), out: (text: string) => void out.push(text) };
    const machine = { name: 'vm1', readLog: async () => Buffer.from(`${hostile}\n\tindented\n`) };

    await printLogs([{ machine, log: 'console', offset: 0 }], false, context);

    expect(out).toEqual([`vm1 console: ${shown}`, 'vm1 console: \tindented']);
  });

  test('in the cause of an error', async () => {
    const said = standardError();

    await makeContext(() => false).action(async () => {
      throw environmentError('GUEST_PANIC', 'it panicked', { cause: new Error(hostile) });
    })();

    expect(said()).toBe(`error: it panicked\n  because: ${shown}\n`);
  });

  test('in the stack of an error that nobody expected', async () => {
    const said = standardError();
    const error = new Error('oops');
    error.stack = `Error: oops\n    at ${hostile}`;

    await makeContext(() => false).action(async () => {
      throw error;
    })();

    expect(said()).toContain(`    at ${shown}\n`);
  });

  test('in the lines that show progress', () => {
    const lines: string[] = [];
    const observer = showLines((line) => lines.push(line));

    observer.noted({ name: 'boot', deadlineMs: 1, run: async () => {} }, null, hostile);
    observer.failed({ name: 'boot', deadlineMs: 1, run: async () => {} }, null, new Error(hostile));

    expect(lines.map((line) => line.replace(/^.*boot: /, ''))).toEqual([shown, shown]);
  });
});
