import { describe, expect, test } from 'vitest';
import { parseYaml } from '../../src/config/parse-yaml.ts';
import { scenarioSchema } from '../../src/config/scenario.ts';
import { CxlpodError, exitCodes } from '../../src/errors/cxlpod-error.ts';
import { portOf } from '../../src/workload/port-of.ts';
import { systemsFor } from '../../src/workload/systems.ts';
import type { WorkloadContext } from '../../src/workload/workload.ts';

const read = (workload: string) =>
  parseYaml(scenarioSchema, { text: `name: a\nworkload: { name: ${workload} }\n`, fileName: 'a.yaml', kind: 'scenario' })
    .workload;

describe('a workload that measures calls', () => {
  test.each([
    ['latency-table', { rounds: 5, payloadBytes: 64, callsPerBatch: 100 }],
    ['window-sweep', { depths: [1, 2, 4, 8, 16] }],
    ['size-sweep', { sizes: [64, 128, 256, 512, 1024, 2048, 4096, 8192, 9664] }],
    ['connections', { counts: [1, 2, 4, 8, 16], depth: 1 }],
    ['layouts', { rounds: 9, payloadBytes: 64 }],
    ['sharing-modes', { rounds: 9, payloadBytes: 64 }],
    ['cpu-rate', { rates: [100, 1000, 10_000, 100_000], waiting: ['adaptive', 'spin', 'pause', 'timed', 'yield', 'sleep'] }],
    ['idle-gaps', { gapsUs: [10, 100, 1000, 10_000, 100_000, 1_000_000] }],
  ])('%s needs no parameter', (name, defaults) => {
    expect(read(name)).toMatchObject({ name, ...defaults });
  });

  test.each([
    ['window-sweep, depths: [1, 32]', 'depths'],
    ['window-sweep, payloadBytes: 63', 'payloadBytes'],
    ['size-sweep, sizes: [64, 9665]', 'sizes'],
    ['connections, counts: [33]', 'counts'],
    ['cpu-rate, waiting: [doze]', 'waiting'],
    ['cpu-rate, rates: [0]', 'rates'],
    ['idle-gaps, gapsUs: [10]', 'gapsUs'],
    ['latency-table, systems: [carrier-pigeon]', 'systems'],
    ['latency-table, rounds: 4', 'rounds'],
  ])('%s is refused', (workload, key) => {
    expect(() => read(workload)).toThrow(expect.objectContaining({ exitCode: exitCodes.usage }));
    try {
      read(workload);
    } catch (error) {
      expect(String((error as Error).cause ?? error) + (error as Error).message).toContain(key);
    }
  });
});

describe('what is compared', () => {
  const on = (provider: string) => ({ pod: { name: 'p', environment: { provider } } }) as unknown as WorkloadContext;

  test('is all that the pod can have: a unix socket on one host alone', () => {
    expect(systemsFor(on('local'), undefined)).toContain('unix');
    expect(systemsFor(on('qemu'), undefined)).not.toContain('unix');
    expect(systemsFor(on('qemu'), undefined)).toEqual(
      expect.arrayContaining(['floor', 'rpc-core', 'tcp', 'grpc', 'floor-again']),
    );
  });

  test('is measured in one order, whatever order it was asked for in', () => {
    expect(systemsFor(on('local'), ['grpc', 'floor', 'unix'])).toEqual(['floor', 'unix', 'grpc']);
  });

  test('across machines cannot be a unix socket, and says what to do', () => {
    const refused = (): unknown => systemsFor(on('qemu'), ['floor', 'unix']);
    expect(refused).toThrow(expect.objectContaining({ code: 'UNIX_ACROSS_MACHINES', exitCode: exitCodes.usage }));
    expect(refused).toThrow(CxlpodError);
  });
});

test('two pods of one host, and two rounds of one pod, seldom share a port; a port is always one', () => {
  const ports = ['two', 'local', 'bench', 't1234'].flatMap((pod) => [0, 1, 99].map((round) => portOf(pod, 'tcp', round)));
  expect(new Set(ports).size).toBe(ports.length);
  for (const port of [...ports, portOf('x', 'grpc', 1e6)]) expect(port > 1024 && port < 32_768).toBe(true);
});
