/**
 * What a connection counts of its calls, in the pool, where anybody can read it while it runs (read-statistics.ts). The two sides write
 * lines of their own with plain stores; nobody decides by these numbers, so nothing waits for them.
 */
import { codes, constants, layout } from '../layout/index.ts';
import { type MethodFigures, readMethods } from './read-statistics.ts';
import { RpcError } from './rpc-error.ts';

/** What both need of a core, so that tests can do without one. */
interface PoolOfThread {
  readonly pool: Uint8Array<ArrayBufferLike>;
}

const { StatisticsHead, CallerCounts, MethodCounts } = layout;
const rowDoubles = constants.METHOD_COUNTS_BYTES / 8;
const rowWords = constants.METHOD_COUNTS_BYTES / 4;
const [calls, failed, refused, overruns, totalNs] = [
  MethodCounts.calls.offset / 8,
  MethodCounts.failed.offset / 8,
  MethodCounts.refused.offset / 8,
  MethodCounts.overruns.offset / 8,
  MethodCounts.totalNs.offset / 8,
];
const firstBucket = MethodCounts.bucket0.offset / 4;
const lastBucket = constants.METHOD_BUCKET_COUNT - 1;
const defaultTimedOneOf = 16;

function partOf(connection: number): number {
  return constants.STATISTICS_OFFSET + connection * constants.STATISTICS_CONNECTION_BYTES;
}

/** Of a connection that the calling side or the serving side has open: it cannot change meanwhile. */
function epochOf(pool: Uint8Array, connection: number): number {
  const at = constants.CONNECTIONS_OFFSET + connection * constants.CONNECTION_BYTES + layout.ConnectionState.word.offset;
  return new DataView(pool.buffer, pool.byteOffset + at, 8).getUint32(4, true);
}

/** Published last: until then, what stands there is known to be of an earlier use. */
function publishEpoch(bytes: Uint8Array, epochOffset: number, epoch: number): void {
  Atomics.store(new Uint32Array(bytes.buffer, bytes.byteOffset + epochOffset, 1), 0, epoch);
}

export interface StatisticsOptions {
  /** One of so many calls has its time taken, a power of two; 1 for all. Default 16. */
  readonly timedOneOf?: number;
}

/** The serving side's: a row for each method. One writer. */
export class MethodStatistics {
  readonly #doubles: Float64Array;
  readonly #words: Uint32Array;
  readonly #names: Uint8Array;
  readonly #mask: number;
  readonly #pool: Uint8Array;
  readonly #part: number;
  #seen = 0;

  /** Clears the connection's part. Only for who serves the connection. Throws RpcError BAD_ARGUMENT. */
  constructor({ pool }: PoolOfThread, connection: number, options: StatisticsOptions = {}) {
    const timedOneOf = options.timedOneOf ?? defaultTimedOneOf;
    if (!Number.isInteger(Math.log2(timedOneOf)) || timedOneOf > 2 ** 30)
      throw new RpcError('BAD_ARGUMENT', `one of ${timedOneOf} calls cannot be timed: the number must be a power of two`);
    this.#mask = timedOneOf - 1;
    this.#pool = pool;
    this.#part = partOf(connection);
    const bytes = pool.subarray(partOf(connection), partOf(connection) + constants.STATISTICS_CONNECTION_BYTES);
    const head = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    publishEpoch(bytes, StatisticsHead.epoch.offset, 0);
    bytes.fill(0, constants.STATISTICS_NAMES_OFFSET);
    head.setUint32(StatisticsHead.timedOneOf.offset, timedOneOf, true);
    const descriptor =
      constants.CONNECTIONS_OFFSET + connection * constants.CONNECTION_BYTES + constants.CONNECTION_DESCRIPTOR_LINE;
    const nameHash = new DataView(pool.buffer, pool.byteOffset + descriptor + layout.Descriptor.nameHash.offset, 8);
    head.setBigUint64(StatisticsHead.nameHash.offset, nameHash.getBigUint64(0, true), true);
    publishEpoch(bytes, StatisticsHead.epoch.offset, epochOf(pool, connection));
    const rowsAt = bytes.byteOffset + constants.STATISTICS_METHODS_OFFSET;
    this.#doubles = new Float64Array(bytes.buffer, rowsAt, constants.METHOD_COUNTS_LIMIT * rowDoubles);
    this.#words = new Uint32Array(bytes.buffer, rowsAt, constants.METHOD_COUNTS_LIMIT * rowWords);
    this.#names = bytes.subarray(constants.STATISTICS_NAMES_OFFSET, constants.STATISTICS_METHODS_OFFSET);
  }

  /** What observers shall call the methods, in the order of their numbers; long names are cut off. */
  name(methods: readonly string[]): void {
    for (const [method, name] of methods.slice(0, constants.METHOD_COUNTS_LIMIT).entries()) {
      const at = method * constants.METHOD_NAME_BYTES;
      const field = this.#names.subarray(at, at + constants.METHOD_NAME_BYTES);
      // `encodeInto` does not write into shared memory everywhere.
      const bytes = new TextEncoder().encode(name);
      let length = Math.min(bytes.length, field.length);
      // A character is there whole or not at all.
      while (length < bytes.length && length > 0 && (bytes[length]! & 0xc0) === 0x80) length--;
      field.set(bytes.subarray(0, length));
      field.fill(0, length);
    }
  }

  /** What stands there now, of methods that were called or have a name. */
  read(): readonly MethodFigures[] {
    const pool = this.#pool;
    return readMethods(new DataView(pool.buffer, pool.byteOffset, pool.byteLength), pool, this.#part);
  }

  /** Whether the time of the next call is to be taken. */
  isTimed(): boolean {
    return (this.#seen++ & this.#mask) === 0;
  }

  /** A call ended with a status of the core; `ns` in its handler, for those that were timed. */
  count(method: number, status: number, ns?: number): void {
    const doubles = this.#doubles;
    const row = (method & (constants.METHOD_COUNTS_LIMIT - 1)) * rowDoubles;
    doubles[row + calls]!++;
    if (status !== codes.OK) doubles[row + (status === codes.REFUSED ? refused : failed)]!++;
    if (ns !== undefined) {
      doubles[row + totalNs]! += ns;
      this.#words[row * 2 + firstBucket + bucketOf(ns)]!++;
    }
  }

  /** A handler took longer than it may. */
  overran(method: number): void {
    this.#doubles[(method & (constants.METHOD_COUNTS_LIMIT - 1)) * rowDoubles + overruns]!++;
  }

  /** Calls that the core answered by itself, all OK. */
  countMany(method: number, ended: number): void {
    this.#doubles[(method & (constants.METHOD_COUNTS_LIMIT - 1)) * rowDoubles + calls]! += ended;
  }
}

function bucketOf(ns: number): number {
  // Longer than 2^31 ns is long enough for the last one.
  const log2 = 31 - Math.clz32(Math.min(ns, 0x7fffffff));
  return Math.max(0, Math.min(log2 - constants.METHOD_FIRST_BUCKET_LOG2, lastBucket));
}

const sent = CallerCounts.sent.offset / 8;
const finished = CallerCounts.finished.offset / 8;
const resent = CallerCounts.resent.offset / 8;
const late = CallerCounts.late.offset / 8;

/** The calling side's line. One writer. */
export class CallerStatistics {
  readonly #doubles: Float64Array;

  /** Clears the line. Only for who has the connection open as its caller. */
  constructor({ pool }: PoolOfThread, connection: number) {
    const at = partOf(connection) + constants.STATISTICS_CALLER_LINE;
    const bytes = pool.subarray(at, at + CallerCounts.classBytes);
    publishEpoch(bytes, CallerCounts.epoch.offset, 0);
    this.#doubles = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);
    this.#doubles.fill(0, sent);
    publishEpoch(bytes, CallerCounts.epoch.offset, epochOf(pool, connection));
  }

  sent(): void {
    this.#doubles[sent]!++;
  }

  /** The caller is done with `count` calls. */
  finished(): void {
    this.#doubles[finished]!++;
  }

  /** Calls that were made and finished inside the core. */
  echoed(count: number): void {
    this.#doubles[sent]! += count;
    this.#doubles[finished]! += count;
  }

  resent(): void {
    this.#doubles[resent]!++;
  }

  late(): void {
    this.#doubles[late]!++;
  }
}
