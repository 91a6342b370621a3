/** Every crash point of the catalogue has a scenario that dies there, or a reason why a worker of a run cannot be armed at it. */
import { crashPoints } from '@cxlpod/agent/crash-points';
import { expect, test } from 'vitest';
import { builtInScenarios, loadScenario } from '../../src/config/load-scenario.ts';

/** Passed only where no worker of a run can be armed; beside each, who is killed there. */
const elsewhere: readonly (readonly [RegExp, string])[] = [
  [/^pool\/format\//, 'by agents while a pod comes up: agent/test/sim/life.crash.test.ts'],
  [/^pool\/(join|leave)\//, 'before a worker has work, and after: agent/test/sim/life.crash.test.ts'],
  [/^shm\/(abandon|free-segment)\//, 'by recoverers and leavers: agent/test/sim/heap/recoverer.crash.test.ts'],
  [
    /^shm\/claim\/after-failed-cas$/,
    'by whoever finds the same free segment at the same time: agent/test/sim/heap/lost-races.ts',
  ],
  [/^rpc\/call\/after-begin$/, 'by callers with several calls in flight: agent/test/sim/pipelined.crash.test.ts'],
  [/^rpc\/close\//, 'after the last call: agent/test/sim/outcome.crash.test.ts'],
  [/^baseline\//, 'by the heaps that CXL-SHM is compared with: agent/test/sim/baselines.crash.test.ts, and paper/'],
  [/^kv\/claim\//, 'before the first operation: agent/test/sim/kv'],
];

const reasonOf = (point: string): string | undefined => elsewhere.find(([pattern]) => pattern.test(point))?.[1];

/** Scenarios by the crash point at which a worker, or a recoverer, of theirs dies. */
const workersDieAt = new Map<string, string[]>();
const recoverersDieAt = new Set<string>();
for (const [name, path] of builtInScenarios()) {
  if (!path.includes('/scenarios/crash/')) continue;
  for (const { killWorker, killRecoverer } of loadScenario(name).scenario.faults) {
    const at = killWorker?.at;
    if (at !== undefined) workersDieAt.set(at, [...(workersDieAt.get(at) ?? []), name]);
    if (killRecoverer?.at !== undefined) recoverersDieAt.add(killRecoverer.at);
  }
}

test.each(crashPoints.map(({ name }) => name).filter((point) => reasonOf(point) === undefined))(
  'somebody dies at %s',
  (point) => {
    expect(workersDieAt.has(point) || recoverersDieAt.has(point)).toBe(true);
  },
);

test('a scenario that dies inside an operation is named after the place, so that it is found', () => {
  for (const [point, names] of workersDieAt) {
    const [part, ...rest] = point.split('/');
    if (part === 'shm') expect(names).toContain(`dies-${rest.join('-')}`);
    if (part === 'kv') expect(names).toContain(`dies-${point.replaceAll('/', '-')}`);
  }
});

test('what is excused is in the catalogue', () => {
  for (const [pattern] of elsewhere) expect(crashPoints.some(({ name }) => pattern.test(name))).toBe(true);
});

/** HydraRPC: who dies when, and the scenario that shows what the other side is told. */
test.each([
  ['caller, before it published', 'caller-dies-before-publish'],
  ['caller, after it published', 'caller-dies-after-publish'],
  ['caller, with the reply in its hands', 'caller-dies-after-reply'],
  ['server, before it read', 'server-dies-before-take'],
  ['server, with the request in its hands', 'server-dies-before-execute'],
  ['server, after it executed', 'server-dies-after-execute'],
  ['server, after it replied', 'server-dies-after-reply'],
  ['daemon', 'server-loses-agent'],
  ['machine', 'server-machine-powers-off'],
])('of a call dies its %s', (_, scenario) => {
  expect(builtInScenarios().get(scenario)).toContain('/scenarios/crash/');
});
