import { describe, expect, test } from 'vitest';
import { builtInScenarios, loadScenario } from '../../src/config/load-scenario.ts';
import { loadTopology } from '../../src/config/load-topology.ts';
import { parseYaml } from '../../src/config/parse-yaml.ts';
import { scenarioSchema } from '../../src/config/scenario.ts';
import { CxlpodError, exitCodes, formatError } from '../../src/errors/cxlpod-error.ts';
import { requireDrawable } from '../../src/runs/require-drawable.ts';
import { requireNeeds, requireRunnable } from '../../src/runs/require-runnable.ts';

const read = (text: string) => parseYaml(scenarioSchema, { text, fileName: 'mine.yaml', kind: 'scenario' });

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (!(error instanceof CxlpodError)) throw error;
    expect(error.exitCode).toBe(exitCodes.usage);
    return formatError(error);
  }
  throw new Error('nothing was refused');
}

const kill = (fault: string): string => `name: a\nworkload: { name: calls }\nfaults:\n  - { killWorker: ${fault} }\n`;

describe('a scenario', () => {
  test('needs a name and a workload; the rest has defaults', () => {
    expect(read('name: a\nworkload: { name: ping }\n')).toMatchObject({
      topology: 'two',
      workload: { name: 'ping', rounds: 5, payloadBytes: 64, callsPerBatch: 100 },
      faults: [],
      checks: [],
      seed: 1,
    });
  });

  test('takes a fault with its defaults, and durations with units', () => {
    const { faults, workload } = read(
      kill('{ on: vm1, at: rpc/serve/after-execute }').replace('calls }', 'calls, callDeadline: 2s }'),
    );

    expect(faults).toEqual([{ killWorker: { on: 'vm1', worker: 'server', at: 'rpc/serve/after-execute', hit: 1 } }]);
    expect(workload).toMatchObject({ callDeadline: 2000 });
  });

  test.each([
    [
      'an unknown key',
      'name: a\nworkload: { name: ping }\nfault: []\n',
      'line 3: fault is not a known key (did you mean faults?)',
    ],
    [
      'an unknown key of a workload',
      'name: a\nworkload: { name: ping, round: 5 }\n',
      'workload.round is not a known key (did you mean rounds?)',
    ],
    ['a key of another workload', 'name: a\nworkload: { name: ping, calls: 5 }\n', 'workload.calls is not a known key'],
    ['an unknown workload', 'name: a\nworkload: { name: pin }\n', '"pin" is not a workload (did you mean ping?)'],
    [
      'an unknown check',
      'name: a\nworkload: { name: ping }\nchecks: [pool-sond]\n',
      '"pool-sond" is not a check (did you mean pool-sound?)',
    ],
    [
      'an unknown fault',
      'name: a\nworkload: { name: ping }\nfaults: [{ killWorkers: {} }]\n',
      'killWorkers is not a known key (did you mean killWorker?)',
    ],
    ['a fault of no kind', 'name: a\nworkload: { name: ping }\nfaults: [{}]\n', 'must have exactly one key, one of '],
    [
      'an unknown crash point',
      kill('{ on: vm1, at: rpc/serve/after-exectue }'),
      '"rpc/serve/after-exectue" is not a crash point (did you mean rpc/serve/after-execute?)',
    ],
    ['a passage before the first', kill('{ on: vm1, at: rpc/serve/after-execute, hit: 0 }'), 'hit'],
    ['fewer rounds than a spread needs', 'name: a\nworkload: { name: ping, rounds: 4 }\n', 'workload.rounds'],
    ['a name that is a path', 'name: ../a\nworkload: { name: ping }\n', '"../a" must be a lower-case letter'],
    ['a seed that is not a number', 'name: a\nworkload: { name: ping }\nseed: x\n', 'seed'],
    ['half a seed', 'name: a\nworkload: { name: ping }\nseed: 1.5\n', 'line 3: seed: must be a whole number'],
    [
      'a check that is listed twice',
      'name: a\nworkload: { name: ping }\nchecks: [pool-sound, no-leak, pool-sound]\n',
      'line 3: checks[2]: pool-sound is listed twice',
    ],
  ])('with %s is refused, and told where and what was meant', (_, text, told) => {
    expect(refusal(() => read(text))).toContain(told);
  });

  test('with a fault that nothing resembles is told the known ones once', () => {
    const text = refusal(() => read('name: a\nworkload: { name: ping }\nfaults: [{ eclipse: {} }]\n'));

    expect(text).toContain('faults[0].eclipse is not a known key (known are ');
    expect(text.split('killWorker')).toHaveLength(2);
  });

  test('of cxlpod itself can be named, and is sound', () => {
    expect([...builtInScenarios().keys()]).toEqual(expect.arrayContaining(['ping', 'server-dies-after-execute']));
    for (const name of builtInScenarios().keys()) expect(loadScenario(name).scenario.name).toBe(name);
    expect(loadScenario('latency/ping').scenario.name).toBe('ping');
    expect(refusal(() => loadScenario('crash/ping'))).toContain('did you mean ping?');
  });

  test('that does not exist is told the nearest one', () => {
    expect(refusal(() => loadScenario('pingg'))).toContain('did you mean ping?');
    expect(refusal(() => loadScenario('infra/scenarios/latency/png.yaml'))).toContain('did you mean ping?');
  });
});

describe('a pod', () => {
  const scenario = read(kill('{ on: vm7, at: rpc/serve/after-execute }'));
  const { pool } = loadTopology('two');
  const incoherent = { ...pool, heap: { ...pool.heap, coherence: 'none' } } as const;

  test('of one machine cannot run a workload of two', () => {
    expect(refusal(() => requireRunnable(scenario, { name: 'one', provider: 'qemu', machines: ['vm1'], pool }))).toContain(
      'needs 2 machines',
    );
  });

  test('without the machine of a fault is told which machines it has', () => {
    const text = refusal(() => requireRunnable(scenario, { name: 'two', provider: 'qemu', machines: ['vm1', 'vm2'], pool }));

    expect(text).toContain('is on vm7');
    expect(text).toContain('its machines are vm1, vm2');
  });

  test('without the worker of a fault is told who will be there, where the workload knows', () => {
    const two = { name: 'two', provider: 'local', machines: ['vm1', 'vm2'], joinLater: [], pool } as const;
    const told = (worker: string, pod: Parameters<typeof requireRunnable>[1] = two): string => {
      const fault = `{ killWorker: { on: vm2, worker: ${worker}, at: program/turn } }`;
      const workload = '{ exec: ./mine, workersPerMachine: 2 }';
      return refusal(() => requireRunnable(read(`name: a\nworkload: ${workload}\nfaults: [${fault}]\n`), pod));
    };
    expect(told('program-9')).toContain('error: a fault of a is about program-9 on vm2, which there will not be');
    expect(told('program-9')).toContain('the workers on vm2 are program-3, program-4, checker');
    expect(told('program-1')).toContain('program-1 is on vm1');
    expect(told('program-9')).not.toContain('because');
    expect(told('server')).toContain('a fault without worker: is about server');
    for (const worker of ['program-3', 'program-4', 'checker']) expect(() => told(worker)).toThrow('nothing was refused');
    expect(() => told('program-9', { ...two, joinLater: ['vm1'] })).toThrow('nothing was refused');
  });

  test('smaller than the memory that a program asks for is told so, with what it has for it', () => {
    const two = { name: 'two', provider: 'local', machines: ['vm1', 'vm2'], joinLater: [], pool } as const;
    const told = (memory: string): string =>
      refusal(() => requireRunnable(read(`name: a\nworkload: { exec: ./mine, memory: ${memory} }\n`), two));
    expect(told('999GiB')).toContain('error: a asks for memory: 999GiB, and the pool has no room for it');
    const most = Number(/of 256MiB, (\d+) KiB are for the program/.exec(told('300MiB'))![1]);
    expect(most).toBeGreaterThan(200 * 1024);
    expect(() => told(`${most}KiB`)).toThrow('nothing was refused');
    expect(told(`${most + 1}KiB`)).toContain('has no room');
    // One that is too small for any heap does not come up, and says so itself.
    const small = { ...two, pool: { ...pool, sizeBytes: 64 * 1024 } };
    const program = read('name: a\nworkload: { exec: ./mine }\n');
    expect(() => refusal(() => requireRunnable(program, small))).toThrow('nothing was refused');
  });

  test('cannot kill an executable at an access, which nobody counts; a module it can', () => {
    const two = { name: 'two', provider: 'local', machines: ['vm1', 'vm2'], joinLater: [], pool } as const;
    const told = (program: string, worker = 'program-1'): string => {
      const fault = `{ killWorker: { on: vm1, worker: ${worker}, atAccess: 5 } }`;
      return refusal(() => requireRunnable(read(`name: a\nworkload: { ${program} }\nfaults: [${fault}]\n`), two));
    };
    expect(told('exec: ./mine')).toContain('error: a fault of a is at an access of program-1, which nobody counts');
    expect(() => told('module: ./mine.ts')).toThrow('nothing was refused');
    // Its own work is the core's.
    expect(() => told('exec: ./mine', 'keeper')).toThrow('nothing was refused');
  });

  test.each([
    ['calls', '{ name: calls }', 'caller', 'caller is on vm2'],
    ['kv', '{ name: kv, clientsPerMachine: 2 }', 'client-2', 'client-2 is on vm2'],
    ['hand-over', '{ name: hand-over }', 'receiver-1', 'receiver-1 is on vm2'],
    ['heap-partial-failure', '{ name: heap-partial-failure }', 'lock-victim', 'lock-victim is on vm2'],
    ['pooling', '{ name: pooling, clients: 2 }', 'shared-3', 'the workers on vm1 are shared-1, small-1, large-1'],
    ['size-sweep', '{ name: size-sweep }', 'client-1', 'the workers on vm1 are server'],
  ])('that has no such worker of %s is told so before anything starts', (_, workload, worker, hint) => {
    const two = { name: 'two', provider: 'local', machines: ['vm1', 'vm2'], joinLater: [], pool } as const;
    const fault = `{ pauseWorker: { on: vm1, worker: ${worker} } }`;
    const told = refusal(() => requireRunnable(read(`name: a\nworkload: ${workload}\nfaults: [${fault}]\n`), two));
    expect(told).toContain(`error: a fault of a is about ${worker} on vm1, which there will not be`);
    expect(told).toContain(hint);
  });

  test('without a worker that a seed may draw is told so with any seed', () => {
    const two = { name: 'two', provider: 'local', machines: ['vm1', 'vm2'], joinLater: [], pool } as const;
    const drawn = (fault: string) =>
      refusal(() =>
        requireDrawable(read(`name: a\nworkload: { name: kv }\nrandom: { count: [1, 1], faults: [${fault}] }\n`), two),
      );
    const kill = (worker: string) =>
      `{ killWorker: { on: vm2, worker: { oneOf: [${worker}] }, atOperations: { from: 1, to: 9 } } }`;
    expect(drawn(kill('client-2, client-3'))).toContain('error: a fault of a is about client-3 on vm2, which there will not be');
    expect(() => drawn(`${kill('client-2')}, powerOff, freeze`)).toThrow('nothing was refused');
  });

  test.each([...builtInScenarios()])('as %s wants it has every worker that its faults name', (_, path) => {
    const { scenario: shipped } = loadScenario(path);
    const topology = loadTopology(shipped.topology);
    requireDrawable(shipped, topology);
  });

  test('on a device that promises nothing between machines cannot run what needs the heap', () => {
    const two = { name: 'two', provider: 'qemu', machines: ['vm1', 'vm2'], pool: incoherent } as const;
    const needsHeap = { name: 'kv', needs: { machines: 2, heap: true } };

    const text = refusal(() => requireNeeds(needsHeap, 'two', two));

    expect(text).toContain('error: workload kv needs the heap of the pool, which two refuses');
    expect(text).toContain('two machines may win the same compare-and-swap');
    requireNeeds(needsHeap, 'two', { ...two, pool });
    requireNeeds({ ...needsHeap, needs: { machines: 2 } }, 'two', two);
  });
});
