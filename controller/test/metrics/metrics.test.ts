import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect } from '../../../agent/src/rpc/caller.ts';
import { listen } from '../../../agent/src/rpc/server.ts';
import { joinedCores, poolFiles } from '../../../agent/test/pool/pool-files.ts';
import { histogram, printMetrics } from '../../src/metrics/exposition.ts';
import { poolMetrics } from '../../src/metrics/pool-metrics.ts';
import { openPoolReader, type PoolReading } from '../../src/metrics/pool-reading.ts';
import { type ReadFamily, readExposition } from './read-exposition.ts';

describe('the text format', () => {
  test('keeps labels whole, whatever they hold', () => {
    const hostile = 'a "name" with \\ and\na line end, and {braces} ';
    const text = printMetrics([
      {
        name: 'x_total',
        type: 'counter',
        help: `help with \\ and\na line end`,
        samples: [{ labels: { service: hostile }, value: 3 }],
      },
    ]);

    const [sample] = readExposition(text).get('x_total')!.samples;
    expect(sample).toEqual({ name: 'x_total', labels: { service: hostile }, value: 3 });
    expect(text.split('\n')).toHaveLength(4);
  });

  test('counts in each bucket of a histogram all that lies below its limit', () => {
    const buckets = [
      { limit: 1, count: 2 },
      { limit: 2, count: 0 },
      { limit: Number.POSITIVE_INFINITY, count: 5 },
    ];
    const family = readExposition(printMetrics([histogram('t', 'Help.', [{ labels: {}, buckets, sum: 9 }])])).get('t')!;

    expect(family.samples.map(({ name, labels, value }) => [name, labels.le, value])).toEqual([
      ['t_bucket', '1', 2],
      ['t_bucket', '2', 2],
      ['t_bucket', '+Inf', 7],
      ['t_sum', undefined, 9],
      ['t_count', undefined, 7],
    ]);
  });

  test.each([
    ['a sample of another family', '# HELP a h\n# TYPE a counter\nb 1\n'],
    ['a label that is not escaped', '# HELP a h\n# TYPE a counter\na{x="a"b"} 1\n'],
    ['a type without help', '# TYPE a counter\na 1\n'],
    ['a family that is there twice', '# HELP a h\n# TYPE a gauge\na 1\n# HELP a h\n# TYPE a gauge\n'],
    ['a last line that does not end', '# HELP a h\n# TYPE a gauge\na 1'],
  ])('is refused by the reader of these tests with %s', (_, text) => {
    expect(() => readExposition(text)).toThrow(SyntaxError);
  });
});

describe('the metrics of a pool that is at work', () => {
  const files = poolFiles();
  let families: ReadonlyMap<string, ReadFamily>;
  let reading: PoolReading;
  beforeAll(() => {
    const [there, here] = joinedCores(files, 2);
    const server = listen(there!, 'calculator', { timedOneOf: 1 });
    server.statistics.name(['add "all"']);
    const connection = connect(here!, 'calculator', { deadlineMs: 0 });
    for (let call = 0; call < 12; call++) {
      const slot = connection.begin()!;
      connection.send(slot, 8, 0);
      server.poll(() => 0, 1);
      connection.poll(slot);
      connection.finish(slot);
    }
    const reader = openPoolReader(files.poolPath, files.historyPath);
    reading = reader.read();
    reader.close();
    families = readExposition(printMetrics(poolMetrics(reading)));
  });
  afterAll(() => files[Symbol.dispose]());

  const sampleOf = (name: string, labels: Readonly<Record<string, string>> = {}): number | undefined =>
    families.get(name)?.samples.find((each) => Object.entries(labels).every(([label, value]) => each.labels[label] === value))
      ?.value;

  test('count calls by service and method, and time them in seconds', () => {
    const labels = { service: 'calculator', method: 'add "all"' };
    expect(sampleOf('cxlpod_rpc_calls_total', labels)).toBe(12);
    const { samples } = families.get('cxlpod_rpc_handler_seconds')!;
    const buckets = samples.filter(({ name }) => name.endsWith('_bucket'));
    expect(buckets.at(-1)).toMatchObject({ labels: { ...labels, le: '+Inf' }, value: 12 });
    expect(buckets[0]!.labels.le).toBe(String(128 / 1e9));
    const values = buckets.map(({ value }) => value);
    expect(values).toEqual([...values].sort((a, b) => a - b));
  });

  test('know the clients and the connection, and nobody who was fenced', () => {
    expect(sampleOf('cxlpod_clients', { machine: '1', state: 'joined' })).toBe(1);
    expect(sampleOf('cxlpod_clients', { machine: '2', state: 'joined' })).toBe(1);
    expect(sampleOf('cxlpod_clients_joined_total')).toBe(2);
    expect(sampleOf('cxlpod_clients_fenced')).toBe(0);
    expect(sampleOf('cxlpod_rpc_connections', { state: 'open' })).toBe(1);
    expect(sampleOf('cxlpod_rpc_requests_sent_total', { service: 'calculator' })).toBe(12);
    expect(sampleOf('cxlpod_recoveries_total')).toBe(0);
  });

  test('count a client that is fenced and not recovered', () => {
    const [first, ...others] = reading.clients;
    const clients = [{ ...first!, fencedIncarnation: first!.incarnation }, ...others];
    const text = printMetrics(poolMetrics({ ...reading, clients }));

    expect(text).toMatch(/^cxlpod_clients_fenced 1$/m);
  });
});
