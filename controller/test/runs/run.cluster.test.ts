/** The demo's two scenarios on real machines that share one CXL memory. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunRecord } from '../../src/runs/run-record.ts';
import type { ChromeTrace } from '../../src/traces/chrome-trace.ts';
import { callsResultOf, comparisonOf } from '../../src/workload/result-of.ts';
import { Bench } from '../cluster/cxlpod.ts';

let bench: Bench;
beforeAll(() => {
  bench = new Bench();
});
afterAll(async () => bench.clear());

test('two machines call each other, a server dies between two steps of a call, and both runs are valid', async () => {
  const pod = bench.newPod();
  await bench.mustRun(['up', 'two', '--name', pod]);

  const ended = await bench.mustRun(['run', '--name', pod, '--json', 'ping', 'server-dies-after-execute']);

  const [ping, crash] = JSON.parse(ended.stdout) as [RunRecord, RunRecord];
  for (const run of [ping, crash]) {
    expect(run.verdict).toBe('valid');
    expect(run.environment).toMatchObject({ provider: 'qemu', accelerator: expect.stringMatching(/^(tcg|kvm)$/) });
    expect(run.missing).toEqual([]);
    expect(run.clocks.find(({ clock }) => clock === 'vm2')).toMatchObject({ by: 'pool' });
    const folder = join(bench.folder, '.runs', run.run);
    for (const file of ['console.log', 'agent.log', 'qemu.cmd'])
      expect(existsSync(join(folder, 'machines', 'vm1', file))).toBe(true);
    expect(drawnOn(JSON.parse(readFileSync(join(folder, 'trace.json'), 'utf8')) as ChromeTrace)).toEqual(
      expect.arrayContaining(['controller', 'vm1', 'vm2']),
    );
  }

  const measured = comparisonOf(ping.workload)!.entries.map(({ tag, samples }) => ({ tag, measured: samples > 0 }));
  const tags = ['floor', 'rpc-core', 'rpc-javascript', 'word-ping-pong', 'tcp', 'floor-again'];
  expect(measured).toEqual(tags.map((tag) => ({ tag, measured: true })));
  expect(ping.checks.find(({ name }) => name === 'forgeries-refused')).toMatchObject({ verdict: 'valid' });

  const calls = callsResultOf(crash)!;
  expect(calls.answered).toBe(calls.wanted);
  expect(calls.failures.filter(({ code }) => code === 'OUTCOME_UNKNOWN')).toHaveLength(1);
  expect(crash.exits.find(({ asked }) => !asked)).toMatchObject({ worker: 'server', machine: 'vm1', signal: 'SIGKILL' });

  await bench.mustRun(['down', '--name', pod]);
  expect(bench.leftovers(pod)).toEqual([]);
});

function drawnOn({ traceEvents }: ChromeTrace): string[] {
  const names = new Map(
    traceEvents.flatMap((event) => (event.name === 'process_name' ? [[event.pid, String(event.args.name)] as const] : [])),
  );
  return [...new Set(traceEvents.flatMap((event) => (event.ph === 'X' ? [names.get(event.pid) ?? ''] : [])))];
}
