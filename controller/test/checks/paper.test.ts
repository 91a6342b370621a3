/** The checks of the paper's Table 1 hold where its claims do, and fail where one thing of them does not. */
import { describe, expect, test } from 'vitest';
import { finerGrained } from '../../src/checks/finer-grained.ts';
import { migratesByMetadata } from '../../src/checks/migrates-by-metadata.ts';
import { passesByReference } from '../../src/checks/passes-by-reference.ts';
import { sharingNeedsLess } from '../../src/checks/sharing-needs-less.ts';
import type { ExchangeResult, ExchangeSize } from '../../src/workload/exchange.ts';
import type { MigratedSize, MigrationResult } from '../../src/workload/migration.ts';
import { demandOf, type PoolingResult } from '../../src/workload/pooling.ts';
import { callsScenario, crashEvidence } from './evidence-of-a-good-run.ts';

type Manners = ExchangeSize['manners'];
const measured = { checked: { what: '', count: 1 }, figures: [], charts: [] };

function evidence(name: string, result: unknown) {
  return { ...crashEvidence(), scenario: callsScenario, workload: { name, result } };
}

/** Times of a batch that was disturbed, and of one that was not. */
const manner = (name: Manners[number]['manner'], bytesPerRead: number, ns: number): Manners[number] => ({
  manner: name,
  bytesPerRead,
  nsPerRead: [ns * 9, ns],
});
const sizeOf = (recordBytes: number): ExchangeSize => ({
  recordBytes,
  manners: [
    manner('message-whole', 12 + recordBytes, 1000 + recordBytes),
    manner('message-field', 16, 900),
    manner('reference-whole', 16 + recordBytes, 1200 + recordBytes / 4),
    manner('reference-field', 80, 1100),
    manner('load-field', 64, 20),
  ],
});
const exchange = (sizes: readonly ExchangeSize[]) => evidence('exchange', { sizes, ...measured } satisfies ExchangeResult);
const spoiled = (size: ExchangeSize, name: string, change: Partial<Manners[number]>): ExchangeSize => ({
  ...size,
  manners: size.manners.map((each) => (each.manner === name ? { ...each, ...change } : each)),
});
const [small, large] = [sizeOf(64), sizeOf(9600)];

describe('finer-grained', () => {
  test('holds where a load moves a line and takes less than a call', () => {
    expect(finerGrained.check(exchange([small, large])).verdict).toBe('valid');
  });
  test('fails where a load moves a record, or takes as long as a call', () => {
    expect(finerGrained.check(exchange([small, spoiled(large, 'load-field', { bytesPerRead: 9612 })])).verdict).toBe('invalid');
    expect(finerGrained.check(exchange([small, spoiled(large, 'load-field', { nsPerRead: [900] })])).verdict).toBe('invalid');
  });
  test('knows nothing without a result', () => {
    expect(finerGrained.check({ ...exchange([]), workload: null }).verdict).toBe('unknown');
  });
});

describe('passes-by-reference', () => {
  test('holds where a reference costs the same for every size', () => {
    expect(passesByReference.check(exchange([small, large])).verdict).toBe('valid');
  });
  test('fails where it moves more for larger ones, or takes as long as a copy', () => {
    expect(passesByReference.check(exchange([small, spoiled(large, 'reference-field', { bytesPerRead: 9616 })])).verdict).toBe(
      'invalid',
    );
    expect(passesByReference.check(exchange([small, spoiled(large, 'reference-field', { nsPerRead: [99_999] })])).verdict).toBe(
      'invalid',
    );
  });
  test('knows nothing of one size', () => {
    expect(passesByReference.check(exchange([small])).verdict).toBe('unknown');
  });
});

describe('sharing-needs-less', () => {
  const result: PoolingResult = {
    clients: 4,
    sharedNeedBytes: 40,
    partitionedNeedBytes: 100,
    wantedBytes: 500,
    refusedShared: 0,
    refusedPartitioned: 90,
    refusedLargePartitions: 0,
    ...measured,
  };
  const verdict = (change: Partial<PoolingResult>) =>
    sharingNeedsLess.check(evidence('pooling', { ...result, ...change })).verdict;

  test('holds where partitions need more, and refuse with as much as is shared', () => {
    expect(verdict({})).toBe('valid');
  });
  test('fails where they need no more, or refuse nothing', () => {
    expect(verdict({ partitionedNeedBytes: 40 })).toBe('invalid');
    expect(verdict({ refusedPartitioned: 0 })).toBe('invalid');
  });
  test('knows nothing where the pool itself refused', () => {
    expect(verdict({ refusedShared: 1 })).toBe('unknown');
    expect(verdict({ refusedLargePartitions: 1 })).toBe('unknown');
  });
});

describe('migrates-by-metadata', () => {
  const size = (records: number): MigratedSize => ({
    records,
    ownershipNs: [9_000_000, 8_000],
    ownershipBytes: 76,
    copyNs: [records * 1_000],
    copyBytes: records * 400,
  });
  const verdict = (last: MigratedSize) =>
    migratesByMetadata.check(evidence('migration', { sizes: [size(500), last], ...measured } satisfies MigrationResult)).verdict;

  test('holds where the same bytes move whatever the size, sooner than a copy', () => {
    expect(verdict(size(8000))).toBe('valid');
  });
  test('knows nothing of one size', () => {
    const result = { sizes: [size(500)], ...measured } satisfies MigrationResult;
    expect(migratesByMetadata.check(evidence('migration', result)).verdict).toBe('unknown');
  });
  test('fails where more bytes move for more records, or a copy is sooner', () => {
    expect(verdict({ ...size(8000), ownershipBytes: 77 })).toBe('invalid');
    expect(verdict({ ...size(8000), copyNs: [7_000] })).toBe('invalid');
  });
});

test('the demand of pooling follows from the seed, and its clients are busy at different times', () => {
  const wanted = { name: 'pooling', clients: 4, steps: 24, base: 1000, burst: 50_000, busyPercent: 25 } as const;
  const traces = demandOf(wanted, 7);
  expect(demandOf(wanted, 7)).toEqual(traces);
  const together = traces[0]!.map((_, step) => traces.filter((each) => each[step]! > 50_000).length);
  expect(together).toEqual(together.map(() => 1));
});
