/** What heap a pool gets when it is formatted: the parameters, their defaults, and how much of the pool is left for objects. */
import { constants } from '../layout/index.ts';
import type { CoreExports } from './core.ts';
import { PoolError } from './pool-error.ts';

/** All optional. `segmentBytes` and `pageBytes` follow the size of the pool when they are not given. */
export interface HeapOptions {
  /** How many clients may open the heap, 1 to 256. The era matrix takes 8 bytes times its square. Default 256. */
  readonly clients?: number;
  /** What is turned into blocks of one size at a time; a power of two from 512 to 64 KiB. */
  readonly pageBytes?: number;
  /** What a client holds at least, and the grain of quotas; a power of two, 1 to 64 pages, at most 4 MiB. */
  readonly segmentBytes?: number;
  /** Named roots; a power of two up to 65536. Default 64. */
  readonly names?: number;
  /** Queues open at once in the whole pool, up to 65536. Default 256. */
  readonly queues?: number;
  /** References that a queue holds; a power of two from 8 to 1024. Default 64. */
  readonly queueCapacity?: number;
  /** Against what deaths the pool is written back: none needed, of processes, of whole machines. Default none. */
  readonly flushPolicy?: 'none' | 'process' | 'host';
  /** What the device promises between machines. Nobody opens a heap on one that promises nothing. Default hardware. */
  readonly coherence?: 'hardware' | 'none';
}

export interface HeapPlan extends Required<HeapOptions> {
  readonly segmentCount: number;
}

/** So many segments a pool shall have before they are made larger than the smallest. */
const segmentCountAimed = 32;
const smallestSegmentBytes = 65536;
const smallestPageBytes = 4096;
const largestPageBytes = 2 ** constants.PAGE_SHIFT_LIMIT;

const flushPolicies = ['none', 'process', 'host'] as const;
const coherences = ['hardware', 'none'] as const;

/**
 * The heap that these options make in a pool of this size; undefined for none: when `false` is asked for, or nothing and the pool is
 * too small. Throws PoolError: BAD_HEAP_SHAPE for what cannot be, HEAP_DOES_NOT_FIT for options that leave no room for a segment.
 */
export function planHeap(options: HeapOptions | false | undefined, poolSizeBytes: number): HeapPlan | undefined {
  if (options === false) return undefined;
  const asked = {
    clients: options?.clients ?? constants.HEAP_CLIENT_LIMIT,
    names: options?.names ?? 64,
    queues: options?.queues ?? 256,
    queueCapacity: options?.queueCapacity ?? 64,
    flushPolicy: options?.flushPolicy ?? 'none',
    coherence: options?.coherence ?? 'hardware',
  };
  checkTables(asked);
  if (options?.pageBytes !== undefined) checkPage(options.pageBytes);
  const sizes = segmentSizes(options ?? {});
  for (const [index, segmentBytes] of sizes.entries()) {
    const pageBytes = options?.pageBytes ?? pageBytesFor(segmentBytes);
    checkSegment(segmentBytes, pageBytes);
    const segmentCount = segmentsIn({ ...asked, segmentBytes, pageBytes }, poolSizeBytes);
    const least = index < sizes.length - 1 ? segmentCountAimed : 1;
    if (segmentCount >= least) return { ...asked, segmentBytes, pageBytes, segmentCount };
  }
  if (options === undefined) return undefined;
  throw new PoolError('HEAP_DOES_NOT_FIT', `a pool of ${poolSizeBytes} bytes has no room for a heap of this shape`, {
    hint: 'fewer clients or queues, smaller segments, or a larger pool; `heap: false` formats without one',
  });
}

/** Tells the core what heap the next `format` makes. */
export function handOverPlan(exports: CoreExports, plan: HeapPlan | undefined): void {
  const code =
    plan === undefined
      ? exports.shapeHeap(0, 0, 0, 0, 0, 0, 0, 0, 0)
      : exports.shapeHeap(
          plan.clients,
          Math.log2(plan.pageBytes),
          Math.log2(plan.segmentBytes),
          plan.segmentCount,
          plan.names,
          plan.queues,
          Math.log2(plan.queueCapacity),
          flushPolicies.indexOf(plan.flushPolicy),
          coherences.indexOf(plan.coherence),
        );
  if (code !== 0) throw new Error(`shapeHeap answered ${code}`);
}

/** What to try, the largest first. */
function segmentSizes({ segmentBytes, pageBytes }: HeapOptions): number[] {
  if (segmentBytes !== undefined) return [segmentBytes];
  const sizes = [Math.min(2 ** constants.SEGMENT_SHIFT_LIMIT, (pageBytes ?? Infinity) * constants.SEGMENT_PAGE_LIMIT)];
  const smallest = Math.max(smallestSegmentBytes, pageBytes ?? 0);
  for (let size = sizes[0]! / 4; size >= smallest; size /= 4) sizes.push(size);
  return sizes;
}

/** 64 to a segment, as far as that is not too small. */
function pageBytesFor(segmentBytes: number): number {
  const share = Math.max(segmentBytes / constants.SEGMENT_PAGE_LIMIT, Math.min(segmentBytes, smallestPageBytes));
  return Math.min(share, largestPageBytes);
}

function checkTables(asked: Omit<HeapPlan, 'segmentBytes' | 'pageBytes' | 'segmentCount'>): void {
  const { clients, names, queues, queueCapacity, flushPolicy, coherence } = asked;
  check(
    isBetween(clients, 1, constants.HEAP_CLIENT_LIMIT),
    `clients: ${clients} is not from 1 to ${constants.HEAP_CLIENT_LIMIT}`,
  );
  check(isPowerOfTwo(names) && names <= tableLimit, `names: ${names} is not a power of two up to ${tableLimit}`);
  check(isBetween(queues, 1, tableLimit), `queues: ${queues} is not from 1 to ${tableLimit}`);
  check(
    isPowerOfTwo(queueCapacity) &&
      isBetween(Math.log2(queueCapacity), constants.QUEUE_CAPACITY_LOG2_LEAST, constants.QUEUE_CAPACITY_LOG2_LIMIT),
    `queueCapacity: ${queueCapacity} is not a power of two from 8 to 1024`,
  );
  check(flushPolicies.includes(flushPolicy), `flushPolicy: "${flushPolicy}" is none of ${flushPolicies.join(', ')}`);
  check(coherences.includes(coherence), `coherence: "${coherence}" is none of ${coherences.join(', ')}`);
}

function checkPage(pageBytes: number): void {
  const least = 2 ** constants.PAGE_SHIFT_LEAST;
  check(
    isPowerOfTwo(pageBytes) && isBetween(pageBytes, least, largestPageBytes),
    `pageBytes: ${pageBytes} is not a power of two from ${least} to ${largestPageBytes}`,
  );
}

function checkSegment(segmentBytes: number, pageBytes: number): void {
  check(
    isPowerOfTwo(segmentBytes) &&
      isBetween(segmentBytes / pageBytes, 1, constants.SEGMENT_PAGE_LIMIT) &&
      segmentBytes <= 2 ** constants.SEGMENT_SHIFT_LIMIT,
    `segmentBytes: ${segmentBytes} is not a power of two of 1 to ${constants.SEGMENT_PAGE_LIMIT} pages of ${pageBytes}, at most 4 MiB`,
  );
}

/** As the core bounds them. */
const tableLimit = 65536;

function check(holds: boolean, message: string): void {
  if (!holds) throw new PoolError('BAD_HEAP_SHAPE', `a heap with ${message}`, { hint: 'docs/heap.md lists what can be chosen' });
}

function isBetween(value: number, least: number, limit: number): boolean {
  return Number.isInteger(value) && value >= least && value <= limit;
}

function isPowerOfTwo(value: number): boolean {
  return isBetween(value, 1, 2 ** 31) && Number.isInteger(Math.log2(value));
}

/** How many segments the formatter will find room for: the arithmetic of agent/core/shm/shape.ts, which a test compares. */
function segmentsIn(plan: Omit<HeapPlan, 'segmentCount'>, poolSizeBytes: number): number {
  const { clients, names, queues, queueCapacity, segmentBytes, pageBytes } = plan;
  const tableOffset =
    constants.CONTROL_BYTES +
    constants.FLOOR_BYTES +
    clients * roundUp(clients * 8, constants.LINE_BYTES) +
    clients * constants.HEAP_CLIENT_BYTES +
    names * constants.NAMED_ROOT_BYTES +
    queues * (constants.QUEUE_SLOTS_OFFSET + 8 * queueCapacity) +
    2 * (constants.SEGMENT_COUNT_LIMIT / 8);
  const entryBytes = roundUp(
    constants.SEGMENT_PAGES_OFFSET + (segmentBytes / pageBytes) * constants.PAGE_ENTRY_BYTES,
    constants.LINE_BYTES,
  );
  const room = Math.max(0, poolSizeBytes - tableOffset);
  let count = Math.min(Math.floor(room / (segmentBytes + entryBytes)), constants.SEGMENT_COUNT_LIMIT);
  const segmentsOffset = roundUp(tableOffset + count * entryBytes, segmentBytes);
  while (count > 0 && segmentsOffset + count * segmentBytes > poolSizeBytes) count--;
  return count;
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
