import { describe, expect, test } from 'vitest';
import { requireFits } from '../../src/config/fits-host.ts';
import { heapParameters } from '../../src/config/heap.ts';
import { builtInTopologies, loadTopology } from '../../src/config/load-topology.ts';
import { parseYaml } from '../../src/config/parse-yaml.ts';
import { printTopology } from '../../src/config/print-topology.ts';
import { topologySchema } from '../../src/config/topology.ts';
import { CxlpodError, formatError } from '../../src/errors/cxlpod-error.ts';

const mebibyte = 1024 ** 2;
const read = (text: string) => parseYaml(topologySchema, { text, fileName: 'mine.yaml', kind: 'topology' });

function refusal(act: () => unknown): { code: string; exitCode: number; text: string } {
  try {
    act();
  } catch (error) {
    if (!(error instanceof CxlpodError)) throw error;
    return { code: error.code, exitCode: error.exitCode, text: formatError(error) };
  }
  throw new Error('nothing was refused');
}

describe('a topology', () => {
  test('needs only its name', () => {
    const topology = read('name: two\n');

    expect(topology).toMatchObject({
      provider: 'qemu',
      machines: ['vm1', 'vm2'],
      pool: { sizeBytes: 256 * mebibyte },
      machine: { cpus: 1, maxCpus: 2, translationCacheBytes: 112 * mebibyte },
      accelerator: 'auto',
    });
  });

  test('takes names of machines, and sizes and durations with units', () => {
    const topology = read('name: a\nmachines: [left, right]\npool: { size: 0.5GiB }\ntimeouts: { boot: 2m, agent: 1500ms }\n');

    expect(topology.machines).toEqual(['left', 'right']);
    expect(topology.pool.sizeBytes).toBe(512 * mebibyte);
    expect(topology.timeouts).toMatchObject({ bootMs: 120_000, agentMs: 1500 });
  });

  test('has a heap whose tables can be cut otherwise', () => {
    const heap =
      'clients: 16, pageSize: 4KiB, segmentSize: 256KiB, names: 8, queues: 4, queueCapacity: 8, flushPolicy: host, coherence: none';
    const topology = read(`name: a\npool: { heap: { ${heap} } }\n`);

    expect(topology.pool.heap).toEqual({
      clients: 16,
      pageBytes: 4096,
      segmentBytes: 262_144,
      names: 8,
      queues: 4,
      queueCapacity: 8,
      flushPolicy: 'host',
      coherence: 'none',
    });
    expect(read(printTopology(topology))).toEqual(topology);
    expect(heapParameters(topology.pool.heap)).toEqual(topology.pool.heap);
    expect(heapParameters(read('name: a\n').pool.heap)).not.toHaveProperty('pageBytes');
  });

  test.each(builtInTopologies())('%s is valid, named after its file, and survives being printed', (name) => {
    const topology = loadTopology(name);

    expect(topology.name).toBe(name);
    expect(read(printTopology(topology))).toEqual(topology);
  });

  test.each([
    ['pool: { size: 300MiB }', 'line 2: pool.size: must be a multiple of 256MiB'],
    ['pool: { size: 4GiB }', 'line 2: pool.size: must be at most 3840MiB'],
    ['pool: { size: 268435456 }', 'line 2: pool.size: must be a size such as 256MiB'],
    ['pool: { size: 256MB }', 'line 2: pool.size: must be a size such as 256MiB or 1GiB, not "256MB"'],
    ['pool:\n  sise: 256MiB', 'line 3: pool.sise is not a known key (did you mean size?)'],
    ['pool: { heap: { clients: 300 } }', 'line 2: pool.heap.clients: too big'],
    ['pool: { heap: { names: 100 } }', 'line 2: pool.heap.names: must be a power of two'],
    ['pool:\n  heap:\n    queueCapacity: 48', 'line 4: pool.heap.queueCapacity: must be a power of two'],
    ['pool: { heap: { pageSize: 3KiB } }', 'line 2: pool.heap.pageSize: must be a power of two from 0.5KiB to 64KiB'],
    ['pool: { heap: { segmentSize: 8MiB } }', 'line 2: pool.heap.segmentSize: must be a power of two of at most 4MiB'],
    ['pool: { heap: { pageSize: 4KiB, segmentSize: 512KiB } }', 'line 2: pool.heap.segmentSize: must be 1 to 64 pages of 4KiB'],
    [
      'pool: { heap: { queues: 65536, queueCapacity: 1024 } }',
      'line 2: pool.heap.queues: must leave half of the pool to objects',
    ],
    ['pool: { heap: { flushPolicy: always } }', 'line 2: pool.heap.flushPolicy'],
    ['pool: { heap: { coherense: none } }', 'line 2: pool.heap.coherense is not a known key (did you mean coherence?)'],
    ['history: { size: 3MiB }', 'line 2: history.size: must be a power of two'],
    ['device: { memoryType: uncachable }', 'line 2: device.memoryType'],
    ['device: { memoryType: write-through }', 'line 2: device.memoryType'],
    [
      'provider: local\ndevice: { memoryType: uncacheable }',
      'line 3: device.memoryType: needs machines of their own: provider qemu',
    ],
    ['machine: { memory: 64MiB }', 'line 2: machine.memory: must be at least 192MiB'],
    ['machine: { cpus: 4 }', 'line 2: machine.maxCpus: must not be less than machine.cpus'],
    ['machine: { translationCache: 16MiB }', 'line 2: machine.translationCache: must be 32MiB to 2GiB'],
    ['machine: { maxcpus: 2 }', 'line 2: machine.maxcpus is not a known key (did you mean maxCpus?)'],
    ['machines: 0', 'line 2: machines'],
    ['machines: [vm1, vm1]', 'line 2: machines: must be different names'],
    ['machines:\n  - vm1\n  - ../etc', 'line 4: machines[1]: "../etc" must be a lower-case letter'],
    ['machines: [VM1]', 'machines[0]: "VM1" must be a lower-case letter'],
    ['provider: xen', 'line 2: provider'],
    ['accelerater: tcg', 'line 2: accelerater is not a known key (did you mean accelerator?)'],
    ['zzz: 1', 'line 2: zzz is not a known key (known are name, provider'],
    ['guestPackages: ["a; rm -rf /"]', 'line 2: guestPackages[0]: must be the name of a Debian package'],
    ['timeouts: { boot: 5 }', 'line 2: timeouts.boot: must be a duration such as 500ms, 30s or 2m'],
    ['name: again', 'line 2: Map keys must be unique'],
    ['pool: {', 'line 3:'],
  ])('with %j is refused, saying where and why', (line, expected) => {
    const { code, exitCode, text } = refusal(() => read(`name: a\n${line}\n`));

    expect(code).toBe('CONFIG_INVALID');
    expect(exitCode).toBe(2);
    expect(text).toContain('error: mine.yaml is not a valid topology');
    expect(text).toContain(expected);
  });

  test('tells all its problems at once', () => {
    const { text } = refusal(() => read('name: a/b\nsise: 1\nmachines: 99\n'));

    expect(text).toContain('line 1: name');
    expect(text).toContain('line 2: sise');
    expect(text).toContain('line 3: machines');
  });

  test.each(['twoo', '../../etc/passwd', './none.yaml', ''])('called %j is not found, and the known ones are told', (name) => {
    const { code, text } = refusal(() => loadTopology(name));

    expect(code).toBe('TOPOLOGY_NOT_FOUND');
    expect(text).toContain('known are local, local-later, one-cpu, three, three-later, two');
  });

  test('keeps a name given on the command line to the same rule', () => {
    expect(loadTopology('two', { name: 'other' }).name).toBe('other');
    expect(refusal(() => loadTopology('two', { name: '../x' })).code).toBe('NAME_INVALID');
  });
});

describe('a host', () => {
  const topology = loadTopology('three');

  test('with room for everything carries the topology', () => {
    requireFits(topology, { availableBytes: 4096 * mebibyte, tmpfsFreeBytes: 512 * mebibyte, tmpfsUsedBytes: 100 * mebibyte });
  });

  test('without memory for the machines refuses it with the arithmetic', () => {
    const host = { availableBytes: 1024 * mebibyte, tmpfsFreeBytes: 512 * mebibyte, tmpfsUsedBytes: 100 * mebibyte };

    const { code, text } = refusal(() => requireFits(topology, host));

    expect(code).toBe('MEMORY_TOO_SMALL');
    expect(text).toContain('3 x 816 MiB + pool and history 272 MiB = 2720 MiB, and 1024 MiB are available');
    expect(text).toMatch(
      /try: fewer machines, or less than machine\.memory: .*, machine\.translationCache: .*, pool\.size: 256MiB;/,
    );
    const local = { ...topology, provider: 'local' } as const;
    const few = { ...host, availableBytes: 300 * mebibyte };
    expect(refusal(() => requireFits(local, few)).text).toContain('try: fewer machines, or less than pool.size: 256MiB;');
  });

  test('whose tmpfs is too small for the pool refuses it', () => {
    const host = { availableBytes: 8192 * mebibyte, tmpfsFreeBytes: 64 * mebibyte, tmpfsUsedBytes: 100 * mebibyte };

    const { code, text } = refusal(() => requireFits(topology, host));
    expect(code).toBe('TMPFS_TOO_SMALL');
    // 272 MiB and a quarter, beside what it holds.
    expect(text).toContain('try: sudo mount -o remount,size=440m /dev/shm');
  });
});
