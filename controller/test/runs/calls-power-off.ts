/**
 * The server's machine is powered off while calls are in flight on several connections. Callers on the machine that lives are told what came
 * of each call once the fence stands, and go on with the next server; the history says what was executed, and nothing was twice.
 */
import { type HistoryRecord, readHistoryFile } from '@cxlpod/agent/history';
import { defaultLeaseMs, type Tasks } from '@cxlpod/agent/protocol';
import { expect } from 'vitest';
import type { Pod, PodMachine } from '../../src/cluster/pod.ts';
import { startRecovery } from '../../src/recovery/index.ts';
import type { Stamp } from '../../src/traces/align-clocks.ts';
import { Timeline } from '../../src/traces/timeline.ts';
import { inspect, runTask, startWorker, until } from './pod-at-work.ts';

const service = 'pipelined';
const connections = 3;
const depth = 12;
/** The history has room for some ten seconds of them. */
const callsPerSecond = 4_000;
const callsAfterLoss = 500;
/** Answered before the power goes. */
const callsBefore = 1_000;

export async function powerOffUnderCalls(pod: Pod): Promise<string> {
  const [survivor, victim] = pod.machines as [PodMachine, PodMachine];
  const timeline = new Timeline();
  await using recovery = await startRecovery(pod, timeline, { fence: 'observed-end', leaseMs: defaultLeaseMs });
  for (const worker of ['caller', 'next-server']) await startWorker(survivor, worker);
  const { id: deadServer } = await startWorker(victim, 'server');
  const serving = runTask(victim, 'server', 'pipelined-serve', { service, connections, callsPerSecond });
  const calling = runTask(survivor, 'caller', 'pipelined-call', {
    ...{ service, connections, depth },
    ...{ payloadBytes: 64, callsAfterLoss },
  });
  await Promise.race([
    until('calls are answered on every connection', () => {
      const open = inspect(pod).connections.filter(({ server, state }) => server === deadServer && state === 'open');
      return open.length === connections && answeredIn(pod) >= callsBefore;
    }),
    // A task that cannot work says why.
    Promise.all([calling, serving]),
  ]);

  await victim.machine.powerOff();
  const endedNs = timeline.now().ns;
  const dead = () => recovery.outcomes().filter(({ id }) => id === deadServer);
  await until('its client is recovered', () => dead().some(({ state }) => state === 'recovered'));
  await victim.agent.close();
  const [outcome] = dead();
  expect(outcome).toMatchObject({ machine: victim.machine.name, by: survivor.machine.name });
  const sinceEndMs = (stamp: Stamp | null) => ((stamp!.ns - endedNs) / 1e6).toFixed(0);
  const next = runTask(survivor, 'next-server', 'pipelined-serve', { service, connections, callsPerSecond });
  const called = (await calling) as Tasks['pipelined-call']['result'];
  const served = (await next) as Tasks['pipelined-serve']['result'];
  await Promise.allSettled([serving]);

  expect(called.connectionsLost).toBe(connections);
  expect(called.answeredAfterLoss).toBeGreaterThanOrEqual(callsAfterLoss);
  expect(called.unknown).toBeLessThanOrEqual(connections * depth);
  expect(called.answered + called.unknown + called.notSent).toBe(called.begun);
  const { problems, connections: left, clients: others } = inspect(pod);
  expect({ problems, left }).toEqual({ problems: [], left: [] });
  expect(others.filter(({ id, state }) => id === deadServer && state !== 'free')).toEqual([]);
  const executedOfUnknown = judge(readHistoryFile(pod.paths.historyFile).records, called);
  for (const worker of ['caller', 'next-server']) await survivor.agent.request('stopWorker', { worker, how: 'graceful' });
  return (
    `${called.begun} calls: ${called.answered} answered, ${called.unknown} of unknown outcome (${executedOfUnknown} of them executed), ` +
    `${called.notSent} not sent; ${served.executed} executed by the next server; from the observed end: suspected after ${sinceEndMs(outcome!.suspectedAt)} ms, recovered after ${sinceEndMs(outcome!.recoveredAt)} ms`
  );
}

/** Each call ended once, and was executed as its end says; each connection executed in order. How many of unknown outcome were executed. */
function judge(records: readonly HistoryRecord[], called: Tasks['pipelined-call']['result']): number {
  const ends = new Map<number, string>();
  const executions = new Map<number, number>();
  const lastOf = new Map<string, number>();
  for (const record of records) {
    if (record.kind === 'end' && record.operation === 'rpc-call') {
      expect({ call: record.call, ended: ends.get(record.call) }).toEqual({ call: record.call, ended: undefined });
      ends.set(record.call, record.outcome);
    } else if (record.kind === 'invoke' && record.operation === 'rpc-serve') {
      executions.set(record.call, (executions.get(record.call) ?? 0) + 1);
      const connection = `${record.client}.${record.incarnation}.${record.argument}`;
      expect(record.call).toBeGreaterThan(lastOf.get(connection) ?? 0);
      lastOf.set(connection, record.call);
    }
  }
  expect(ends.size).toBe(called.begun);
  let executedOfUnknown = 0;
  for (const [call, outcome] of ends) {
    const executed = executions.get(call) ?? 0;
    const allowed = outcome === 'ok' ? [1] : outcome === 'unknown' ? [0, 1] : [0];
    expect({ call, outcome, executed, fits: allowed.includes(executed) }).toEqual({ call, outcome, executed, fits: true });
    if (outcome === 'unknown') executedOfUnknown += executed;
  }
  return executedOfUnknown;
}

function answeredIn(pod: Pod): number {
  return readHistoryFile(pod.paths.historyFile).records.filter(({ kind }) => kind === 'end').length;
}
