/** Pages in Debian's headless Chromium, with what they complained of and what they asked for. Screenshots stay in .build/screenshots. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { projectRoot } from '../../src/config/project-root.ts';

const executablePath = '/usr/bin/chromium';
const screenshots = join(projectRoot(), '.build', 'screenshots');
const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run'];

export const isChromiumMissing = !existsSync(executablePath);

/** Nobody shall believe that a browser looked when none did. */
export function tellIfMissing(what: string): void {
  if (isChromiumMissing)
    console.warn(`SKIPPED, NOT TESTED: ${what}, since there is no ${executablePath} (Debian's package chromium)`);
}

export function launchBrowser(): Promise<Browser> {
  mkdirSync(screenshots, { recursive: true });
  // A small /dev/shm is full of pools.
  return chromium.launch({ executablePath, args: [...flags, '--disable-dev-shm-usage'], timeout: 90_000 });
}

export interface WatchedPage {
  readonly page: Page;
  readonly complaints: readonly string[];
  /** Addresses of all requests. */
  readonly asked: readonly string[];
  shoot(name: string): Promise<void>;
}

export async function openPage(
  browser: Browser,
  options: { readonly width?: number; readonly colorScheme?: 'light' | 'dark'; readonly javaScriptEnabled?: boolean } = {},
): Promise<WatchedPage> {
  const { width = 1400, colorScheme = 'light', javaScriptEnabled = true } = options;
  const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme, javaScriptEnabled });
  const complaints: string[] = [];
  const asked: string[] = [];
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => asked.push(request.url()));
  page.setDefaultTimeout(90_000);
  const shoot = async (name: string): Promise<void> => {
    await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
  };
  return { page, complaints, asked, shoot };
}

/** Texts of drawings that begin or end outside of their drawing. Hostile labels may be of any length; ours must fit. */
export const findCutOff = `[...document.querySelectorAll('svg.wide')].flatMap((svg) => {
  const frame = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text')]
    .filter((text) => !text.textContent.includes('<'))
    .filter((text) => {
      const box = text.getBoundingClientRect();
      return box.left < frame.left - 1 || box.right > frame.right + 1;
    })
    .map((text) => text.textContent);
})`;

/** Flags, names of rows and marks of axes that lie on another of the same drawing. */
export const findOverlaps = `[...document.querySelectorAll('svg.wide')].flatMap((svg) => {
  const texts = [...svg.querySelectorAll('.mark.fault text, .lane, .machine, .tick')].map((text) => ({ text: text.textContent, box: text.getBoundingClientRect() }));
  return texts.flatMap((one, index) => texts.slice(index + 1)
    .filter(({ box }) => Math.min(one.box.right, box.right) - Math.max(one.box.left, box.left) > 3 && Math.min(one.box.bottom, box.bottom) - Math.max(one.box.top, box.top) > 5)
    .map((other) => one.text + ' on ' + other.text));
})`;
