/** Faults of whole machines on provider local, by the command line: each is seen to happen, and what it must not harm is whole. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunRecord } from '../../src/runs/run-record.ts';
import { Bench, type Ended } from '../cluster/cxlpod.ts';

let bench: Bench;
let pod: string;
beforeAll(async () => {
  bench = new Bench();
  pod = bench.newPod();
  await bench.mustRun(['up', 'local-later', '--name', pod]);
});
afterAll(async () => bench.clear());

const checks = 'linearizable, history-whole, results-checked, no-leak, no-dangling-reference, exact-counts, pool-sound';

/** Nobody can be silent after a recovery where nobody was recovered. */
const withDeaths = `fenced-stay-silent, ${checks}`;

function scenario(name: string, faults: readonly string[], { rounds = 1, named = checks } = {}): string {
  const path = join(bench.folder, `${name}.yaml`);
  const workload = `{ name: kv, records: 200, valueBytes: 1000, rounds: ${rounds}, operations: 3000, deletePercent: 10, history: true, keep: true }`;
  const lines = [
    `name: ${name}`,
    'topology: local',
    `workload: ${workload}`,
    'faults:',
    ...faults.map((fault) => `  - ${fault}`),
  ];
  writeFileSync(path, [...lines, `checks: [${named}]`, ''].join('\n'));
  return path;
}

const record = (ended: Ended): RunRecord => {
  if (ended.stdout === '') throw new Error(ended.stderr);
  return (JSON.parse(ended.stdout) as RunRecord[])[0]!;
};
const run = async (...named: Parameters<typeof scenario>): Promise<RunRecord> =>
  record(await bench.run(['run', '--name', pod, '--json', scenario(...named)]));

function expectValid(ran: RunRecord): void {
  expect(ran.error).toBeNull();
  expect(ran.checks.filter(({ verdict }) => verdict !== 'valid')).toEqual([]);
  expect(ran.faults.filter(({ error, healedAt }) => error !== null || healedAt === null)).toEqual([]);
}

test('a machine that ends under load is recovered and comes back, while another one stands still for a while and is slow', async () => {
  const faults = [
    'heavyLoad: { processes: 1 }',
    'freeze: { machine: vm1, atOperations: 200, healAfter: 300ms }',
    'slow: { machine: vm1, percent: 50, atOperations: 300, healAfter: 300ms }',
    'slow: { machine: vm2, worker: client-2, percent: 50, atOperations: 100, healAfter: 200ms }',
    'powerOff: { machine: vm2, atOperations: 500 }',
  ];
  const ran = await run('ends', faults, { named: withDeaths });

  expectValid(ran);
  expect(ran.exits.filter(({ withMachine }) => withMachine)).toMatchObject([
    { machine: 'vm2', worker: 'client-2', asked: false },
  ]);
});

test('all machines end at once, and those who come after them find the store and all that was put', async () => {
  const ran = await run('all-end', ['allPowerOff: { atOperations: 500 }'], { named: withDeaths });

  expectValid(ran);
  expect(new Set(ran.exits.filter(({ withMachine }) => withMachine).map(({ machine }) => machine))).toEqual(
    new Set(['vm1', 'vm2']),
  );
});

test('an agent is killed, and its worker ends what it is at before the next agent sends another one', async () => {
  const ran = await run('agent-ends', ['killAgent: { machine: vm2, atOperations: 500 }']);

  expectValid(ran);
});

test('a third machine joins while two are at work, and reads what they wrote', async () => {
  const ran = await run('joins', ['joinMachine: { machine: vm3, atOperations: 200 }'], { rounds: 2 });

  expectValid(ran);
  const { machines } = JSON.parse((await bench.mustRun(['status', '--name', pod, '--json'])).stdout) as {
    readonly machines: readonly { readonly machine: string; readonly alive: boolean }[];
  };
  expect(machines.map(({ machine, alive }) => [machine, alive])).toEqual([
    ['vm1', true],
    ['vm2', true],
    ['vm3', true],
  ]);
});

test.each([
  'cutLink: { machine: vm2 }',
  'loseDevice: { machine: vm2 }',
  'mediaError: { machine: vm2 }',
  'exhaustGuestMemory: { machine: vm2 }',
  'limitWorkerMemory: { on: vm2, worker: client-2 }',
])('%s is refused before anything runs', async (fault) => {
  const refused = await bench.run(['run', '--name', pod, scenario('refused', [fault])]);

  expect(refused.exitCode).toBe(2);
  expect(refused.stderr).toContain('whose machines are of provider local');
  expect(refused.stderr).toContain('try: a topology with provider: qemu');
});
