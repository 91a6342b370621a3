/** Reads a guest's console while it boots, until it says how that went. */
import { setTimeout as delay } from 'node:timers/promises';
import { environmentError } from '../../errors/cxlpod-error.ts';
import { readFileFrom } from '../read-file-from.ts';

export type BootOutcome = 'ready' | 'silent';

export interface ConsoleWatch {
  readonly machine: string;
  readonly path: string;
  readonly silenceMs: number;
  readonly signal: AbortSignal;
  onState(state: string): void;
}

const lookAgainAfterMs = 20;
const tailLines = 15;

/** Resolves when the guest is ready, or when nothing was heard for too long. Throws `GUEST_PANIC` and `GUEST_FAILED`. */
export async function watchConsole(watch: ConsoleWatch): Promise<BootOutcome> {
  const { path, machine, silenceMs, signal, onState } = watch;
  let text = '';
  let read = 0;
  let heardMs = performance.now();
  for (;;) {
    signal.throwIfAborted();
    const bytes = await readFileFrom(path, read);
    if (bytes.length > 0) {
      if (read === 0) onState('the kernel speaks');
      read += bytes.length;
      heardMs = performance.now();
      text += bytes.toString('utf8');
      if (judge(machine, text)) return 'ready';
    }
    if (performance.now() - heardMs > silenceMs) return 'silent';
    await delay(lookAgainAfterMs, undefined, { signal });
  }
}

/** The last lines of a console; of a kernel that panicked, those from the word on. */
export function consoleTail(text: string): string {
  const lines = readableLines(text);
  const panic = lines.findIndex((line) => panicked.test(line));
  return (panic >= 0 ? lines.slice(panic, panic + tailLines) : lines.slice(-tailLines)).join('\n');
}

export const panicked = /Kernel panic - not syncing/;

/** Without empty lines and the control characters of firmware and kernel. */
function readableLines(text: string): string[] {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is taken out
      .replaceAll(/\x1b\[[0-9;?]*[A-Za-z]|\x1bc|[\x00-\x09\x0b-\x1f\x7f]/g, '')
      .split('\n')
      .map((line) => line.trimEnd())
      .filter((line) => line !== '')
  );
}

/** Whether the guest has said that it is ready. Throws when it has said that it never will be. */
function judge(machine: string, text: string): boolean {
  const cause = new Error(consoleTail(text));
  if (panicked.test(text)) {
    throw environmentError('GUEST_PANIC', `the kernel of ${machine} panicked`, { cause, hint: readConsole(machine) });
  }
  const failed = /^cxlpod: failed ([^:]+): (.*?)\r?$/m.exec(text);
  if (failed !== null) {
    throw environmentError('GUEST_FAILED', `${machine} did not get past ${failed[1]}`, {
      cause: new Error(failed[2]),
      hint: readConsole(machine),
    });
  }
  return /^cxlpod: ready\r?$/m.test(text);
}

export function readConsole(machine: string): string {
  return `read .runs/latest/machines/${machine}/console.log`;
}
