/** The folder of a run that never was, as large as is wanted: what a report of it costs can be measured without waiting for the run. */
import type { HistoryRecord } from '@cxlpod/agent/history';
import { parseYaml } from '../config/parse-yaml.ts';
import { scenarioSchema } from '../config/scenario.ts';
import type { FaultOutcome } from '../runs/evidence.ts';
import { harmSpans, recoverySpans } from '../runs/lifelines.ts';
import { Random } from '../runs/random.ts';
import type { RunFolder } from '../runs/run-folder.ts';
import { type RunRecord, runRecordFormat } from '../runs/run-record.ts';
import { savedHistoryFile } from '../runs/saved-history.ts';
import { alignClocks } from '../traces/align-clocks.ts';
import { alignTimeline } from '../traces/align-timeline.ts';
import { toChromeTrace } from '../traces/chrome-trace.ts';
import { LatencyBook } from '../traces/latency-book.ts';
import { Timeline } from '../traces/timeline.ts';

const machines = ['vm1', 'vm2', 'vm3'];
const clientsPerMachine = 3;
const callsPerSample = 100;
const callNs = 20_000;
/** As many as a worker keeps. */
const spansKept = 2_000;
const stallNs = 900e6;

const scenarioText = `name: generated
workload: { name: kv, history: true }
faults: [{ powerOff: { machine: vm2, after: 1s } }, { freeze: { machine: vm3, after: 2s } }]
`;

/** Writes everything that a report is made of, and a history of so many operations. */
export function generateRun(folder: RunFolder, operations: number): void {
  const random = new Random(1);
  const timeline = new Timeline();
  const latencies = new LatencyBook();
  const at = (ns: number) => ({ clock: 'vm1', ns: Math.round(ns) });
  const clients = machines.flatMap((machine, number) =>
    Array.from({ length: clientsPerMachine }, (_, index) => ({ machine, number: number + 1, name: `kv-${index + 1}` })),
  );
  const samples = Math.ceil(operations / clients.length / callsPerSample);
  const workNs = samples * callsPerSample * callNs;
  const totalNs = workNs + stallNs;
  const strikeNs = workNs * 0.4;
  for (const { machine, name } of clients) {
    const counts = new Map<number, number>();
    let ns = 0;
    for (let sample = 0; sample < samples; sample++) {
      // Most are quick, some are slow: as fast as `callNs` says on average.
      const calmNs = callsPerSample * callNs * (0.84 + 0.8 * random.next() ** 4);
      const isStruck = ns < strikeNs && ns + calmNs >= strikeNs;
      const tookNs = calmNs + (isStruck ? stallNs : 0);
      const span = { start: at(ns), end: at(ns + tookNs) };
      timeline.samples.push({ series: 'operations', calls: callsPerSample, ...span });
      if (sample % Math.ceil(samples / spansKept) === 0) {
        timeline.spans.push({
          lane: { machine, name: `${name}: work` },
          kind: isStruck ? 'stall' : 'calls',
          name: `${callsPerSample} operations`,
          ...span,
        });
      }
      const value = Number((tookNs / callsPerSample).toPrecision(3));
      counts.set(value, (counts.get(value) ?? 0) + 1);
      ns += tookNs;
    }
    timeline.spans.push({
      lane: { machine, name },
      kind: 'process',
      name: 'pid 100',
      start: at(0),
      end: at(ns),
      detail: { exitCode: 0 },
    });
    const sorted = [...counts].sort(([a], [b]) => a - b);
    latencies.add(
      { tag: `kv-${machine}`, label: `operations of ${machine}` },
      { startS: 0, endS: ns / 1e9, latency: { unit: 'ns', callsPerSample, counts: sorted } },
    );
  }
  for (let ns = 0; ns < totalNs; ns += 50e6)
    timeline.progress.push({ at: at(ns), operations: Math.round((operations * ns) / totalNs) });
  const faults = struck(timeline, strikeNs, workNs);
  const dead = { id: 5, incarnation: 1, machine: 'vm2', state: 'recovered' as const, by: 'vm1', because: null };
  const recoveries = Array.from({ length: clientsPerMachine }, (_, index) => ({
    ...{ ...dead, id: 5 + index, suspectedAt: at(strikeNs + 20e6), endSeenAt: at(strikeNs + 30e6) },
    ...{ fencedAt: at(strikeNs + 40e6), recoveredAt: at(strikeNs + 90e6) },
  }));
  timeline.spans.push(...harmSpans(faults, machines, at(totalNs)), ...recoverySpans(recoveries));
  const alignment = alignClocks({ reference: 'vm1', offsets: [], observations: [] });
  folder.write('trace.json', JSON.stringify(toChromeTrace(alignTimeline(timeline, machines, alignment), {})));
  for (const { file, text } of latencies.logs()) folder.write(file, text);
  folder.writeLines(savedHistoryFile, history(operations, clients.length));
  folder.writeJson('run.json', {
    ...recordOf(folder),
    tookMs: totalNs / 1e6,
    latencies: latencies.series(),
    clocks: alignment.clocks,
    faults,
    recoveries,
  });
}

function struck(timeline: Timeline, strikeNs: number, workNs: number): readonly FaultOutcome[] {
  const at = (ns: number) => ({ clock: 'vm1', ns: Math.round(ns) });
  return [
    {
      kind: 'powerOff',
      machine: 'vm2',
      sentence: 'power off vm2',
      seen: 'vm2 was seen to end with 3 workers',
      fromNs: strikeNs,
      toNs: strikeNs + 400e6,
    },
    {
      kind: 'freeze',
      machine: 'vm3',
      sentence: 'freeze vm3 (cpus)',
      seen: 'vm3 stands still',
      fromNs: strikeNs + stallNs + workNs * 0.2,
      toNs: strikeNs + stallNs + workNs * 0.3,
    },
  ].map(({ kind, machine, sentence, seen, fromNs, toNs }) => {
    const lane = { machine, name: 'machine' };
    timeline.mark({ lane, kind: 'fault', name: seen, at: at(fromNs) });
    return {
      kind,
      sentence,
      lane,
      struckAt: at(fromNs),
      seen: { sentence: seen, evidence: {} },
      healedAt: at(toNs),
      error: null,
    };
  });
}

function* history(operations: number, clients: number): Generator<unknown> {
  yield { kind: 'history', format: 1, records: 2 * operations, unpublished: [], overflow: 0, problems: [] };
  for (let operation = 0; operation < operations; operation++) {
    const client = operation % clients;
    const who = { machine: 1 + (client % machines.length), pid: 100 + client, client, incarnation: 1 };
    const common = { ...who, operation: operation % 2 === 0 ? 'kv-put' : 'kv-get', call: operation };
    yield { ticket: 2 * operation, kind: 'invoke', argument: operation % 500, ...common } satisfies HistoryRecord;
    yield { ticket: 2 * operation + 1, kind: 'end', outcome: 'ok', result: 0, ...common } satisfies HistoryRecord;
  }
}

function recordOf(folder: RunFolder): Omit<RunRecord, 'tookMs' | 'latencies' | 'clocks' | 'faults' | 'recoveries'> {
  return {
    format: runRecordFormat,
    run: folder.name,
    verdict: 'valid',
    checks: [{ name: 'history-whole', claim: 'Generated.', verdict: 'valid', sentence: 'Generated.', evidence: {} }],
    error: null,
    scenario: parseYaml(scenarioSchema, { text: scenarioText, fileName: 'generated.yaml', kind: 'scenario' }),
    sentences: { workload: 'Generated.', faults: ['power off vm2', 'freeze vm3 (cpus)'] },
    pod: 'generated',
    topology: { name: 'three', machines, poolBytes: 256 * 1024 ** 2 },
    environment: {
      provider: 'local',
      accelerator: 'none',
      acceleratorReason: 'generated',
      hostCores: 1,
      hostCpu: 'none',
      guestCpus: 1,
      versions: { controller: null, node: null, qemu: null, kernel: null, guestNode: null, image: null },
    },
    overSubscription: { hostCores: 1, busyThreads: 1, ratio: 1, loadBefore: 0 },
    provenance: {
      gitRevision: null,
      gitDirty: null,
      commands: [],
      scenarioFile: 'generated.yaml',
      host: { kernel: '', memoryBytes: 0 },
    },
    startedAt: new Date(0).toISOString(),
    seed: 1,
    restarts: { machines: 0, workers: 0, channels: 0, stubbornWorkers: 0 },
    gate: null,
    workload: null,
    exits: [],
    deaths: [],
    leftovers: null,
    missing: [],
    siblings: [],
  };
}
