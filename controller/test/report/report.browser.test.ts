/** The report in a real browser: it is whole, it asks for nothing, it complains of nothing. Screenshots stay in .runs/test. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { projectRoot } from '../../src/config/project-root.ts';
import { writeReport } from '../../src/report/write-report.ts';
import { crashEvidence, pingEvidence } from '../checks/evidence-of-a-good-run.ts';
import { writeRun } from './run-for-report.ts';

const executablePath = '/usr/bin/chromium';
const screenshots = join(projectRoot(), '.runs', 'test');
const isMissing = !existsSync(executablePath);

if (isMissing && process.env.CI === undefined) {
  console.warn(`skipped: there is no ${executablePath}; on Debian it is the package chromium`);
}

describe.skipIf(isMissing && process.env.CI === undefined)('the report in a browser', () => {
  let browser: Browser;
  beforeAll(async () => {
    mkdirSync(screenshots, { recursive: true });
    const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run'];
    browser = await chromium.launch({ executablePath, args: flags });
  });
  afterAll(() => browser?.close());

  test.each([
    ['ping', () => writeRun(pingEvidence()), 'light'],
    ['crash', () => writeRun(crashEvidence()), 'light'],
    ['crash', () => writeRun(crashEvidence()), 'dark'],
  ] as const)('of a %s run is drawn whole (%#)', async (name, make, colorScheme) => {
    const report = writeReport(make().folder);
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme });
    const complaints: string[] = [];
    const asked: string[] = [];
    page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => asked.push(request.url()));

    await page.goto(`file://${report}`);
    await page.screenshot({ path: join(screenshots, `report-${name}-${colorScheme}.png`), fullPage: true });

    expect(complaints).toEqual([]);
    expect(asked.filter((url) => url !== `file://${report}` && !url.startsWith('data:'))).toEqual([]);
    expect(await page.evaluate('window.broken')).toBeUndefined();
    for (const first of ['#verdict', '#warning', '#figures', '#facts .card']) {
      const box = await page.locator(first).first().boundingBox();
      expect(box, first).not.toBeNull();
      expect(box!.y + Math.min(box!.height, 40), `${first} is on the first screen`).toBeLessThan(800);
    }
    expect(await page.locator('#timeline-whole .span rect').count()).toBeGreaterThan(3);
    expect(await page.locator('[data-ridge] path').count()).toBe(3);
    expect(await page.locator('#checks li').count()).toBeGreaterThan(1);
    if (name === 'ping') expect(await page.locator('[data-system] circle').count()).toBe(3);
    if (name === 'crash') expect(await page.locator('#timeline-closeup .mark.fault').count()).toBe(1);
    expect(await page.evaluate(findCutOff)).toEqual([]);
    await page.close();
  });
});

/** Texts of drawings that begin or end outside of their drawing. Hostile labels may be of any length; ours must fit. */
const findCutOff = `[...document.querySelectorAll('svg.wide')].flatMap((svg) => {
  const frame = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text')]
    .filter((text) => !text.textContent.includes('<'))
    .filter((text) => {
      const box = text.getBoundingClientRect();
      return box.left < frame.left - 1 || box.right > frame.right + 1;
    })
    .map((text) => text.textContent);
})`;
