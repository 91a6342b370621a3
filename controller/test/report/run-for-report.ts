/** Writes run folders as a real run would, of evidence that is made up and hostile. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { judge } from '../../src/checks/judge.ts';
import type { Environment } from '../../src/provider/provider.ts';
import type { Evidence } from '../../src/runs/evidence.ts';
import { RunFolder } from '../../src/runs/run-folder.ts';
import { type RunRecord, runRecordFormat } from '../../src/runs/run-record.ts';
import { worst } from '../../src/runs/verdict.ts';
import { alignClocks } from '../../src/traces/align-clocks.ts';
import { alignTimeline } from '../../src/traces/align-timeline.ts';
import { toChromeTrace } from '../../src/traces/chrome-trace.ts';
import { LatencyBook } from '../../src/traces/latency-book.ts';
import { Timeline } from '../../src/traces/timeline.ts';

/** What a guest may print: markup, a script, control characters, and one that turns text round. */
export const hostile =
  '<img src="http://example.invalid/x" onerror="alert(1)"></script><script>window.broken=1</script>\u0007\u001b[31m\u202e]]>&"\'|';

export const environment: Environment = {
  provider: 'qemu',
  accelerator: 'tcg',
  acceleratorReason: `a probe machine did not boot with KVM ${hostile}`,
  hostCores: 2,
  hostCpu: 'Test CPU',
  guestCpus: 1,
  versions: { controller: '0.1.0', node: '20', qemu: '11.1.3', kernel: '7.3.4', guestNode: '24', image: 'abc' },
};

export function timelineOf(machines: readonly string[]): Timeline {
  const timeline = new Timeline();
  const stamp = (clock: string, ms: number) => ({ clock, ns: ms * 1e6 });
  const lane = (machine: string, name: string) => ({ machine, name });
  const [one = 'vm1', two = 'vm2'] = machines;
  const add = (
    machine: string,
    name: string,
    kind: 'process' | 'calls' | 'stall' | 'phase',
    label: string,
    from: number,
    to: number,
  ) =>
    timeline.spans.push({
      lane: lane(machine, name),
      kind,
      name: label,
      start: stamp(one, from),
      end: stamp(one, to),
      detail: { said: hostile },
    });
  add('controller', 'run', 'phase', 'workload and faults', 0, 4000);
  add(one, 'server', 'process', 'pid 100', 0, 1500);
  add(one, 'server', 'process', 'pid 101', 1900, 4000);
  for (let batch = 0; batch < 50; batch++) add(two, 'caller: calls', 'calls', '100 calls', batch * 30, batch * 30 + 29);
  add(two, 'caller: calls', 'stall', `call 500: ${hostile}`, 1500, 1950);
  timeline.mark({ lane: lane(one, 'server'), kind: 'fault', name: 'SIGKILL at rpc/serve/after-execute', at: stamp(one, 1500) });
  timeline.mark({ lane: lane(one, 'server'), kind: 'event', name: `new server ${hostile}`, at: stamp(one, 1900) });
  return timeline;
}

const written: string[] = [];
// Of the file that imports this.
afterAll(() => {
  for (const runs of written) rmSync(runs, { recursive: true, force: true });
});

export function writeRun(evidence: Evidence, changes: Partial<RunRecord> = {}): { folder: RunFolder; record: RunRecord } {
  const runs = mkdtempSync(join(tmpdir(), 'cxlpod-report-'));
  written.push(runs);
  const folder = RunFolder.create(runs, evidence.scenario.name, new Date('2026-03-04T05:06:07Z'));
  const latencies = new LatencyBook();
  for (const [tag, label, ns] of [
    ['floor', 'floor in C', 500],
    ['rpc-core', 'RPC, core to core', 700],
    ['tcp', `TCP ${hostile}`, 90_000],
  ] as const) {
    const counts = Array.from({ length: 60 }, (_, index) => [Math.round(ns * (1 + index / 40)), 61 - index] as const);
    for (let round = 0; round < 5; round++) {
      latencies.add({ tag, label }, { startS: round, endS: round + 1, latency: { unit: 'ns', callsPerSample: 100, counts } });
    }
  }
  const alignment = alignClocks({ reference: 'vm1', offsets: [], observations: [] });
  const timeline = alignTimeline(timelineOf(evidence.machines), evidence.machines, alignment);
  folder.write('trace.json', JSON.stringify(toChromeTrace(timeline, {})));
  for (const { file, text } of latencies.logs()) folder.write(file, text);
  folder.write('machines/vm1/console.log', hostile);
  const checks = judge(evidence);
  const record: RunRecord = {
    format: runRecordFormat,
    run: folder.name,
    verdict: worst(checks.map(({ verdict }) => verdict)),
    checks: [...checks, { name: 'hostile', claim: hostile, verdict: 'valid', sentence: hostile, evidence: { said: hostile } }],
    error: null,
    scenario: evidence.scenario,
    sentences: { workload: 'It works.', faults: evidence.faults.map(({ sentence }) => sentence) },
    pod: 'two',
    topology: { name: 'two', machines: evidence.machines, poolBytes: 256 * 1024 ** 2 },
    environment,
    overSubscription: { hostCores: 2, busyThreads: 2, ratio: 1, loadBefore: 0.5 },
    provenance: {
      gitRevision: '0123456789abcdef0123456789abcdef01234567',
      gitDirty: false,
      commands: ['cxlpod up topology.yaml --name two', 'cxlpod run scenario.yaml --name two'],
      scenarioFile: hostile,
      host: { kernel: '6.1', memoryBytes: 8 * 1024 ** 3 },
    },
    startedAt: '2026-03-04T05:06:07.000Z',
    tookMs: 4200,
    seed: 7,
    restarts: { machines: 0, workers: 1, channels: 0, stubbornWorkers: 0 },
    gate: null,
    clocks: alignment.clocks,
    latencies: latencies.series(),
    workload: evidence.workload,
    faults: evidence.faults,
    exits: evidence.exits,
    recoveries: [],
    deaths: [],
    leftovers: evidence.leftovers,
    missing: [`the logs: ${hostile}`],
    siblings: [],
    ...changes,
  };
  folder.writeJson('run.json', record);
  return { folder, record };
}
