/** Tasks behind Table 1 of the paper: message passing against distributed shared memory, row by row. */
import type { KvShape, MeetingPlace } from './tasks.ts';

/**
 * How a reader gets at a record of another machine. By message: the whole record is copied to it, or one field, by a method made for that.
 * By reference: the answer says which object it is, and all of it is copied from where it lies, or one field read there. `load`: nobody is
 * asked.
 */
export const readingManners = ['message-whole', 'message-field', 'reference-whole', 'reference-field', 'load-field'] as const;
export type ReadingManner = (typeof readingManners)[number];

export interface ReadRecords {
  readonly manner: ReadingManner;
  /** By batch, ns of one read. */
  readonly nsPerRead: readonly number[];
  /** What crosses the interconnect for one read: requests and answers, and the lines of 64 bytes that are loaded. */
  readonly bytesPerRead: number;
}

interface Moving {
  readonly service: string;
  readonly store: string;
  readonly shape: KvShape;
  readonly records: number;
  readonly valueBytes: number;
}

export interface PaperTasks {
  /** Keeps records, in memory of its own and in the heap, and answers for them until the reader is gone. */
  'record-serve': {
    parameters: { readonly service: string; readonly records: number; readonly recordBytes: number };
    result: { readonly served: number };
  };
  /** Reads random records in every manner, and compares every word that it reads with what it must be. */
  'record-read': {
    parameters: {
      readonly service: string;
      readonly records: number;
      readonly recordBytes: number;
      readonly batches: number;
      readonly readsPerBatch: number;
      readonly seed: number;
    };
    result: { readonly manners: readonly ReadRecords[]; readonly wordsCompared: number };
  };
  /** Holds as many bytes as it is told, step by step, all members at the same step. */
  demand: {
    parameters: {
      readonly meeting: MeetingPlace;
      readonly stepBytes: readonly number[];
      readonly chunkBytes: number;
      /** What this client may hold; 0: no limit but the pool's end. */
      readonly quotaBytes: number;
    };
    result: {
      /** At each step, in whole segments of the heap. */
      readonly heldBytes: readonly number[];
      /** At each step: what was wanted and refused. */
      readonly refusedBytes: readonly number[];
      readonly chunksChecked: number;
    };
  };
  /** Owns partition 0 of a store until it is asked for it; and copies its records out for who owns nothing in common with it. */
  'partition-serve': { parameters: Moving; result: { readonly served: number } };
  /** Takes the partition over by its ownership, and by a copy of every record; then looks at every value. */
  'partition-take': {
    parameters: Moving & { readonly rounds: number };
    result: {
      readonly ownershipNs: readonly number[];
      readonly ownershipBytes: number;
      readonly copyNs: readonly number[];
      readonly copyBytes: number;
      readonly valuesChecked: number;
    };
  };
}
