/** The paper's evaluation on provider local, by the command line, with small numbers: each scenario runs to a verdict and is drawn. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunRecord } from '../../src/runs/run-record.ts';
import { chartsOf, comparisonOf, latencyTableOf } from '../../src/workload/result-of.ts';
import { Bench } from '../cluster/cxlpod.ts';
import { expectDeclaredWorkers } from './declared-workers.ts';

let bench: Bench;
let pod: string;
beforeAll(async () => {
  bench = new Bench();
  pod = bench.newPod();
  await bench.mustRun(['up', 'local', '--name', pod]);
});
afterAll(async () => bench.clear());

async function run(name: string, parameters: string, checks: string): Promise<{ record: RunRecord; page: string }> {
  const path = join(bench.folder, `${name}.yaml`);
  const text = `name: small-${name}\ntopology: local\nworkload: { name: ${name}, ${parameters} }\nchecks: ${checks}\n`;
  writeFileSync(path, text);
  const ended = await bench.run(['run', '--name', pod, '--json', path]);
  const record = (JSON.parse(ended.stdout) as RunRecord[])[0]!;
  expectDeclaredWorkers(record);
  const report = join(bench.folder, '.runs', record.run, 'report.html');
  return { record, page: existsSync(report) ? readFileSync(report, 'utf8') : '' };
}

const doubts = ({ verdict, checks, error }: RunRecord) => ({
  verdict,
  error,
  doubts: checks.filter((check) => check.verdict !== 'valid').map(({ name, sentence }) => `${name}: ${sentence}`),
});
const holds = { verdict: 'valid', error: null, doubts: [] };

test('latency-table compares all that one host can have, gRPC and unix sockets too', async () => {
  const small = 'batches: 10, callsPerBatch: 10, socketCalls: 100';
  const { record, page } = await run('latency-table', small, '[every-round-measured, results-checked, pool-sound]');
  expect(doubts(record)).toEqual(holds);
  const { table } = latencyTableOf(record.workload)!;
  expect(table.rows.map(({ tag }) => tag)).toEqual([
    ...['floor', 'rpc-core', 'rpc-javascript', 'word-ping-pong', 'unix', 'tcp', 'grpc', 'floor-again'],
  ]);
  for (const { samples, avgNs, p50Ns, p95Ns, p999Ns } of table.rows) {
    expect(samples).toBeGreaterThanOrEqual(50);
    expect(avgNs).toBeGreaterThan(0);
    expect(p95Ns).toBeGreaterThanOrEqual(p50Ns);
    expect(p999Ns).toBeGreaterThanOrEqual(p95Ns);
  }
  expect(page).toContain('<section id="latency-table">');
});

test.each([
  ['window-sweep', 'rounds: 1, depths: [1, 4, 16], batches: 10, callsPerBatch: 100', ['window-throughput', 'window-ratio'], 3],
  ['size-sweep', 'rounds: 1, sizes: [64, 9664], batches: 5, callsPerBatch: 20', ['size-latency'], 2],
  ['connections', 'rounds: 1, counts: [1, 16], batches: 5, callsPerBatch: 50', ['connections-throughput'], 2],
  [
    'cpu-rate',
    'rounds: 1, rates: [500, 5000], seconds: 0.05, waiting: [adaptive, spin, sleep]',
    ['rate-cpu', 'rate-answered', 'rate-p50', 'rate-p99'],
    2,
  ],
  [
    'idle-gaps',
    'rounds: 1, gapsUs: [10, 5000], secondsPerGap: 0.02, waiting: [adaptive, spin, sleep]',
    ['gap-latency', 'gap-worst'],
    2,
  ],
])('%s runs to its verdict and is drawn', async (name, parameters, charts, points) => {
  const { record, page } = await run(name, parameters, '[results-checked, pool-sound]');
  expect(doubts(record)).toEqual(holds);
  expect(chartsOf(record.workload).map(({ id }) => id)).toEqual(charts);
  for (const { id, series } of chartsOf(record.workload)) {
    expect(page).toContain(`data-chart="${id}"`);
    for (const each of series.filter(({ published }) => published !== true)) {
      expect(each.points).toHaveLength(points);
      for (const { y } of each.points) expect(y).toBeGreaterThan(0);
    }
  }
});

test('sharing-modes measures each way to share, and says what that is worth here', async () => {
  const small = 'rounds: 5, batches: 10, callsPerBatch: 20';
  const { record, page } = await run('sharing-modes', small, '[every-round-measured, results-checked, pool-sound]');
  expect(doubts(record)).toEqual(holds);
  const tags = ['coherent', 'lines', 'non-temporal', 'fast', 'coherent-again'];
  expect(comparisonOf(record.workload)!.entries.map(({ tag }) => tag)).toEqual(tags);
  expect(page).toContain('these caches are coherent: a price, and nothing gained');
});

test('layouts compares the hardened layout with the faithful one, and that one with itself', async () => {
  const small = 'rounds: 5, batches: 10, callsPerBatch: 20';
  const { record, page } = await run('layouts', small, '[every-round-measured, results-checked, pool-sound]');
  expect(doubts(record)).toEqual(holds);
  expect(comparisonOf(record.workload)!.entries.map(({ tag }) => tag)).toEqual(['faithful', 'hardened', 'faithful-again']);
  expect(page).toContain('<h2>Compared with the faithful layout</h2>');
});
