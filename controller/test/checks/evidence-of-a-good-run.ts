/** Evidence of runs in which everything went well; tests of checks spoil one thing of it. */
import type { HistoryRecord } from '@cxlpod/agent/history';
import { parseYaml } from '../../src/config/parse-yaml.ts';
import { scenarioSchema } from '../../src/config/scenario.ts';
import type { Evidence, SeenExit } from '../../src/runs/evidence.ts';
import type { CallsResult } from '../../src/workload/calls.ts';
import { compare } from '../../src/workload/compare.ts';
import type { FailedSystem, HeapFailureResult } from '../../src/workload/heap-failure.ts';
import type { NaiveCountingResult } from '../../src/workload/naive-counting.ts';
import type { PingResult } from '../../src/workload/ping.ts';

const server = { machine: 1, pid: 100, client: 3, incarnation: 1 };
const caller = { machine: 2, pid: 200, client: 4, incarnation: 1 };

export const callsScenario = scenario(`
name: dies
workload: { name: calls, calls: 4, callDeadline: 1s }
faults: [{ killWorker: { on: vm1, worker: server, at: rpc/serve/after-execute, hit: 2 } }]
`);

export const kvScenario = scenario('name: kv\nworkload: { name: kv, history: true }\nchecks: [linearizable]\n');

export const pingScenario = scenario('name: ping\nworkload: { name: ping }\n');

function scenario(text: string) {
  return parseYaml(scenarioSchema, { text, fileName: 'test.yaml', kind: 'scenario' });
}

/** Calls 1, 3, 4, 5 are answered; call 2 is in flight when the server dies. */
export function history(): HistoryRecord[] {
  const call = (number: number, outcome: string): Unticketed[] => [
    { kind: 'invoke', operation: 'rpc-call', call: number, argument: 0, ...caller },
    { kind: 'end', operation: 'rpc-call', call: number, outcome, result: 0, ...caller },
  ];
  const [invoke2, end2] = call(2, 'unknown');
  const records: Unticketed[] = [
    ...call(1, 'ok'),
    invoke2!,
    { kind: 'last-words', point: 'rpc/serve/after-execute', hit: 2, ...server },
    end2!,
    ...call(3, 'ok'),
    ...call(4, 'ok'),
    ...call(5, 'ok'),
  ];
  return records.map((record, ticket) => ({ ...record, ticket }) as HistoryRecord);
}

type Unticketed = HistoryRecord extends infer R ? (R extends HistoryRecord ? Omit<R, 'ticket'> : never) : never;

export const death: SeenExit = {
  machine: 'vm1',
  worker: 'server',
  pid: 100,
  exitCode: null,
  signal: 'SIGKILL',
  fenced: { id: 3, incarnation: 1 },
  atNs: 5_000,
  asked: false,
};

export function callsResult(changes: Partial<CallsResult> = {}): CallsResult {
  return {
    wanted: 4,
    made: 5,
    answered: 4,
    failures: [{ call: 2, code: 'OUTCOME_UNKNOWN', startNs: 1_000_000, endNs: 4_000_000 }],
    longestStallNs: 9_000_000,
    callDeadlineMs: 1000,
    served: [3],
    idle: 0,
    refused: 0,
    clockReadNs: [],
    ...changes,
  };
}

export function crashEvidence(changes: Partial<Evidence> = {}): Evidence {
  const left = (machine: string, worker: string, pid: number): SeenExit => ({
    ...death,
    machine,
    worker,
    pid,
    exitCode: 0,
    signal: null,
    asked: true,
  });
  return {
    scenario: callsScenario,
    machines: ['vm1', 'vm2'],
    workload: { name: 'calls', result: callsResult() },
    exits: [death, left('vm1', 'server', 101), left('vm2', 'caller', 200)],
    faults: [
      {
        kind: 'killWorker',
        sentence: 'kill',
        struckAt: { clock: 'controller', ns: 1 },
        seen: { sentence: 'server on vm1 died', evidence: { pid: 100 } },
        healedAt: { clock: 'controller', ns: 2 },
        error: null,
      },
    ],
    recoveries: [],
    history: { records: history(), unpublished: [], overflow: 0, problems: [] },
    pool: { problems: [], findings: [], unsettled: 0, heap: { objects: 3, unreachable: 0, corpses: 0 } },
    leftovers: { found: [], unseen: [] },
    ...changes,
  };
}

export function withHistory(change: (records: HistoryRecord[]) => HistoryRecord[]): Evidence {
  return crashEvidence({ history: { records: change(history()), unpublished: [], overflow: 0, problems: [] } });
}

export function withCalls(changes: Partial<CallsResult>): Evidence {
  return crashEvidence({ workload: { name: 'calls', result: callsResult(changes) } });
}

export function pingResult(changes: Partial<PingResult> = {}): PingResult {
  const round = (ns: number) => ({ unit: 'ns' as const, callsPerSample: 100, counts: [[ns, 50]] as const });
  const systems = [
    { tag: 'floor', label: 'floor in C', sentence: 'The floor.' },
    { tag: 'rpc-core', label: 'RPC, core to core', sentence: 'The RPC.' },
    { tag: 'floor-again', label: 'floor in C, again', sentence: 'The floor.', again: true as const },
  ];
  const rounds = [100, 110, 120, 130, 140];
  const measured = [rounds.map(round), rounds.map((ns) => round(2 * ns)), rounds.map(round)];
  return { comparison: compare(systems, measured), clockReadNs: [], forged: { sent: 12, refused: 12 }, served: 500, ...changes };
}

export function pingEvidence(changes: Partial<PingResult> = {}): Evidence {
  return crashEvidence({
    scenario: pingScenario,
    faults: [],
    exits: [],
    workload: { name: 'ping', result: pingResult(changes) },
    history: { records: [], unpublished: [], overflow: 0, problems: [] },
  });
}

/** A put of version 2 to key 7, which had version 1, between two gets; `seen` is what the second get sees. */
export function kvEvidence(seen: number, overflow = 0): Evidence {
  const key = 7 * 2 ** 24;
  const call = (number: number, operation: 'kv-get' | 'kv-put', argument: number, result: number): Unticketed[] => [
    { kind: 'invoke', operation, call: number, argument, ...caller },
    { kind: 'end', operation, call: number, outcome: 'ok', result, ...caller },
  ];
  const calls = [...call(1, 'kv-get', key, 1), ...call(2, 'kv-put', key + 2, 0), ...call(3, 'kv-get', key, seen)];
  const records = calls.map((record, ticket) => ({ ...record, ticket }) as HistoryRecord);
  return crashEvidence({ scenario: kvScenario, history: { records, unpublished: [], overflow, problems: [] } });
}

const survival = {
  operations: 900,
  before: { operations: 500, ms: 100 },
  after: { operations: 400, ms: 100 },
  blocked: 0,
  longestStallNs: 1e6,
  spans: [],
};

/** Of `heap-partial-failure`: the lock blocks, CXL-SHM goes on, whoever comes after the lock's dead finds all. */
export function heapFailureEvidence(
  changes: { readonly lock?: Partial<FailedSystem>; readonly shm?: Partial<FailedSystem>; readonly count?: number } = {},
): Evidence {
  const blocked = { ...survival, after: { operations: 0, ms: 100 }, blocked: 70 };
  const restart = { problems: [], found: 1, left: 0, wanted: 1 };
  const result: HeapFailureResult = {
    systems: [
      { system: 'lock', label: 'heap with a lock', survival: blocked, restart, ...changes.lock },
      { system: 'cxl-shm', label: 'CXL-SHM', survival, restart: null, ...changes.shm },
    ],
    checked: { what: 'objects', count: changes.count ?? 1 },
    figures: [],
  };
  return crashEvidence({ workload: { name: 'heap-partial-failure', result } });
}

export const survivalWith = (changes: Partial<typeof survival>): Partial<FailedSystem> => ({
  survival: { ...survival, ...changes },
});

export function controlsEvidence(leaks: readonly string[], dangles: readonly string[]): Evidence {
  const result: NaiveCountingResult = {
    controls: [
      { order: 'leaks', problems: leaks },
      { order: 'dangles', problems: dangles },
    ],
    checked: { what: 'deaths', count: 2 },
    figures: [],
  };
  return crashEvidence({ workload: { name: 'naive-counting', result } });
}
