/** The pages in a real browser: they are whole, they ask for nothing, they complain of nothing. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { generateRun } from '../../src/bench/generated-run.ts';
import { type CampaignEntry, campaignOf } from '../../src/campaign/campaign-record.ts';
import { writeCampaign } from '../../src/campaign/write-campaign.ts';
import { writeReport } from '../../src/report/write-report.ts';
import { RunFolder } from '../../src/runs/run-folder.ts';
import { crashEvidence, pingEvidence } from '../checks/evidence-of-a-good-run.ts';
import { findCutOff, findOverlaps, isChromiumMissing, launchBrowser, openPage, tellIfMissing } from './in-browser.ts';
import { hostile, writeRun } from './run-for-report.ts';

tellIfMissing('the report and the index of a campaign in a browser');

describe.skipIf(isChromiumMissing)('in a browser', () => {
  let browser: Browser;
  let runs: string;
  beforeAll(async () => {
    runs = mkdtempSync(join(tmpdir(), 'cxlpod-pages-'));
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(runs, { recursive: true, force: true });
  });

  const open = async (path: string, options: Parameters<typeof openPage>[1] = {}) => {
    const watched = await openPage(browser, options);
    const url = pathToFileURL(path).href;
    await watched.page.goto(url);
    return { ...watched, others: () => watched.asked.filter((each) => each !== url && !each.startsWith('data:')) };
  };

  test.each([
    ['ping', () => writeRun(pingEvidence()), 'light'],
    ['crash', () => writeRun(crashEvidence()), 'dark'],
  ] as const)(
    'the report of a hostile %s run is drawn whole, asks for nothing and runs nothing',
    async (name, make, colorScheme) => {
      const { page, complaints, others, shoot } = await open(writeReport(make().folder), { width: 1280, colorScheme });
      await shoot(`report-${name}-${colorScheme}`);

      expect(complaints).toEqual([]);
      expect(others()).toEqual([]);
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
    },
  );

  test('the report of a crash shows faults, who was dead or stood still, what the clients felt, and who was recovered; also without scripts', async () => {
    const folder = RunFolder.create(runs, 'generated', new Date());
    generateRun(folder, 50_000);
    const { page, complaints, others, shoot } = await open(writeReport(folder), { javaScriptEnabled: false });
    await shoot('report-generated');

    expect(complaints).toEqual([]);
    expect(others()).toEqual([]);
    const whole = page.locator('#timeline-whole');
    expect(await page.locator('#faults tbody tr').count()).toBe(2);
    expect(await page.locator('#faults .flag').allTextContents()).toEqual(['1', '2']);
    expect(await whole.locator('.mark.fault').count()).toBe(2);
    expect(await whole.locator('.span.harm.dead').count()).toBe(1);
    expect(await whole.locator('.span.harm.frozen').count()).toBe(1);
    expect(await whole.locator('.span.stall').count()).toBeGreaterThan(0);
    for (const panel of ['latency', 'progress']) {
      const box = await whole.locator(`[data-panel="${panel}"]`).boundingBox();
      expect(box!.height, panel).toBeGreaterThan(60);
    }
    expect(await whole.locator('[data-panel="latency"] .p50').first().getAttribute('d')).toMatch(/^M.*L/);
    expect(await page.locator('#recoveries .state.recovered').count()).toBe(3);
    expect(await page.locator('#again .commands').first().textContent()).toContain('cd .runs/');
    await page.close();

    const again = await open(folder.join('report.html'));
    expect(await again.page.evaluate(findCutOff)).toEqual([]);
    expect(await again.page.evaluate(findOverlaps)).toEqual([]);
    await again.page.close();
  });

  test('a mark in the matrix of a campaign leads to the report of its run', async () => {
    const folder = RunFolder.create(runs, 'campaign', new Date());
    const { folder: run } = writeRun(crashEvidence());
    writeReport(run);
    const entry = (scenario: string, seed: number, outcome: CampaignEntry['outcome'], kind: string): CampaignEntry => ({
      ...{ scenario, seed, outcome, verdict: outcome, expected: 'valid', tookMs: 900 + seed },
      run: `../${'../'.repeat(folder.path.split('/').length - 2)}${run.path.slice(1)}`,
      because: outcome === 'valid' ? null : `Two answers for one call. ${hostile}`,
      faults: [{ kind, sentence: `${kind} of vm1`, fired: outcome !== 'unknown' }],
    });
    const entries = [
      ...Array.from({ length: 20 }, (_, seed) => entry('calls-under-random-faults', seed, 'valid', 'killWorker')),
      entry('calls-under-random-faults', 21, 'invalid', 'killWorker'),
      entry('power-off', 1, 'unknown', 'powerOff'),
      entry('power-off', 2, 'valid', 'powerOff'),
    ];
    const index = writeCampaign(folder, campaignOf('crash', new Date(), 60_000, entries));
    const { page, complaints, others, shoot } = await open(index);
    await shoot('campaign');

    expect(complaints).toEqual([]);
    expect(others()).toEqual([]);
    expect(await page.locator('#matrix tbody tr').count()).toBe(2);
    const cell = page.locator('[data-scenario="calls-under-random-faults"][data-fault="killWorker"]');
    expect(await cell.locator('a.mark').count()).toBe(8);
    expect(await cell.locator('a.mark').first().textContent()).toBe('✗');
    expect(await cell.textContent()).toContain('and 13 more');
    await cell.locator('a.mark').first().click();
    await page.waitForSelector('#verdict');
    expect(await page.locator('h1').textContent()).toBe('dies');
    await page.close();
  });
});
