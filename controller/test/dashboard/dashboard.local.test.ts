/** `cxlpod dashboard` of a pod on which a worker is killed: what it answers to whom, what it shows, and how it ends. */
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { PodSnapshot } from '../../src/dashboard/watch-pod.ts';
import { Bench, type Running } from '../cluster/cxlpod.ts';
import { readExposition } from '../metrics/read-exposition.ts';
import { isChromiumMissing, launchBrowser, openPage, tellIfMissing } from '../report/in-browser.ts';

tellIfMissing('the dashboard in a browser');

const withinMs = { timeout: 90_000, interval: 300 };

describe('the dashboard of a pod', () => {
  let bench: Bench;
  let pod: string;
  let dashboard: Running;
  let url: string;
  beforeAll(async () => {
    bench = new Bench();
    pod = bench.newPod();
    await bench.mustRun(['up', 'local', '--name', pod]);
    dashboard = bench.start(['dashboard', '--name', pod]);
    url = String((await once(dashboard.process.stdout!, 'data'))[0]).trim();
  });
  afterAll(async () => {
    dashboard?.process.kill('SIGKILL');
    await bench.clear();
  });

  const state = async (): Promise<PodSnapshot> => (await (await fetch(`${url}state.json`)).json()) as PodSnapshot;

  test('is on the loopback alone, and answers who reads and means this host', async () => {
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    const answer = await fetch(url);
    expect(answer.status).toBe(200);
    const policy = answer.headers.get('content-security-policy');
    expect(policy).toContain("default-src 'none'; script-src 'self';");
    expect(policy).not.toContain('unsafe');
    expect(await statusOf(url, { host: 'rebound.invalid' })).toBe(421);
    expect(await statusOf(url, { host: `localhost:${new URL(url).port}` })).toBe(200);
    expect(await statusOf(url, {}, 'POST')).toBe(405);
    expect(await statusOf(`${url}../../etc/passwd`, {})).toBe(404);
  });

  test('shows a run with its fault, and tells of the worker that dies', async () => {
    const path = join(bench.folder, 'dies.yaml');
    writeFileSync(
      path,
      'name: dies\ntopology: local\nworkload: { name: calls, calls: 3000 }\nfaults: [{ killWorker: { on: vm1, atOperations: 200 } }]\nchecks: [at-most-once]\n',
    );
    expect((await state()).run).toBeNull();
    const summary = join(bench.folder, 'step-summary');
    const run = bench.start(['run', path, '--name', pod], { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: summary });

    const during = await vi.waitFor(async () => {
      const now = await state();
      expect(now.events.map(({ machine, text }) => `${machine} ${text}`)).toContainEqual(
        expect.stringMatching(/^vm1 worker server ended: SIGKILL; fenced as client \d+\.\d+$/),
      );
      return now;
    }, withinMs);
    expect(during.run).toMatchObject({ scenario: 'dies', faults: [{ kind: 'killWorker' }] });
    expect(during.machines).toMatchObject([
      { machine: 'vm1', isAlive: true },
      { machine: 'vm2', isAlive: true },
    ]);
    const { exitCode, stdout } = await run.ended;
    expect(exitCode).toBe(0);
    expect(readFileSync(summary, 'utf8')).toMatch(/^# VALID: dies\n/);
    const report = readFileSync(join(stdout.trim(), 'report.html'), 'utf8');
    for (const drawn of [
      'data-panel="latency"',
      'data-panel="progress"',
      'class="span harm dead"',
      '<span class="flag">1</span>',
    ]) {
      expect(report).toContain(drawn);
    }

    const after = await state();
    expect(after.run).toMatchObject({
      phase: 'over',
      verdict: 'valid',
      faults: [{ seen: { sentence: expect.stringContaining('SIGKILL') } }],
    });
    expect(after.run!.operations).toBeGreaterThanOrEqual(200);
    expect(after.reading!.history!.ends).toBeGreaterThanOrEqual(3000);
    const metrics = readExposition(await (await fetch(`${url}metrics`)).text());
    const [sample] = metrics.get('cxlpod_operations_total')!.samples;
    expect(sample!.value).toBe(after.reading!.history!.ends);
    const printed = await bench.mustRun(['stats', '--name', pod, '--format', 'prometheus']);
    expect(readExposition(printed.stdout).get('cxlpod_operations_total')!.samples).toEqual([sample]);
  });

  test.skipIf(isChromiumMissing)('looks whole in a browser, whose scripts bring what is new', async () => {
    const browser = await launchBrowser();
    try {
      const { page, complaints, asked, shoot } = await openPage(browser);
      await page.goto(url);
      await page.waitForSelector('[data-machine="vm2"]');
      const first = await page.locator('.hero p').textContent();
      await vi.waitFor(async () => expect(await page.locator('.hero p').textContent()).not.toBe(first), withinMs);
      await shoot('dashboard');

      expect(complaints).toEqual([]);
      expect(asked.filter((each) => !each.startsWith(url) && !each.startsWith('data:'))).toEqual([]);
      expect(await page.locator('#phase').textContent()).toBe('up');
      expect(await page.locator('#struck .state').textContent()).toBe('healed');
    } finally {
      await browser.close();
    }
  });

  test('goes on when its pod is gone, and ends with 130 when it is interrupted', async () => {
    await bench.mustRun(['down', '--name', pod]);
    await vi.waitFor(async () => expect((await state()).state).toBeNull(), withinMs);
    expect(await (await fetch(url)).text()).toContain('There is no pod of this name now.');

    dashboard.process.kill('SIGINT');
    expect((await dashboard.ended).exitCode).toBe(130);
    await expect(fetch(url)).rejects.toThrow();
    expect(existsSync(bench.podFolder(pod))).toBe(false);
    expect(bench.leftovers(pod)).toEqual([]);
  });
});

test('a dashboard of no pod is a usage error', async () => {
  const bench = new Bench();
  const { exitCode, stderr } = await bench.run(['dashboard', '--name', 'nobody']);
  expect(exitCode).toBe(2);
  expect(stderr).toContain('there is no pod nobody');
  await bench.clear();
});

/** As `fetch` may not name its host. */
function statusOf(url: string, headers: Readonly<Record<string, string>>, method = 'GET'): Promise<number | undefined> {
  const { hostname, port, pathname } = new URL(url);
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, path: pathname, method, headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    asked.on('error', reject).end();
  });
}
