import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { campaignCommand } from '../../src/campaign/campaign-command.ts';
import { type CampaignEntry, type CampaignRecord, campaignOf } from '../../src/campaign/campaign-record.ts';
import type { CommandContext } from '../../src/cli/command.ts';
import { Random } from '../../src/runs/random.ts';
import { RunFolder } from '../../src/runs/run-folder.ts';

let runs: string;
beforeAll(() => {
  runs = mkdtempSync(join(tmpdir(), 'cxlpod-campaign-'));
});
afterAll(() => rmSync(runs, { recursive: true }));

test('a campaign without time for all of its scenarios says how many it did not reach, everywhere, and is not the newest run', async () => {
  const [said, told]: [string[], string[]] = [[], []];
  const context: CommandContext = {
    signal: new AbortController().signal,
    out: (text) => told.push(text),
    say: (text) => said.push(text),
    quiet: () => true,
    action:
      (run) =>
      async (...given) =>
        void (await run(...given)),
  };
  const run = RunFolder.create(runs, 'ping', new Date());
  const options = { runs, seeds: 0, firstSeed: 1, jobs: 1, stopOnFailure: false, keepAll: false, json: false };

  await campaignCommand(['power-off-local', 'kill-agent-local'], options, context);

  const sentence = /2 of 2 scenarios were not reached in 0 s/;
  const folder = dirname(told[0]!);
  expect(said.join('\n')).toMatch(sentence);
  expect(said.join('\n')).not.toContain('median');
  expect(readFileSync(join(folder, 'index.html'), 'utf8')).toMatch(sentence);
  expect(readFileSync(join(folder, 'summary.md'), 'utf8')).toMatch(sentence);
  const record = JSON.parse(readFileSync(join(folder, 'campaign.json'), 'utf8')) as CampaignRecord;
  expect(record).toMatchObject({ notReached: ['kill-agent-local', 'power-off-local'], medianRunMs: null });
  expect(existsSync(join(runs, 'latest'))).toBe(true);
  expect(RunFolder.open(runs, undefined).path).toBe(run.path);
});

test('the median is of runs that came to an end, and only scenarios without a run were not reached', () => {
  const entry = (scenario: string, run: string | null, tookMs: number): CampaignEntry => ({
    ...{ scenario, run, tookMs, seed: 1, verdict: 'unknown', expected: 'valid', outcome: 'unknown', because: null, faults: [] },
  });
  const entries = [entry('ended', 'runs/ended', 900), entry('failed', null, 0), entry('failed', null, 0)];

  const record = campaignOf('all', new Date(), 1, entries, ['ended', 'failed', 'waits']);

  expect(record).toMatchObject({ medianRunMs: 900, notReached: ['waits'] });
});

test('the order is another with another seed, the same with the same, and loses nothing', () => {
  const values = Array.from({ length: 100 }, (_, index) => index);
  const orders = [1, 1, 2].map((seed) => new Random(seed).shuffled(values));

  expect(orders[0]).toEqual(orders[1]);
  expect(orders[0]).not.toEqual(orders[2]);
  for (const order of orders) {
    expect(order).not.toEqual(values);
    expect(order.toSorted((a, b) => a - b)).toEqual(values);
  }
});
