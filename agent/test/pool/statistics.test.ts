/** What connections count of their calls, read from the bytes of the pool. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { codes, constants } from '../../src/layout/index.ts';
import { connect } from '../../src/rpc/caller.ts';
import { bucketLimitNs, byMethod, quantileNs, readStatistics, readStatisticsFile } from '../../src/rpc/read-statistics.ts';
import { listen } from '../../src/rpc/server.ts';
import { handOverName } from '../../src/rpc/service-name.ts';
import { joinedCores, poolFiles } from '../pool/pool-files.ts';

const generous = { deadlineMs: 60_000 };

/** Client and server of one service in two threads' cores, which take turns. */
function pair(files: ReturnType<typeof poolFiles>, service: string, options = {}) {
  const [there, here] = joinedCores(files, 2);
  const server = listen(there!, service, options);
  const connection = connect(here!, service, { deadlineMs: 0 });
  return { server, connection, read: () => readStatistics(here!.pool), here: here!, there: there! };
}

function call(
  { server, connection }: Pick<ReturnType<typeof pair>, 'server' | 'connection'>,
  method: number,
  handler = () => 0,
): void {
  const slot = connection.begin()!;
  connection.send(slot, 8, method);
  server.poll(handler, 1);
  connection.poll(slot);
  connection.finish(slot);
}

test('nothing listened, so there is nothing to tell', () => {
  using files = poolFiles();
  joinedCores(files, 1);
  expect(readStatisticsFile(files.poolPath)).toEqual([]);
});

test('calls are counted by method, with what became of them and what the server calls them', () => {
  using files = poolFiles();
  const ends = pair(files, 'counted', { timedOneOf: 1 });
  ends.server.statistics.name(['add', 'straße-überaus-lang']);
  for (let count = 0; count < 5; count++) call(ends, 0);
  for (let count = 0; count < 3; count++)
    call(ends, 31, () => {
      throw new Error('no');
    });

  const [figures] = ends.read();
  expect(figures).toMatchObject({ service: 'counted', state: 'open', timedOneOf: 1, sent: 8, inFlight: 0, resent: 0, late: 0 });
  expect(figures!.methods).toMatchObject([
    { method: 0, name: 'add', calls: 5, failed: 0, refused: 0, timed: 5 },
    { method: 1, name: 'straße-überaus', calls: 0, timed: 0 },
    { method: 31, name: '', calls: 3, failed: 3, refused: 0, timed: 3 },
  ]);
  for (const { totalNs, timed } of figures!.methods) expect(totalNs > 0).toBe(timed > 0);
});

test('a name is cut off between characters', () => {
  using files = poolFiles();
  const ends = pair(files, 'named');
  // 15 bytes, then one of two.
  ends.server.statistics.name(['abcdefghijklmnoß']);
  expect(ends.read()[0]!.methods[0]!.name).toBe('abcdefghijklmno');
});

test('only one of so many calls is timed', () => {
  using files = poolFiles();
  const ends = pair(files, 'sampled', { timedOneOf: 8 });
  for (let count = 0; count < 20; count++) call(ends, 2);
  expect(ends.read()[0]!.methods).toMatchObject([{ method: 2, calls: 20, timed: 3 }]);
  expect(() => listen(ends.there, 'odd', { timedOneOf: 3 })).toThrow('a power of two');
});

test('refused calls are told apart from failed ones', () => {
  using files = poolFiles();
  const { server, read } = pair(files, 'statuses');
  for (const status of [codes.OK, codes.REFUSED, codes.FAILED, codes.TOO_LARGE, codes.UNKNOWN_METHOD])
    server.statistics.count(4, status);
  server.statistics.overran(4);
  expect(read()[0]!.methods).toMatchObject([{ method: 4, calls: 5, failed: 3, refused: 1, overruns: 1, timed: 0 }]);
});

test('times lie in the bucket of their power of two, the shortest in the first, the longest in the last', () => {
  using files = poolFiles();
  const { server, read } = pair(files, 'timed');
  const last = constants.METHOD_BUCKET_COUNT - 1;
  const places = [
    [0, 0],
    [127.9, 0],
    [128, 1],
    [255.9, 1],
    [256, 2],
    [2 ** 27 - 1, last - 1],
    [2 ** 28, last],
    [2 ** 31, last],
    [1e12, last],
  ] as const;
  for (const [ns] of places) server.statistics.count(0, codes.OK, ns);
  const expected = Array.from({ length: constants.METHOD_BUCKET_COUNT }, (_, bucket) =>
    places.reduce((sum, [, place]) => sum + (place === bucket ? 1 : 0), 0),
  );
  const [method] = read()[0]!.methods;
  expect(method!.buckets).toEqual(expected);
  expect(method!.timed).toBe(places.length);
  // Every time lies below the limit of its bucket and not below that of the one before.
  for (const [ns, bucket] of places) {
    expect(ns).toBeLessThan(bucketLimitNs(bucket));
    if (bucket > 0) expect(ns).toBeGreaterThanOrEqual(bucketLimitNs(bucket - 1));
  }
});

describe('a quantile', () => {
  const buckets = [0, 98, 0, 1, 1];

  test('is the limit of the bucket in which it lies', () => {
    expect(quantileNs({ timed: 100, buckets }, 0.5)).toBe(256);
    expect(quantileNs({ timed: 100, buckets }, 0.98)).toBe(256);
    expect(quantileNs({ timed: 100, buckets }, 0.99)).toBe(1024);
    expect(quantileNs({ timed: 100, buckets }, 1)).toBe(2048);
  });

  test('of no times is no number', () => {
    expect(quantileNs({ timed: 0, buckets: [] }, 0.5)).toBeNaN();
  });
});

test('calls in flight, sent again and late are seen while they are so', () => {
  using files = poolFiles();
  const { server, connection, read } = pair(files, 'in-flight');
  const slots = [0, 1, 2].map(() => {
    const slot = connection.begin()!;
    connection.send(slot, 8, 0);
    return slot;
  });
  expect(read()[0]).toMatchObject({ sent: 3, inFlight: 3, resent: 0, late: 0 });
  connection.resend(slots[0]!);
  connection.abandon(slots[1]!);
  connection.abandon(slots[1]!);
  server.poll(() => 0, 1, 3);
  for (const slot of [slots[0]!, slots[2]!]) {
    connection.poll(slot);
    connection.finish(slot);
  }
  expect(read()[0]).toMatchObject({ sent: 3, inFlight: 1, resent: 1, late: 1 });
});

test('a call that is not answered in time is late and in flight; a request that is none counts for no method', () => {
  using files = poolFiles();
  const { server, connection, read } = pair(files, 'synchronous');
  expect(() => connection.callSync(new Uint8Array(8), { deadlineMs: 0 })).toThrow('not answered');
  expect(read()[0]).toMatchObject({ sent: 1, inFlight: 1, late: 1 });
  server.poll(() => 0, 1);
  expect(() => connection.forge({ length: 5_000 }, { deadlineMs: 0 })).toThrow('not answered');
  server.poll(() => 0, 1);
  server.poll(() => 0, 1);
  expect(read()[0]).toMatchObject({ sent: 2, forged: 1, methods: [{ method: 0, calls: 1 }] });
});

test('what the core echoes by itself counts as well', () => {
  using files = poolFiles();
  const ends = pair(files, 'echo');
  const slot = ends.connection.begin()!;
  ends.connection.send(slot, 8, 0);
  expect(ends.server.pollEcho(10, 1)).toBe('served');
  expect(ends.server.pollEcho(10, 1)).toBe('idle');
  expect(ends.read()[0]!.methods).toMatchObject([{ method: 0, calls: 1 }]);
});

test('figures outlive their connection until its place is used again, and then begin at nothing', () => {
  using files = poolFiles();
  const ends = pair(files, 'before');
  call(ends, 1);
  ends.connection.close();
  ends.server.close();
  expect(ends.read()).toMatchObject([{ connection: 0, epoch: 1, service: 'before', state: 'closed', sent: 1, inFlight: 0 }]);

  const server = listen(ends.there, 'after');
  expect(ends.read()).toMatchObject([{ connection: 0, epoch: 2, service: 'after', state: 'listening', sent: 0, methods: [] }]);
  const connection = connect(ends.here, 'after', { deadlineMs: 0 });
  expect(ends.read()).toMatchObject([{ state: 'open', sent: 0, inFlight: 0 }]);
  call({ server, connection }, 0);
  expect(ends.read()).toMatchObject([{ sent: 1, methods: [{ method: 0, calls: 1 }] }]);
});

test("what stood in the memory before the pool was formatted is nobody's figure", () => {
  using files = poolFiles();
  const bytes = Buffer.alloc(constants.CONNECTION_COUNT * constants.STATISTICS_CONNECTION_BYTES);
  // Every word could be the epoch that the first connection will have.
  for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(1, at);
  const file = openSync(files.poolPath, 'r+');
  writeSync(file, bytes, 0, bytes.length, constants.STATISTICS_OFFSET);
  closeSync(file);
  const [core] = joinedCores(files, 1);
  expect(readStatistics(core!.pool)).toEqual([]);

  // As `listen` leaves it for a moment, before the server has cleared its part.
  const { LAYOUT_HARDENED, SHARING_COHERENT } = constants;
  expect(core!.exports.rpcListen(handOverName(core!, 'bare'), 0, 4, 1024, LAYOUT_HARDENED, SHARING_COHERENT)).toBe(
    constants.HANDLE_BASE,
  );
  expect(readStatistics(core!.pool)).toEqual([]);

  listen(core!, 'second');
  expect(readStatistics(core!.pool)).toMatchObject([{ connection: 1, service: 'second', sent: 0, late: 0, methods: [] }]);
});

test('the connections of a service are added up, method by method', () => {
  using files = poolFiles();
  const [there, here] = joinedCores(files, 2);
  const ends = [0, 1].map(() => ({
    server: listen(there!, 'twice', { timedOneOf: 1 }),
    connection: connect(here!, 'twice', generous),
  }));
  ends[1]!.server.statistics.name(['first', 'second']);
  for (const [index, each] of ends.entries()) for (let count = 0; count <= index; count++) call(each, 1);

  const sums = byMethod(readStatistics(here!.pool));
  expect(sums).toMatchObject([
    { service: 'twice', method: 0, name: 'first', calls: 0 },
    { service: 'twice', method: 1, name: 'second', calls: 3, timed: 3 },
  ]);
  expect(sums[1]!.buckets.reduce((sum, count) => sum + count, 0)).toBe(3);
});

describe('bytes', () => {
  test('that are no pool, or one of another build, are refused', () => {
    using files = poolFiles();
    const [core] = joinedCores(files, 1);
    const bytes = core!.pool.slice();
    expect(() => readStatistics(new Uint8Array(bytes.length))).toThrow('no pool');
    expect(() => readStatistics(bytes.subarray(0, 4096))).toThrow('at least');
    bytes[16]! ^= 1;
    expect(() => readStatistics(bytes)).toThrow('has layout');
  });

  test('that a participant has scribbled over are numbers all the same', () => {
    using files = poolFiles();
    const { server, here } = pair(files, 'scribbled');
    server.statistics.name(['a']);
    const part = constants.STATISTICS_OFFSET + server.connection * constants.STATISTICS_CONNECTION_BYTES;
    here.pool.fill(0xff, part + constants.STATISTICS_CALLER_LINE + 8, part + constants.STATISTICS_CONNECTION_BYTES);
    const [figures] = readStatistics(here.pool);
    expect(figures).toMatchObject({ sent: 0, inFlight: 0 });
    expect(figures!.methods[0] ?? { calls: 0 }).toMatchObject({ calls: 0 });
  });
});
