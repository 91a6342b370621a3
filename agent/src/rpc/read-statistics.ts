/** Reads what connections count of their calls, from the bytes of a pool, while it runs. Believes nothing; needs no core and no mapping. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { serviceHash, unpackConnectionWord } from '../inspect/packed-words.ts';
import { constants, controlBytes, layout, layoutHash } from '../layout/index.ts';

export interface MethodFigures {
  readonly method: number;
  /** Empty when the server has not said it. */
  readonly name: string;
  /** Calls that ended, in any way. */
  readonly calls: number;
  readonly failed: number;
  readonly refused: number;
  /** Longer in the handler than the method's time budget. */
  readonly overruns: number;
  /** How many had their time taken; the numbers below are of these. */
  readonly timed: number;
  readonly totalNs: number;
  /** `buckets[i]` calls took less than `bucketLimitNs(i)`, and not less than the bucket before. */
  readonly buckets: readonly number[];
}

export interface ConnectionFigures {
  readonly connection: number;
  readonly epoch: number;
  readonly service: string;
  /** `closed`: by one side or both. */
  readonly state: 'listening' | 'open' | 'closed';
  /** One of so many calls has its time taken. */
  readonly timedOneOf: number;
  readonly sent: number;
  /** Sent, and the caller is not done with it. */
  readonly inFlight: number;
  readonly resent: number;
  readonly late: number;
  /** Requests that were no requests, as the server reported when it last went idle. They count for no method. */
  readonly forged: number;
  /** Those that were called or have a name. */
  readonly methods: readonly MethodFigures[];
}

export interface ServiceMethodFigures extends MethodFigures {
  readonly service: string;
}

/** Above it, a call counts in a later bucket. Infinity for the last. */
export function bucketLimitNs(bucket: number): number {
  if (bucket >= constants.METHOD_BUCKET_COUNT - 1) return Number.POSITIVE_INFINITY;
  return 2 ** (constants.METHOD_FIRST_BUCKET_LOG2 + bucket + 1);
}

/** What took longer lies in the last bucket, which has no limit. */
export const longestLimitNs = bucketLimitNs(constants.METHOD_BUCKET_COUNT - 2);

/** A time in ns that `part` of the timed calls did not reach: the limit of the bucket in which it lies. NaN when none was timed. */
export function quantileNs({ timed, buckets }: Pick<MethodFigures, 'timed' | 'buckets'>, part: number): number {
  if (timed === 0) return Number.NaN;
  let left = Math.ceil(timed * part);
  const bucket = buckets.findIndex((count) => {
    left -= count;
    return left <= 0;
  });
  return bucketLimitNs(bucket);
}

/**
 * Of every connection that has listened since the pool was formatted, as it stands or as it ended, until its place is used again. `bytes`: the
 * pool from its start, at least the control part. Throws Error for what is no pool of this build.
 */
export function readStatistics(bytes: Uint8Array): readonly ConnectionFigures[] {
  if (bytes.length < controlBytes) throw new Error(`a pool has at least ${controlBytes} bytes, given are ${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getBigUint64(layout.Superblock.layoutVersion.offset, true).toString(16).padStart(16, '0');
  if (view.getBigUint64(layout.Superblock.magic.offset, true) !== constants.POOL_MAGIC) throw new Error('this is no pool');
  if (version !== layoutHash) throw new Error(`the pool has layout ${version}, this reader means ${layoutHash}`);
  const names = serviceNames(view, bytes);
  const connections: ConnectionFigures[] = [];
  for (let connection = 0; connection < constants.CONNECTION_COUNT; connection++) {
    const figures = readConnection(view, bytes, connection, names);
    if (figures !== undefined) connections.push(figures);
  }
  return connections;
}

/** Throws the system's error, and what `readStatistics` throws. A device-dax cannot be read, only mapped. */
export function readStatisticsFile(path: string): readonly ConnectionFigures[] {
  const file = openSync(path, 'r');
  try {
    const bytes = new Uint8Array(Math.min(fstatSync(file).size, controlBytes));
    for (let at = 0; at < bytes.length; ) {
      const read = readSync(file, bytes, at, bytes.length - at, at);
      if (read === 0) break;
      at += read;
    }
    return readStatistics(bytes);
  } finally {
    closeSync(file);
  }
}

/** The connections of a service added up, method by method; in the order of the services' names and the methods' numbers. */
export function byMethod(
  connections: readonly Pick<ConnectionFigures, 'service' | 'methods'>[],
): readonly ServiceMethodFigures[] {
  const sums = new Map<string, ServiceMethodFigures>();
  for (const { service, methods } of connections) {
    for (const figures of methods) {
      const key = `${figures.method} ${service}`;
      const sum = sums.get(key);
      sums.set(key, sum === undefined ? { ...figures, service } : added(sum, figures));
    }
  }
  return [...sums.values()].sort((a, b) => (a.service === b.service ? a.method - b.method : a.service < b.service ? -1 : 1));
}

function added(sum: ServiceMethodFigures, more: MethodFigures): ServiceMethodFigures {
  return {
    service: sum.service,
    method: sum.method,
    name: sum.name === '' ? more.name : sum.name,
    calls: sum.calls + more.calls,
    failed: sum.failed + more.failed,
    refused: sum.refused + more.refused,
    overruns: sum.overruns + more.overruns,
    timed: sum.timed + more.timed,
    totalNs: sum.totalNs + more.totalNs,
    buckets: sum.buckets.map((count, bucket) => count + more.buckets[bucket]!),
  };
}

function readConnection(
  view: DataView,
  bytes: Uint8Array,
  connection: number,
  names: ReadonlyMap<bigint, string>,
): ConnectionFigures | undefined {
  const { StatisticsHead, CallerCounts } = layout;
  const at = constants.CONNECTIONS_OFFSET + connection * constants.CONNECTION_BYTES;
  const word = unpackConnectionWord(view.getBigUint64(at + layout.ConnectionState.word.offset, true));
  const part = constants.STATISTICS_OFFSET + connection * constants.STATISTICS_CONNECTION_BYTES;
  const epoch = view.getUint32(part + StatisticsHead.epoch.offset, true);
  if (epoch === 0 || epoch !== word.epoch) return undefined;
  const caller = part + constants.STATISTICS_CALLER_LINE;
  const hasCaller = view.getUint32(caller + CallerCounts.epoch.offset, true) === epoch;
  const ofCaller = (field: { readonly offset: number }): number => (hasCaller ? countAt(view, caller + field.offset) : 0);
  const hash = view.getBigUint64(part + StatisticsHead.nameHash.offset, true);
  const sent = ofCaller(CallerCounts.sent);
  const isClosed = word.state === constants.CONNECTION_FREE || word.serverClosed || word.callerClosed;
  const serverLine = at + constants.CONNECTION_SERVER_LINE;
  return {
    connection,
    epoch,
    service: names.get(hash) ?? `unknown (${hash.toString(16)})`,
    state: isClosed ? 'closed' : word.state === constants.CONNECTION_OPEN ? 'open' : 'listening',
    timedOneOf: view.getUint32(part + StatisticsHead.timedOneOf.offset, true),
    sent,
    // The two numbers are not of one moment.
    inFlight: isClosed ? 0 : Math.max(0, sent - ofCaller(CallerCounts.finished)),
    resent: ofCaller(CallerCounts.resent),
    late: ofCaller(CallerCounts.late),
    forged: Number(view.getBigUint64(serverLine + layout.ServerLine.refused.offset, true)),
    methods: readMethods(view, bytes, part),
  };
}

/** `part`: offset of a connection's statistics. */
export function readMethods(view: DataView, bytes: Uint8Array, part: number): readonly MethodFigures[] {
  const { MethodCounts } = layout;
  const methods: MethodFigures[] = [];
  for (let method = 0; method < constants.METHOD_COUNTS_LIMIT; method++) {
    const at = part + constants.STATISTICS_METHODS_OFFSET + method * constants.METHOD_COUNTS_BYTES;
    const name = textAt(bytes, part + constants.STATISTICS_NAMES_OFFSET + method * constants.METHOD_NAME_BYTES);
    const calls = countAt(view, at + MethodCounts.calls.offset);
    if (calls === 0 && name === '') continue;
    const buckets = Array.from({ length: constants.METHOD_BUCKET_COUNT }, (_, bucket) =>
      view.getUint32(at + MethodCounts.bucket0.offset + bucket * 4, true),
    );
    methods.push({
      method,
      name,
      calls,
      failed: countAt(view, at + MethodCounts.failed.offset),
      refused: countAt(view, at + MethodCounts.refused.offset),
      overruns: countAt(view, at + MethodCounts.overruns.offset),
      timed: buckets.reduce((sum, count) => sum + count, 0),
      totalNs: countAt(view, at + MethodCounts.totalNs.offset),
      buckets,
    });
  }
  return methods;
}

/** What a participant has scribbled over is no count. */
function countAt(view: DataView, offset: number): number {
  const count = view.getFloat64(offset, true);
  return Number.isFinite(count) && count >= 0 ? count : 0;
}

function textAt(bytes: Uint8Array, offset: number): string {
  const field = bytes.slice(offset, offset + constants.METHOD_NAME_BYTES);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

function serviceNames(view: DataView, bytes: Uint8Array): ReadonlyMap<bigint, string> {
  const names = new Map<bigint, string>();
  for (let entry = 0; entry < constants.DIRECTORY_COUNT; entry++) {
    const at = constants.DIRECTORY_OFFSET + entry * constants.DIRECTORY_ENTRY_BYTES;
    const length = Number(view.getBigUint64(at + layout.Service.nameBytes.offset, true));
    if (length === 0 || length > constants.NAME_LIMIT_BYTES) continue;
    const nameAt = at + constants.SERVICE_NAME_LINE;
    const field = new DataView(view.buffer, view.byteOffset + nameAt, constants.NAME_LIMIT_BYTES);
    names.set(serviceHash(field, length), new TextDecoder().decode(bytes.slice(nameAt, nameAt + length)));
  }
  return names;
}
