/** `exchange`: how a reader gets at records of another machine: by messages, by references, by plain loads (Table 1 of the paper, interface and paradigm). */
import type { ReadingManner } from '@cxlpod/agent/protocol';
import { z } from 'zod';
import { showBytes, showNs, showRatio } from '../report/units.ts';
import { both } from './both.ts';
import { type Chart, pointOf } from './chart.ts';
import { hirePair } from './heap-crew.ts';
import type { HeapResult } from './heap-result.ts';
import { namesOf, pairOf } from './posts.ts';
import type { Workload, WorkloadContext } from './workload.ts';

/** What fits into an answer of a connection with two slots. */
const largestBytes = 9_664;

const parameters = z.strictObject({
  name: z.literal('exchange'),
  records: z.number().int().min(1).max(4096).default(256),
  /** Of a record; the smallest first. */
  sizes: z.array(z.number().int().multipleOf(64).min(64).max(largestBytes)).min(2).max(16).default([64, 1024, 4096, 9_600]),
  batches: z.number().int().min(3).max(10_000).default(20),
  readsPerBatch: z.number().int().min(1).max(100_000).default(200),
});

export type ExchangeParameters = z.output<typeof parameters>;

export interface ExchangeSize {
  readonly recordBytes: number;
  readonly manners: readonly {
    readonly manner: ReadingManner;
    readonly bytesPerRead: number;
    readonly nsPerRead: readonly number[];
  }[];
}

export interface ExchangeResult extends HeapResult {
  readonly sizes: readonly ExchangeSize[];
  readonly charts: readonly Chart[];
}

const deadlineMs = 300_000;

const labels: Readonly<Record<ReadingManner, string>> = {
  'message-whole': 'message, whole record',
  'message-field': 'message, one field',
  'reference-whole': 'reference, whole record from its place',
  'reference-field': 'reference, one field in place',
  'load-field': 'load of one field',
};

/** Of the fastest batch: what another process did to a batch says nothing about either manner. */
export function exchanged({ manners }: ExchangeSize, wanted: ReadingManner): { readonly ns: number; readonly bytes: number } {
  const { nsPerRead, bytesPerRead } = manners.find(({ manner }) => manner === wanted)!;
  return { ns: Math.min(...nsPerRead), bytes: bytesPerRead };
}

const posts = (_: unknown, machines: readonly string[]) => pairOf('server', 'reader', machines);

export const exchange = {
  name: 'exchange',
  sentence: 'Records of one machine read by another: copied in messages, by reference in place, and by single loads.',
  parameters,
  needs: { machines: 2, heap: true },
  posts,
  async run(wanted: ExchangeParameters, context: WorkloadContext): Promise<ExchangeResult> {
    const { records, sizes: recordSizes, batches, readsPerBatch } = wanted;
    const [server, reader] = await hirePair(context, posts({}, namesOf(context.pod)));
    const sizes: ExchangeSize[] = [];
    let compared = 0;
    for (const recordBytes of recordSizes) {
      context.say(`exchange: records of ${recordBytes} bytes`);
      const share = { service: `records-${recordBytes}`, records, recordBytes };
      const [, { manners, wordsCompared }] = await both(
        server.task('record-serve', share, { deadlineMs }),
        reader.task('record-read', { ...share, batches, readsPerBatch, seed: context.seed }, { deadlineMs }),
      );
      sizes.push({ recordBytes, manners });
      compared += wordsCompared;
    }
    return {
      sizes,
      checked: { what: 'words of records that were compared with what their owner wrote', count: compared },
      figures: figuresOf(sizes),
      charts: [chartOf(sizes, batches, readsPerBatch)],
    };
  },
} satisfies Workload<ExchangeParameters, ExchangeResult>;

function figuresOf(sizes: readonly ExchangeSize[]): HeapResult['figures'] {
  const last = sizes.at(-1)!;
  const [message, field, load] = (['message-whole', 'message-field', 'load-field'] as const).map((each) => exchanged(last, each));
  const reference = exchanged(last, 'reference-field');
  return [
    {
      name: `bytes moved to read one field of ${showBytes(last.recordBytes)}`,
      value: `${load!.bytes} B`,
      detail: `by a load, against ${showBytes(message!.bytes)} in a message with the record: ${showRatio(message!.bytes / load!.bytes)}`,
    },
    {
      name: 'one field, by a load',
      value: showNs(load!.ns),
      detail: `against ${showNs(field!.ns)} by a call that is made for that field: ${showRatio(field!.ns / load!.ns)}`,
    },
    {
      name: `one of ${showBytes(last.recordBytes)} passed by reference`,
      value: showNs(reference.ns),
      detail: `counted, one field read in place, let go; ${showNs(message!.ns)} with a copy of all of it: ${showRatio(message!.ns / reference.ns)}`,
    },
  ];
}

function chartOf(sizes: readonly ExchangeSize[], batches: number, readsPerBatch: number): Chart {
  return {
    id: 'exchange-time',
    title: 'Time to read of a record of another machine',
    lead: `JavaScript on both sides. Batches of ${readsPerBatch} random reads in turns; median of ${batches}, with the fastest and the slowest. Each compares the field that it wanted; whole records are compared between the batches.`,
    x: { label: 'record', unit: 'bytes', scale: 'log' },
    y: { label: 'time of a read', unit: 'ns', scale: 'log' },
    series: sizes[0]!.manners.map(({ manner }) => ({
      tag: manner,
      label: labels[manner],
      points: sizes.map((size) => pointOf(size.recordBytes, size.manners.find((each) => each.manner === manner)!.nsPerRead)),
    })),
  };
}
