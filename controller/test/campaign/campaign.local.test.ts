/** Campaigns, replays, second judgements and shrinking, by the command line, with real processes. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CampaignRecord } from '../../src/campaign/campaign-record.ts';
import type { RunRecord } from '../../src/runs/run-record.ts';
import { Bench, type Ended } from '../cluster/cxlpod.ts';

let bench: Bench;
beforeAll(() => {
  bench = new Bench();
});
afterAll(async () => bench.clear());

function scenario(name: string, text: string): string {
  const path = join(bench.folder, `${name}.yaml`);
  writeFileSync(path, `name: ${name}\ntopology: local\n${text}`);
  return path;
}

const record = (ended: Ended): RunRecord => (JSON.parse(ended.stdout) as RunRecord[])[0]!;
const podsLeft = (): string[] => readdirSync(join(bench.folder, 'state', 'cxlpod')).filter((name) => name.startsWith('local-'));

const random = `workload: { name: calls, calls: 500 }
random:
  faults: [{ killWorker: { on: vm1, at: { oneOf: [rpc/serve/after-take, rpc/serve/after-publish] }, hit: { from: 1, to: 200 } } }]
  count: [1, 2]
checks: [at-most-once, history-whole, pool-sound]
`;

test('a campaign runs every scenario with every seed, and takes a negative control that comes out valid for a failure', async () => {
  const dies = scenario('dies', random);
  const control = scenario('control', 'workload: { name: calls, calls: 50 }\nchecks: [history-whole]\nexpect: invalid\n');

  const ended = await bench.run(['campaign', dies, control, '--seeds', '2', '--first-seed', '4', '--jobs', '1']);

  const index = ended.stdout.trim();
  const folder = dirname(index);
  const campaign = JSON.parse(readFileSync(join(folder, 'campaign.json'), 'utf8')) as CampaignRecord;
  const told = campaign.entries.map((each) => `${each.scenario} ${each.seed} ${each.verdict} ${each.outcome}`);
  // In the order that the first seed draws.
  expect(told).toEqual(['control 4 valid invalid', 'dies 4 valid valid', 'control 5 valid invalid', 'dies 5 valid valid']);
  expect(ended.exitCode).toBe(1);
  expect(campaign).toMatchObject({ outcome: 'invalid', counts: { valid: 2, unknown: 0, invalid: 2 } });
  expect(campaign.matrix).toMatchObject([
    { scenario: 'control', fault: 'none', fired: 0, outcomes: { invalid: 2 } },
    { scenario: 'dies', fault: 'killWorker', outcomes: { valid: 2 } },
  ]);
  expect(readFileSync(index, 'utf8')).toMatch(/id="matrix"[\s\S]*killWorker[\s\S]*href="runs\/[^"]*-control\/report.html"/);
  expect(readFileSync(join(folder, 'junit.xml'), 'utf8')).toContain('tests="4" failures="2" errors="0"');
  // All that is needed to run a good one again, and the whole evidence of the others.
  const [bad, good] = campaign.entries.map(({ run }) => join(folder, run!));
  expect(existsSync(join(good!, 'history.ndjson'))).toBe(false);
  expect(existsSync(join(bad!, 'history.ndjson'))).toBe(true);
  expect(podsLeft()).toEqual([]);

  const first = JSON.parse(readFileSync(join(good!, 'run.json'), 'utf8')) as RunRecord;
  const again = record(await bench.mustRun(['replay', good!, '--up', '--name', bench.newPod(), '--json']));
  expect(again.scenario).toEqual(first.scenario);
  expect(again).toMatchObject({ seed: 4, verdict: 'valid' });
  expect(again.faults.map(({ sentence }) => sentence)).toEqual(first.faults.map(({ sentence }) => sentence));
});

/** Two pods come up for it, which takes long on a busy host. */
test.runIf(process.env.CXLPOD_DEEP === '1')('a pod that a machine has joined is not used for the next seed', async () => {
  const ended = await bench.run(['campaign', 'join-machine-local', '--seeds', '2', '--jobs', '1', '--json']);
  const { entries } = JSON.parse(ended.stdout) as CampaignRecord;
  expect(entries.map(({ verdict, because }) => [verdict, because])).toEqual([
    ['valid', null],
    ['valid', null],
  ]);
});

test('a run that failed is judged the same from its files, keeps its pool, and is shrunk to the fault that makes it fail', async () => {
  const fails = scenario(
    'calls-fail',
    `workload: { name: calls, calls: 20000, callDeadline: 60s, reconnectWithin: 60s }
faults:
  - pauseWorker: { on: vm2, worker: caller, atOperations: 20, healAfter: 50ms }
  - killWorker: { on: vm1, atOperations: 100 }
checks: [no-call-failed, history-whole, pool-sound]
`,
  );

  const ran = await bench.run(['run', fails, '--up', '--name', bench.newPod(), '--json']);
  const failed = record(ran);
  const folder = join(bench.folder, '.runs', failed.run);
  const checked = await bench.run(['check', folder, '--json']);
  // By the link that the first attempt moves.
  const shrunk = await bench.mustRun(['shrink', join(bench.folder, '.runs', 'latest'), '--json']);

  expect(failed).toMatchObject({ verdict: 'invalid', error: null });
  expect(failed.faults.map(({ seen, healedAt }) => [seen !== null, healedAt !== null])).toEqual([
    [true, true],
    [true, true],
  ]);
  expect(existsSync(join(folder, 'pool', 'pool.raw.gz'))).toBe(true);
  expect(checked.exitCode).toBe(ran.exitCode);
  expect(JSON.parse(checked.stdout)).toMatchObject({ verdict: 'invalid', before: 'invalid', checks: failed.checks });
  expect(JSON.parse(shrunk.stdout)).toMatchObject({ faults: [{ killWorker: { on: 'vm1', atOperations: 100 } }] });
  expect(podsLeft()).toEqual([]);
});
