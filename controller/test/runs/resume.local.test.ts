/** Runs whose controller is killed by SIGKILL: who goes on, what stays as it is, and what another controller makes of it. */
import { appendFileSync, readdirSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { PoolInspection } from '@cxlpod/agent/inspect';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { PodStatus } from '../../src/cluster/pod-status.ts';
import type { RunRecord } from '../../src/runs/run-record.ts';
import { heapResultOf } from '../../src/workload/result-of.ts';
import { Bench, type Ended } from '../cluster/cxlpod.ts';

let bench: Bench;
beforeAll(() => {
  bench = new Bench();
});
afterAll(async () => bench.clear());

const patiently = { timeout: 120_000, interval: 200 };
const checks =
  'linearizable, results-checked, fenced-stay-silent, history-whole, nothing-left-behind, no-leak, no-dangling-reference, exact-counts, pool-sound';

/** `lease`: longer than a busy host needs from the end of a machine to the end of the controller. */
function scenario(name: string, lease: string, faults: readonly string[]): string {
  const path = join(bench.folder, `${name}.yaml`);
  const kv = '{ name: kv, records: 300, valueBytes: 200, rounds: 1, operations: 8000, history: true, keep: true }';
  const text = `name: ${name}\ntopology: local\nworkload: ${kv}\nfaults: [${faults.map((fault) => `{ ${fault} }`).join(', ')}]\nrecovery: { lease: ${lease} }\nchecks: [${checks}]\n`;
  writeFileSync(path, text);
  return path;
}

const doubtsOf = ({ checks, error }: RunRecord) => ({
  error,
  doubts: checks.filter(({ verdict }) => verdict !== 'valid').map(({ name, sentence }) => `${name}: ${sentence}`),
});

/** What a run that nobody interrupted has: what its workload found, who died, and everybody at work again. */
function expectWhole(ran: RunRecord, pids: number): void {
  expect(doubtsOf(ran)).toEqual({ error: null, doubts: [] });
  expect(ran.verdict).toBe('valid');
  expect(heapResultOf(ran.workload)!.checked.count).toBeGreaterThan(0);
  // A worker may die before the history has anything of it.
  expect(ran.deaths).toEqual([expect.objectContaining({ machine: expect.toBeOneOf(['vm2', null]) })]);
  expect(ran.exits.filter(({ machine }) => machine === 'vm2').length).toBe(pids);
  expect(ran.faults.every(({ healedAt }) => healedAt !== null)).toBe(true);
}

function last(ended: Ended): RunRecord {
  if (ended.stdout === '') throw new Error(ended.stderr);
  return (JSON.parse(ended.stdout) as RunRecord[])[0]!;
}

test('a scenario that kills its controller is gone on with by the one that comes back', async () => {
  const path = scenario('kills', '2s', [
    'powerOff: { machine: vm2, atOperations: 500, healAfter: 6s }',
    'killController: { healAfter: 1s }',
  ]);
  const ran = last(await bench.run(['run', '--up', '--name', bench.newPod(), '--json', path]));

  expectWhole(ran, 2);
  expect(ran.faults.map(({ seen }) => seen?.sentence)).toEqual([
    expect.stringContaining('vm2 was seen to end'),
    expect.stringMatching(/^the controller, process \d+, was gone for \d/),
  ]);
  const summary = readFileSync(join(bench.folder, '.runs', 'latest', 'summary.md'), 'utf8');
  expect(summary).toContain(`| controller | gone for `);
});

test('a controller that dies with a machine half off, and the next one at the same place, leave a run that the third one ends', async () => {
  const pod = bench.newPod();
  await bench.mustRun(['up', 'local', '--name', pod]);
  const path = scenario('half', '2s', ['powerOff: { machine: vm2, atOperations: 500, healAfter: 3s }']);
  const hold = { CXLPOD_HOLD: 'vm2: power off' };
  const first = bench.start(['run', '--name', pod, path], hold);
  await first.said('vm2: power off: held');
  first.process.kill('SIGKILL');
  await first.ended;
  const folder = join(bench.folder, '.runs', 'latest');
  expect(JSON.parse(readFileSync(join(folder, 'begun.json'), 'utf8'))).toMatchObject({ strikes: ['striking'] });
  const second = bench.start(['run', '--resume', folder], hold);
  await second.said('vm2: power off: held');
  second.process.kill('SIGKILL');
  await second.ended;

  const ran = last(await bench.run(['run', '--resume', folder, '--json']));

  expectWhole(ran, 2);
  expect(ran.faults[0]!.seen!.sentence).toContain('vm2 was seen to end with 1 worker');
  expect(ran.controllerGone).toMatchObject({ pid: second.process.pid });
  expect(readdirSync(folder).filter((name) => /begun|journal/.test(name))).toEqual([]);
  expect((await bench.run(['status', '--name', pod])).exitCode).toBe(0);
});

test('a worker that a controller has killed without living to see it is the doing of that fault', async () => {
  const pod = bench.newPod();
  await bench.mustRun(['up', 'local', '--name', pod]);
  const path = scenario('kill', '2s', ['killWorker: { on: vm2, worker: client-2, atOperations: 500 }']);
  const first = bench.start(['run', '--name', pod, path], { CXLPOD_HOLD: 'kill client-2' });
  await first.said('held, as process');
  first.process.kill('SIGKILL');
  await first.ended;

  const ran = last(await bench.run(['run', '--resume', join('.runs', 'latest'), '--json']));

  expectWhole(ran, 2);
  expect(ran.faults[0]!.seen!.sentence).toBe('client-2 on vm2 died by SIGKILL');
});

test('a worker that was declared dead, and let go on, by controllers that are gone comes back and writes, and that is found', async () => {
  const pod = bench.newPod();
  await bench.mustRun(['up', 'local', '--name', pod]);
  const fence = '{ on: vm2, worker: client-2, at: shm/attach/after-redo, hit: 100, until: shm/attach/after-link }';
  const path = scenario('fence', '2s', [`softwareFence: ${fence}`]);
  const first = bench.start(['run', '--name', pod, path], { CXLPOD_HOLD: 'declare client-2 dead' });
  await first.said('held, as process');
  first.process.kill('SIGKILL');
  await first.ended;
  const second = bench.start(['run', '--resume', join('.runs', 'latest')], { CXLPOD_HOLD: 'let client-2 go on' });
  await second.said('held, as process');
  second.process.kill('SIGKILL');
  await second.ended;

  const ran = last(await bench.run(['run', '--resume', join('.runs', 'latest'), '--json']));

  const verdictOf = (name: string) => ran.checks.find((each) => each.name === name)!.verdict;
  expect(ran).toMatchObject({ verdict: 'invalid', error: null });
  expect(['fault-fired', 'only-planned-deaths', 'fenced-stay-silent'].map(verdictOf)).toEqual(['valid', 'valid', 'invalid']);
});

test('while nobody comes back, survivors end their work and what the dead held stays quarantined; --resume ends the run', async () => {
  const pod = bench.newPod();
  await bench.mustRun(['up', 'local', '--name', pod]);
  const path = scenario('lost', '8s', ['powerOff: { machine: vm2, atOperations: 500, healAfter: 3s }']);
  const running = bench.start(['run', '--name', pod, path]);
  await running.said('fault: vm2 was seen to end');
  running.process.kill('SIGKILL');
  expect((await running.ended).signal).toBe('SIGKILL');

  await vi.waitFor(async () => {
    const { stdout } = await bench.run(['status', '--name', pod, '--json']);
    const { machines } = JSON.parse(stdout) as PodStatus;
    expect(machines.find(({ machine }) => machine === 'vm1')!.agent!.workers.map(({ task }) => task)).toEqual([null]);
  }, patiently);
  const dead = await vi.waitFor(async () => {
    const { stdout } = await bench.run(['inspect', '--name', pod, '--json']);
    const of2 = (JSON.parse(stdout) as PoolInspection).clients.filter(({ machine, state }) => machine === 2 && state !== 'free');
    expect(of2).toHaveLength(1);
    expect(of2[0]!.suspectedIncarnation).toBe(of2[0]!.incarnation);
    return of2[0]!;
  }, patiently);
  // Suspected, and nobody has granted its fence.
  expect(dead.state).toBe('joined');
  expect(dead.fencedIncarnation).toBeLessThan(dead.incarnation);

  const ran = last(await bench.run(['run', '--resume', join('.runs', 'latest'), '--json']));
  expectWhole(ran, 2);
  expect(ran.recoveries).toEqual([expect.objectContaining({ id: dead.id, incarnation: dead.incarnation, state: 'recovered' })]);
  expect(ran.controllerGone).toMatchObject({ pid: running.process.pid });
  expect(ran.missing).toEqual([expect.stringContaining('until the controller was killed')]);

  const again = await bench.run(['run', '--resume', join('.runs', 'latest')]);
  expect(again).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('holds no run that is still to be ended') });
});

test('a run whose pod another run has used since is refused before anything is done, and its folder stays as it was', async () => {
  const pod = bench.newPod();
  await bench.mustRun(['up', 'local', '--name', pod]);
  const first = bench.start(['run', '--name', pod, scenario('overtaken', '2s', [])]);
  await first.said('run overtaken on');
  const folder = realpathSync(join(bench.folder, '.runs', 'latest'));
  await vi.waitFor(() => expect(readFileSync(join(folder, 'journal.jsonl'), 'utf8')).toContain('kv-load'), patiently);
  first.process.kill('SIGKILL');
  await first.ended;
  const second = await bench.run(['run', '--name', pod, scenario('overtakes', '2s', [])]);
  expect(second.stderr).toContain(`run ${basename(folder)} on this pod was never ended`);
  // As of a controller that was killed while it wrote: whoever goes on cuts it off.
  appendFileSync(join(folder, 'journal.jsonl'), '{"kind":"answer","ses');
  const kept = () =>
    readdirSync(folder).map((name) => [name, statSync(join(folder, name)).isFile() && readFileSync(join(folder, name), 'utf8')]);
  const before = kept();
  const overtaker = basename(realpathSync(join(bench.folder, '.runs', 'latest')));

  const refused = await bench.run(['run', '--resume', folder]);

  expect(refused).toMatchObject({ exitCode: 3, stdout: '' });
  expect(refused.stderr).toContain(
    `error: run ${basename(folder)} cannot be gone on with\n  because: run ${overtaker} used pod ${pod} since\n`,
  );
  expect(refused.stderr).toContain(`run scenario.yaml --name ${pod}`);
  expect(kept()).toEqual(before);

  await bench.mustRun(['reset', '--name', pod]);
  const afterReset = await bench.run(['run', '--resume', folder]);
  expect(afterReset).toMatchObject({ exitCode: 3, stderr: expect.stringContaining(`because: pod ${pod} was reset`) });
});
