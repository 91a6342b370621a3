/** `migration`: a partition of a store changes its owner, by its ownership and by a copy of every record (Table 1, data architecture). */
import { z } from 'zod';
import { showBytes, showNs, showRatio } from '../report/units.ts';
import { both } from './both.ts';
import { type Chart, pointOf } from './chart.ts';
import { medianOf } from './compare.ts';
import { hirePair } from './heap-crew.ts';
import type { HeapResult } from './heap-result.ts';
import { namesOf, pairOf } from './posts.ts';
import type { Workload, WorkloadContext } from './workload.ts';

const parameters = z.strictObject({
  name: z.literal('migration'),
  /** Records of a partition; the fewest first. */
  sizes: z.array(z.number().int().min(1).max(1_000_000)).min(2).max(16).default([500, 2_000, 8_000]),
  valueBytes: z.number().int().min(12).max(4096).default(400),
  rounds: z.number().int().min(3).max(1000).default(5),
});

export type MigrationParameters = z.output<typeof parameters>;

export interface MigratedSize {
  readonly records: number;
  readonly ownershipNs: readonly number[];
  readonly ownershipBytes: number;
  readonly copyNs: readonly number[];
  readonly copyBytes: number;
}

export interface MigrationResult extends HeapResult {
  readonly sizes: readonly MigratedSize[];
  readonly charts: readonly Chart[];
}

const deadlineMs = 180_000;

const posts = (_: unknown, machines: readonly string[]) => pairOf('owner', 'taker', machines);

export const migration = {
  name: 'migration',
  sentence: 'A partition of a store changes its owner: by writing who owns it, and by copying all of its records.',
  parameters,
  needs: { machines: 2, heap: true },
  posts,
  async run(wanted: MigrationParameters, context: WorkloadContext): Promise<MigrationResult> {
    const { sizes: counts, rounds, valueBytes: bytes } = wanted;
    const valueBytes = Math.ceil(bytes / 4) * 4;
    const [owner, taker] = await hirePair(context, posts({}, namesOf(context.pod)));
    const sizes: MigratedSize[] = [];
    let checked = 0;
    for (const records of counts) {
      context.say(`migration: ${records} records`);
      const store = `moving-${records}`;
      const shape = { partitions: 1, buckets: 2 ** Math.ceil(Math.log2(Math.max(2, records))) };
      const share = { service: store, store, shape, records, valueBytes };
      const limits = { deadlineMs };
      await owner.task('kv-remove', { store }, limits);
      await owner.task('kv-remove', { store: `${store}-copy` }, limits);
      await owner.task('kv-load', { store, shape, claims: [0], records, valueBytes, version: 1 }, limits);
      const [, taken] = await both(
        owner.task('partition-serve', share, limits),
        taker.task('partition-take', { ...share, rounds }, limits),
      );
      await taker.task('kv-remove', { store: `${store}-copy` }, limits);
      await taker.task('kv-remove', { store }, limits);
      await owner.task('kv-remove', { store }, limits);
      const { valuesChecked, ...times } = taken;
      sizes.push({ records, ...times });
      checked += valuesChecked;
    }
    return {
      sizes,
      checked: { what: 'values that the new owner read and found whole', count: checked },
      figures: figuresOf(sizes),
      charts: [chartOf(sizes, rounds, valueBytes)],
    };
  },
} satisfies Workload<MigrationParameters, MigrationResult>;

function figuresOf(sizes: readonly MigratedSize[]): HeapResult['figures'] {
  const last = sizes.at(-1)!;
  const [ownership, copy] = [medianOf(last.ownershipNs), medianOf(last.copyNs)];
  return [
    {
      name: `${last.records.toLocaleString('en-US')} records change their owner`,
      value: showNs(ownership),
      detail: `by metadata, ${last.ownershipBytes} bytes; ${showNs(copy)} and ${showBytes(last.copyBytes)} by copying: ${showRatio(copy / ownership)}`,
    },
    ...sizes.slice(0, -1).map(({ records, ownershipNs, copyNs }) => ({
      name: `${records.toLocaleString('en-US')} records`,
      value: showNs(medianOf(ownershipNs)),
      detail: `${showNs(medianOf(copyNs))} by copying`,
    })),
  ];
}

function chartOf(sizes: readonly MigratedSize[], rounds: number, valueBytes: number): Chart {
  return {
    id: 'migration-time',
    title: 'Time until a partition has another owner',
    lead: `From asking until the new owner may write, median of ${rounds} rounds. Records of ${valueBytes} bytes; copies travel in answers of up to 8 KiB and are put into a store of the new owner's own.`,
    x: { label: 'records', unit: 'count', scale: 'log' },
    y: { label: 'time', unit: 'ns', scale: 'log' },
    series: [
      {
        tag: 'ownership',
        label: 'ownership by metadata',
        points: sizes.map(({ records, ownershipNs }) => pointOf(records, ownershipNs)),
      },
      { tag: 'copy', label: 'every record copied', points: sizes.map(({ records, copyNs }) => pointOf(records, copyNs)) },
    ],
  };
}
