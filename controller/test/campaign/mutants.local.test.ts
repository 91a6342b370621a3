/** A mistake of the core is found in real processes, and what finds it is the mistake: without, the same scenario holds. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { builtInScenarios } from '../../src/config/load-scenario.ts';
import type { RunRecord } from '../../src/runs/run-record.ts';
import { Bench } from '../cluster/cxlpod.ts';

let bench: Bench;
beforeAll(() => {
  bench = new Bench();
});
afterAll(() => bench.clear());

const control = 'mutant-49-era-closed-too-early';

test('recovery that closes an era before it resolves it leaves what the audit finds', async () => {
  const ended = await bench.run(['run', control, '--up', '--name', bench.newPod(), '--json']);
  const [record] = JSON.parse(ended.stdout) as RunRecord[];
  expect(record!.checks.filter(({ name }) => name.startsWith('fault-fired')).map(({ verdict }) => verdict)).toEqual([
    'valid',
    'valid',
  ]);
  expect([record!.verdict, ended.exitCode]).toEqual(['invalid', 0]);
});

test('the same deaths without the mistake harm nobody', async () => {
  const right = join(bench.folder, 'right.yaml');
  const text = readFileSync(builtInScenarios().get(control)!, 'utf8');
  writeFileSync(right, text.replace(/^(core|expect): .*\n/gm, '').replace(control, 'right'));
  const ended = await bench.run(['run', right, '--up', '--name', bench.newPod(), '--json']);
  const [record] = JSON.parse(ended.stdout) as RunRecord[];
  expect(record!.checks.filter(({ verdict }) => verdict !== 'valid')).toEqual([]);
  expect([record!.error, record!.verdict]).toEqual([null, 'valid']);
  expect(record!.exits.filter(({ signal }) => signal === 'SIGKILL')).toHaveLength(2);
});
