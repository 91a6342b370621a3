/** The TypeScript API of HydraRPC, client table and history on a real mapping, both sides in one thread. */
import { describe, expect, test } from 'vitest';
import { clearHistory, drawnTickets, readHistoryFile, recordEnd, recordInvoke } from '../../src/history/index.ts';
import { inspectPool } from '../../src/inspect/index.ts';
import { constants } from '../../src/layout/index.ts';
import { abort, clearAbort, isAborted } from '../../src/pool/map.ts';
import { fenceProcess, grantFence, isFenced, joinPool, leavePool, recoverClient } from '../../src/pool/pool.ts';
import { connect, listen, RpcError } from '../../src/rpc/index.ts';
import { joinedCores, poolFiles, poolSizeBytes } from './pool-files.ts';

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof RpcError) return error.code;
    throw error;
  }
  return 'nothing was refused';
}

const soon = { deadlineMs: 0 };

describe('connecting', () => {
  test('to nobody is NOT_FOUND after its deadline', () => {
    using files = poolFiles();
    const [core] = joinedCores(files, 1);
    expect(codeOf(() => connect(core!, 'nobody', soon))).toBe('NOT_FOUND');
  });

  test('a name of no bytes or too many is refused, one of 64 is not', () => {
    using files = poolFiles();
    const [core] = joinedCores(files, 1);
    expect(codeOf(() => listen(core!, ''))).toBe('BAD_ARGUMENT');
    expect(codeOf(() => listen(core!, 'x'.repeat(65)))).toBe('BAD_ARGUMENT');
    expect(listen(core!, 'é'.repeat(32)).service).toBe('é'.repeat(32));
    expect(inspectPool(core!.pool, poolSizeBytes).services[0]?.name).toBe('é'.repeat(32));
  });

  test('rings that do not fit, or whose size is no power of two, are refused', () => {
    using files = poolFiles();
    const [core] = joinedCores(files, 1);
    for (const options of [
      { window: 1 },
      { window: 12 },
      { window: 128 },
      { payloadBytes: 0 },
      { window: 64, payloadBytes: 1024 },
    ]) {
      expect({ options, code: codeOf(() => listen(core!, 'echo', options)) }).toEqual({ options, code: 'BAD_ARGUMENT' });
    }
    expect(listen(core!, 'echo', { window: 64, payloadBytes: 64 }).connection).toBe(0);
  });

  test('a thread that has not joined, or holds all its handles, is refused', () => {
    using files = poolFiles();
    const [core] = joinedCores(files, 1);
    const sides: { close(): void }[] = Array.from({ length: constants.CONNECTION_COUNT }, () => listen(core!, 'echo'));
    expect(codeOf(() => listen(core!, 'echo'))).toBe('FULL');
    while (sides.length < constants.HANDLE_COUNT) sides.push(connect(core!, 'echo', soon));
    expect(codeOf(() => connect(core!, 'echo', soon))).toBe('FULL');
    for (const side of sides) side.close();
    expect(inspectPool(core!.pool, poolSizeBytes).connections).toEqual([]);
    leavePool(core!);
    expect(codeOf(() => listen(core!, 'echo'))).toBe('BAD_ARGUMENT');
  });

  test('is aborted with the process', () => {
    using files = poolFiles();
    const [core] = joinedCores(files, 1);
    abort(core!.mapped);
    expect(isAborted(core!.mapped)).toBe(true);
    expect(codeOf(() => connect(core!, 'nobody', { deadlineMs: 60_000 }))).toBe('ABORTED');
    clearAbort(core!.mapped);
    expect(isAborted(core!.mapped)).toBe(false);
  });
});

describe('a call', () => {
  test('without a server that looks is a TIMEOUT, and its connection is over', () => {
    using files = poolFiles();
    const [here, there] = joinedCores(files, 2);
    listen(there!, 'echo');
    const connection = connect(here!, 'echo', soon);
    expect(codeOf(() => connection.callSync(new Uint8Array(8), soon))).toBe('TIMEOUT');
    expect(codeOf(() => connection.callSync(new Uint8Array(8), soon))).toBe('TIMEOUT');
    connection.close();
    expect(codeOf(() => connection.callSync(new Uint8Array(8), soon))).toBe('BAD_ARGUMENT');
  });

  test('that is longer than agreed is refused before it is sent', () => {
    using files = poolFiles();
    const [here, there] = joinedCores(files, 2);
    listen(there!, 'echo', { payloadBytes: 32 });
    const connection = connect(here!, 'echo', soon);
    expect(codeOf(() => connection.callSync(new Uint8Array(33), soon))).toBe('BAD_ARGUMENT');
    expect(codeOf(() => connection.callSync(() => 33, soon))).toBe('BAD_ARGUMENT');
  });

  test('to a closed server is CLOSED, to a fenced one PEER_LOST', () => {
    using files = poolFiles();
    const [here, there, undertaker] = joinedCores(files, 3);
    const first = listen(there!, 'echo');
    const closed = connect(here!, 'echo', soon);
    first.close();
    expect(codeOf(() => closed.callSync(new Uint8Array(8), soon))).toBe('CLOSED');
    listen(there!, 'echo');
    const lost = connect(here!, 'echo', soon);
    grantFence(undertaker!, { id: there!.exports.selfClient(), incarnation: there!.exports.selfIncarnation() });
    expect(codeOf(() => lost.callSync(new Uint8Array(8), soon))).toBe('PEER_LOST');
  });
});

describe('fencing and recovery', () => {
  test('find every client of a process, and need the fence first', () => {
    using files = poolFiles();
    const [dead, undertaker] = joinedCores(files, 2);
    const client = { id: dead!.exports.selfClient(), incarnation: dead!.exports.selfIncarnation() };
    expect(() => recoverClient(undertaker!, client)).toThrow('is not fenced');
    expect(fenceProcess(undertaker!, { machineNumber: 1, pid: process.pid })).toEqual([client]);
    expect(isFenced(undertaker!, client)).toBe(true);
    expect(inspectPool(undertaker!.pool, poolSizeBytes).problems).toEqual([
      'client 0, incarnation 1, is fenced and not recovered',
    ]);

    recoverClient(undertaker!, client);
    recoverClient(undertaker!, client);

    expect(inspectPool(undertaker!.pool, poolSizeBytes).problems).toEqual([]);
    expect(fenceProcess(undertaker!, { machineNumber: 1, pid: process.pid })).toEqual([]);
    expect(readHistoryFile(files.historyPath).records).toMatchObject([
      { kind: 'recovered', machine: 2, client: 1, deadClient: client.id, deadIncarnation: client.incarnation },
    ]);
  });

  test('an incarnation that never was cannot be fenced', () => {
    using files = poolFiles();
    const [core] = joinedCores(files, 1);
    expect(() => grantFence(core!, { id: 0, incarnation: 2 })).toThrow(RangeError);
    expect(() => grantFence(core!, { id: constants.CLIENT_COUNT, incarnation: 1 })).toThrow(RangeError);
  });

  test('a place that is used again is another incarnation', () => {
    using files = poolFiles();
    const [core] = joinedCores(files, 1);
    leavePool(core!);
    expect(joinPool(core!, { machineNumber: 1 })).toEqual({ id: 0, incarnation: 2 });
  });
});

describe('the history', () => {
  test('keeps invokes and ends in the order of their tickets, with their 53-bit numbers', () => {
    using files = poolFiles();
    const [left, right] = joinedCores(files, 2);
    recordInvoke(left!, { operation: 'rpc-call', call: 2 ** 40 + 1, argument: 2 ** 52 });
    recordInvoke(right!, { operation: 'rpc-serve', call: 7 });
    recordEnd(left!, { operation: 'rpc-call', call: 2 ** 40 + 1, outcome: 'unknown', result: 5 });

    const history = readHistoryFile(files.historyPath);

    expect(history).toMatchObject({ unpublished: [], overflow: 0, problems: [] });
    expect(history.records).toMatchObject([
      {
        ticket: 0,
        kind: 'invoke',
        operation: 'rpc-call',
        call: 2 ** 40 + 1,
        argument: 2 ** 52,
        machine: 1,
        client: 0,
        pid: process.pid,
      },
      { ticket: 1, kind: 'invoke', operation: 'rpc-serve', call: 7, machine: 2, client: 1 },
      { ticket: 2, kind: 'end', operation: 'rpc-call', call: 2 ** 40 + 1, outcome: 'unknown', result: 5 },
    ]);
  });

  test('counts what found no room and keeps the rest', () => {
    using files = poolFiles();
    const [core] = joinedCores(files, 1);
    const { capacity } = readHistoryFile(files.historyPath);
    for (let call = 0; call < capacity; call++) expect(recordInvoke(core!, { operation: 'rpc-call', call })).toBe(true);
    for (let call = 0; call < 3; call++) expect(recordInvoke(core!, { operation: 'rpc-call', call })).toBe(false);

    const history = readHistoryFile(files.historyPath);
    expect(history.records).toHaveLength(capacity);
    expect(history.overflow).toBe(3);
  });

  test('that is full can be begun anew by whoever has the file, while its writers keep it mapped', () => {
    using files = poolFiles();
    const [core] = joinedCores(files, 1);
    const { capacity } = readHistoryFile(files.historyPath);
    for (let call = 0; call < capacity + 3; call++) recordInvoke(core!, { operation: 'rpc-call', call });
    expect(drawnTickets(files.historyPath)).toBe(capacity + 3);

    clearHistory(files.historyPath);

    expect(readHistoryFile(files.historyPath)).toMatchObject({
      records: [],
      unpublished: [],
      overflow: 0,
      capacity,
      problems: [],
    });
    expect(recordInvoke(core!, { operation: 'rpc-call', call: 9 })).toBe(true);
    expect(readHistoryFile(files.historyPath).records).toMatchObject([{ ticket: 0, call: 9 }]);
  });
});
