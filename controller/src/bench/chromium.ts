/** A page's time to `load` in headless Chromium, over the pipe of its debugging protocol: no port, no library. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { environmentError } from '../errors/cxlpod-error.ts';

export const chromiumPath = '/usr/bin/chromium';

const flags = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
  ...['--disable-dev-shm-usage', '--hide-scrollbars', '--remote-debugging-pipe'],
];
const answerWithinMs = 60_000;
const endsWithinMs = 5_000;

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

/** From the start of the navigation to the end of `load`, ms; each time in a page of its own. Throws `NO_CHROMIUM`. */
export async function timeToLoad(url: string, times: number): Promise<readonly number[]> {
  if (!existsSync(chromiumPath)) {
    throw environmentError('NO_CHROMIUM', `there is no ${chromiumPath}`, { hint: 'on Debian: apt-get install chromium' });
  }
  const profile = mkdtempSync(join(tmpdir(), 'cxlpod-chromium-'));
  const child = spawn(chromiumPath, [...flags, `--user-data-dir=${profile}`], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'exit');
  const browser = new DebuggingPipe(child.stdio[3] as Writable, child.stdio[4] as Readable);
  try {
    const loads: number[] = [];
    for (let time = 0; time < times; time++) loads.push(await loadOnce(browser, url));
    return loads;
  } finally {
    await browser.ask('Browser.close').catch(() => {});
    const timer = setTimeout(() => child.kill('SIGKILL'), endsWithinMs);
    await ended;
    clearTimeout(timer);
    rmSync(profile, { recursive: true, force: true });
  }
}

async function loadOnce(browser: DebuggingPipe, url: string): Promise<number> {
  const { targetId } = await browser.ask('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await browser.ask('Target.attachToTarget', { targetId, flatten: true });
  const session = String(sessionId);
  await browser.ask('Page.enable', {}, session);
  const loaded = browser.event('Page.loadEventFired');
  await browser.ask('Page.navigate', { url }, session);
  await loaded;
  // `load` is over only after its event was told.
  const expression = `new Promise((resolve) => setTimeout(() => resolve(performance.getEntriesByType('navigation')[0].loadEventEnd)))`;
  const answer = await browser.ask('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true }, session);
  await browser.ask('Target.closeTarget', { targetId });
  return Number((answer.result as { readonly value: number }).value);
}

/** Messages as JSON, each ended by a zero byte. */
class DebuggingPipe {
  readonly #to: Writable;
  readonly #waiting = new Map<number, (message: Message) => void>();
  readonly #events = new Map<string, () => void>();
  #rest = '';
  #id = 0;

  constructor(to: Writable, from: Readable) {
    this.#to = to;
    to.on('error', () => {});
    from.setEncoding('utf8').on('data', (text: string) => this.#receive(text));
  }

  async ask(method: string, params: object = {}, sessionId?: string): Promise<Readonly<Record<string, unknown>>> {
    const id = ++this.#id;
    const answer = inTime(method, (resolve: (message: Message) => void) => this.#waiting.set(id, resolve));
    this.#to.write(`${JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) })}\0`);
    const { result, error } = await answer;
    if (error !== undefined)
      throw environmentError('CHROMIUM_REFUSED', `chromium refused ${method}`, { cause: new Error(error.message) });
    return result ?? {};
  }

  event(method: string): Promise<void> {
    return inTime(method, (resolve: () => void) => this.#events.set(method, resolve));
  }

  #receive(text: string): void {
    const parts = (this.#rest + text).split('\0');
    this.#rest = parts.pop() ?? '';
    for (const part of parts) {
      const message = JSON.parse(part) as Message;
      if (message.id !== undefined) this.#waiting.get(message.id)?.(message);
      else if (message.method !== undefined) this.#events.get(message.method)?.();
    }
  }
}

function inTime<T>(what: string, begin: (resolve: (value: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(environmentError('CHROMIUM_SILENT', `chromium did not answer ${what} within ${answerWithinMs / 1000} s`)),
      answerWithinMs,
    );
    begin((value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}
