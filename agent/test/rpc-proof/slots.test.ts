/** What the TypeScript of a connection makes of slots and offers; server and caller take their turns in one thread. */
import { expect, test } from 'vitest';
import { inspectPool } from '../../src/inspect/index.ts';
import { codes, constants } from '../../src/layout/index.ts';
import { connect, listen, RpcError } from '../../src/rpc/index.ts';
import { joinedCores, poolFiles, poolSizeBytes } from '../pool/pool-files.ts';

const soon = { deadlineMs: 50 };
const echo = (request: Uint8Array, response: Uint8Array): number => {
  response.set(request);
  return request.length;
};

function bothEnds(window = 4) {
  const files = poolFiles();
  const [serving, calling] = joinedCores(files, 2);
  const server = listen(serving!, 'slots', { window });
  const connection = connect(calling!, 'slots', soon);
  const send = (value: number, kind = 0): number => {
    const slot = connection.begin()!;
    connection.request(slot)[0] = value;
    connection.send(slot, 1, kind);
    return slot;
  };
  return { server, connection, send, pool: calling!.pool, [Symbol.dispose]: () => files[Symbol.dispose]() };
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof RpcError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'OK';
}

test('a call that is finished before it is answered keeps its slot until its response came', () => {
  using ends = bothEnds(2);
  const { server, connection, send } = ends;
  const slot = send(1);
  expect(send(2)).toBe(1);
  const [first, second] = [server.take(1), server.take(1)];
  if (typeof first === 'string' || typeof second === 'string') throw new Error('a request was not taken');

  connection.finish(slot);
  expect(connection.begin()).toBeUndefined();
  server.reply(second.slot, 0);
  expect(connection.pollAny()).toBe(1);
  expect(connection.poll(1)).toMatchObject({ status: codes.OK });
  connection.finish(1);
  expect(connection.begin()).toBeUndefined();
  expect(connection.inFlight).toBe(1);

  server.reply(first.slot, 0);
  expect(connection.pollAny()).toBeUndefined();
  expect(connection.begin()).toBe(slot);
  expect(connection.inFlight).toBe(0);
});

test('a call waits while the server wants no more of them, until its deadline', () => {
  using ends = bothEnds();
  const { server, connection, send } = ends;
  server.offer(1);
  const slot = send(1);
  expect(codeOf(() => connection.callSync(Uint8Array.of(2), soon))).toMatch(/^TIMEOUT: slots wanted no more than 1 calls/);
  expect(connection.next).toBe(1);

  // Once the call in flight has ended, although nobody waits for it, the next one is sent.
  connection.abandon(slot);
  server.poll(echo, 1);
  expect(codeOf(() => connection.callSync(Uint8Array.of(2), soon))).toMatch(/^TIMEOUT: .*not answered/);
  expect(connection.next).toBe(2);
  expect(server.poll(echo, 1)).toBe('served');
});

test('a caller whose server hung up while it wanted no more calls is told so', () => {
  using ends = bothEnds();
  const { server, connection, send } = ends;
  server.offer(1);
  send(1);
  server.close();
  expect(codeOf(() => connection.callSync(Uint8Array.of(2), soon))).toMatch(/^CLOSED/);
});

test('a window that the server has made smaller gives its late slots back to who begins', () => {
  using ends = bothEnds();
  const { server, connection, send } = ends;
  server.offer(1);
  connection.abandon(send(1));
  expect(connection.begin()).toBeUndefined();
  server.poll(echo, 1);
  expect(connection.begin()).toBe(1);
});

test('a batch is refused while other calls are not finished', () => {
  using ends = bothEnds();
  const { server, connection, send } = ends;
  const slot = send(1);
  const batch = () => codeOf(() => connection.callBatch(1, 8, soon));
  expect(batch()).toMatch(/^BAD_ARGUMENT: a batch of slots was begun while 1 other calls are not finished/);
  server.poll(echo, 1);
  expect(batch()).toMatch(/^BAD_ARGUMENT/);
  expect(connection.poll(slot)!.bytes).toEqual(Uint8Array.of(1));
  connection.finish(slot);
  expect(batch()).toMatch(/^TIMEOUT/);
});

test('a handler is given the method, with or without a header', () => {
  using ends = bothEnds();
  const methods: number[] = [];
  const handler = (_request: Uint8Array, _response: Uint8Array, method: number): number => {
    methods.push(method);
    return 0;
  };
  ends.send(1, 5);
  ends.send(2, 6 + constants.KIND_HEADER);
  ends.server.poll(handler, 1, 2);
  expect(methods).toEqual([5, 6]);
});

test('the window of a connection and its calls in flight can be read from the pool', () => {
  using ends = bothEnds(8);
  for (const value of [1, 2, 3]) ends.send(value);

  const [connection] = inspectPool(ends.pool, poolSizeBytes).connections;

  expect(connection).toMatchObject({ state: 'open', window: 8, inFlight: 3 });
});
