/** Callers and handlers that do wrong: the server answers the others meanwhile. */
import { expect, test } from 'vitest';
import { codes, constants } from '../../src/layout/index.ts';
import type { Core } from '../../src/pool/core.ts';
import { bytes, type Connection, connect, connectService, defineService, json, serve } from '../../src/rpc/index.ts';
import { HeaderLine, streamSteps, streamWord } from '../../src/rpc/message-header.ts';
import { bothEnds, codeOf, until } from './both-ends.ts';

const service = defineService('target', {
  methods: {
    double: json<number, number>(),
    echo: bytes,
    later: { payload: json<number, number>(), handler: 'background' },
    items: { payload: json<number, number>(), stream: true },
    confused: json<number, number>(),
    itemsLater: { payload: json<number, number>(), stream: true },
    echoLater: { payload: bytes, handler: 'background' },
  },
});

const handlers = {
  double: (value: number) => 2 * value,
  echo: (request: Uint8Array, response: Uint8Array) => {
    response.set(request);
    return request.length;
  },
  later: async (value: number) => value,
  *items(limit: number) {
    if (limit < 0) throw new Error('no items');
    for (let value = 0; value < limit; value++) yield value;
  },
  itemsLater: (limit: number) => itemsLater(limit),
  echoLater: async (request: Uint8Array, response: Uint8Array) => {
    response.set(request);
    return request.length;
  },
  confused: (value: number): number => {
    if (value === 0) throw null;
    if (value === 1) throw { message: { toString: null } };
    const loop: { self?: unknown } = {};
    loop.self = loop;
    return loop as never;
  },
};

async function* itemsLater(limit: number) {
  if (limit < 0) throw new Error('no items');
  for (let value = 0; value < limit; value++) yield value;
}

const echoMethod = 1;
const soon = { deadlineMs: 0 };

/** Sends bytes as a request of any kind, as a program without our types might. */
function sendRaw(connection: Connection, kind: number, request: Uint8Array, header?: (line: HeaderLine) => void): number {
  const slot = connection.begin()!;
  connection.request(slot).set(request);
  header?.(new HeaderLine(connection.requestHeader(slot)));
  connection.send(slot, request.length, kind);
  return slot;
}

async function answerTo(connection: Connection, slot: number): Promise<{ readonly status: number; readonly said: string }> {
  let response = connection.poll(slot);
  await until(() => {
    response ??= connection.poll(slot);
    return response !== undefined;
  });
  const answer = { status: response!.status, said: Buffer.from(response!.bytes).toString() };
  connection.finish(slot);
  return answer;
}

test('requests that are not JSON, of no method, or of no stream are answered, one by one', async () => {
  await using ends = bothEnds();
  using server = serve(ends.cores[0]!, service, handlers);
  using rogue = connect(ends.cores[1]!, service.name, soon);
  void ends.run(server);
  const text = (said: string) => new TextEncoder().encode(said);
  const withStream = (word: number) => (line: HeaderLine) => line.write(0, 0, word);
  const header = constants.KIND_HEADER;
  const cases: readonly (readonly [number, Uint8Array, number | undefined, number, string])[] = [
    [0, text('{'), undefined, codes.REFUSED, 'not JSON'],
    [0, Uint8Array.of(0xff, 0xfe, 0x00), undefined, codes.REFUSED, 'not JSON'],
    [2, text('}'), undefined, codes.REFUSED, 'not JSON'],
    [3, text('1'), undefined, codes.REFUSED, 'is not called'],
    [3, text('['), streamWord.pack(streamSteps.open, 1), codes.REFUSED, 'not JSON'],
    [3, text(''), streamWord.pack(streamSteps.next, 7), codes.REFUSED, 'never opened'],
    [3, text(''), streamWord.pack(7, 1), codes.REFUSED, 'is not called'],
    [3, text(''), streamWord.pack(streamSteps.drop, 9), codes.OK, ''],
    [9, text('1'), undefined, codes.UNKNOWN_METHOD, 'no method number 9'],
    [30, text('1'), undefined, codes.UNKNOWN_METHOD, 'no method number 30'],
    [31, text('1'), undefined, codes.REFUSED, 'nothing was executed'],
    [4, text('0'), undefined, codes.FAILED, 'null'],
    [4, text('1'), undefined, codes.FAILED, ''],
    [4, text('2'), undefined, codes.FAILED, 'cannot be said in JSON'],
    [0, text('21'), undefined, codes.OK, '42'],
  ];
  for (const [kind, request, stream, status, said] of cases) {
    const slot =
      stream === undefined ? sendRaw(rogue, kind, request) : sendRaw(rogue, kind + header, request, withStream(stream));
    const answer = await answerTo(rogue, slot);
    expect({ kind, status: answer.status }).toEqual({ kind, status });
    expect(answer.said).toContain(said);
  }
  expect(server.counters).toMatchObject({ unknownMethods: 2, cancelled: 1, refused: 0, streams: 0 });
});

test.each([3, 5])('a stream that failed is gone, also when its caller (of method %i) never says so', async (method) => {
  await using ends = bothEnds();
  using server = serve(ends.cores[0]!, service, handlers, { streamLimit: 1 });
  using rogue = connect(ends.cores[1]!, service.name, soon);
  void ends.run(server);
  const open = (number: number, limit: string) =>
    sendRaw(rogue, method + constants.KIND_HEADER, new TextEncoder().encode(limit), (line) =>
      line.write(0, 0, streamWord.pack(streamSteps.open, number)),
    );
  expect(await answerTo(rogue, open(1, '-1'))).toEqual({ status: codes.FAILED, said: 'no items' });
  expect(server.counters.streams).toBe(0);
  expect(await answerTo(rogue, open(2, '3'))).toEqual({ status: codes.OK, said: '0' });
  expect((await answerTo(rogue, open(2, '3'))).status).toBe(codes.REFUSED);
  expect((await answerTo(rogue, open(3, '3'))).status).toBe(codes.REFUSED);
  expect(server.counters.streams).toBe(1);
});

test('entries that are lies are refused, and their sender and others are served on', async () => {
  await using ends = bothEnds(3);
  using server = serve(ends.cores[0]!, service, handlers);
  using rogue = connect(ends.cores[1]!, service.name, soon);
  using honest = connectService(ends.cores[2]!, service);
  void ends.run(server);
  const lies = [{ offset: 0 }, { length: 1025 }, { length: 0xffff }, { offset: ends.cores[1]!.pool.length - 64 }];
  for (const [at, lie] of lies.entries()) {
    // With no time to wait, `forge` sends and leaves the slot to its late answer.
    await codeOf(() => rogue.forge(lie, soon));
    await until(() => server.counters.refused === at + 1);
    expect(await honest.call('double', at)).toBe(2 * at);
  }
  const slot = sendRaw(rogue, 0, new TextEncoder().encode('4'));
  expect(await answerTo(rogue, slot)).toEqual({ status: codes.OK, said: '8' });
});

/** Fills the whole ring again and again, past the core, whether or not the server has answered. */
function floodOf(core: Core, { connection, window }: Connection): () => void {
  const at = core.pool.byteOffset + constants.CONNECTIONS_OFFSET + connection * constants.CONNECTION_BYTES;
  const ring = new BigUint64Array(core.pool.buffer, at + constants.REQUEST_RING_OFFSET, window);
  const payload = at - core.pool.byteOffset + constants.REQUEST_ARENA_OFFSET + constants.HEADER_BYTES;
  let next = 0;
  return () => {
    for (let sent = 0; sent < window; sent++, next++) {
      const phase = (Math.floor(next / window) % 2) ^ 1;
      const mark = BigInt(phase * 0x8000 + (next % 0x8000));
      ring[next % window] = (mark << 48n) | (1n << 32n) | BigInt(payload + echoMethod);
    }
  };
}

test('a caller that floods its ring and never reads costs others no more than its turns', async () => {
  await using ends = bothEnds(3);
  using server = serve(ends.cores[0]!, service, handlers, { window: 64, payloadBytes: 64, requestsPerTurn: 4 });
  const rogue = connect(ends.cores[1]!, service.name, soon);
  const flood = floodOf(ends.cores[1]!, rogue);
  flood();
  const before = server.counters.methods.echo!.calls;
  server.turn();
  server.turn();
  expect(server.counters.methods.echo!.calls - before).toBeLessThanOrEqual(8);

  using honest = connectService(ends.cores[2]!, service);
  void ends.run(server);
  for (let value = 0; value < 50; value++) {
    const turnsBefore = server.counters.methods.echo!.calls;
    flood();
    expect(await honest.call('double', value)).toBe(2 * value);
    expect(server.counters.methods.echo!.calls - turnsBefore).toBeLessThanOrEqual(64);
  }
  rogue.close();
  await until(() => server.counters.hungUp === 1);
});

test('a caller that stops reading fills its window, and no more', async () => {
  await using ends = bothEnds(3);
  using server = serve(ends.cores[0]!, service, handlers, { window: 4 });
  using silent = connect(ends.cores[1]!, service.name, soon);
  using honest = connectService(ends.cores[2]!, service);
  void ends.run(server);
  for (let sent = 0; sent < 4; sent++) sendRaw(silent, sent % 2 === 0 ? 0 : 2, new TextEncoder().encode(`${sent}`));
  expect(silent.begin()).toBe(undefined);
  for (let value = 0; value < 50; value++) expect(await honest.call('later', value)).toBe(value);
  expect(server.counters.background).toEqual({ running: 0, waiting: 0, overdue: 0 });
  expect(await answerTo(silent, 0)).toEqual({ status: codes.OK, said: '0' });
});

test('a request that changes while it is read is read once', async () => {
  await using ends = bothEnds();
  const seen: number[] = [];
  using server = serve(ends.cores[0]!, service, {
    ...handlers,
    double: (value: number) => {
      // The caller's next bytes are there before the handler looks again.
      rogue.request(0).set(new TextEncoder().encode('99'));
      seen.push(value);
      return value;
    },
  });
  using rogue = connect(ends.cores[1]!, service.name, soon);
  void ends.run(server);
  const slot = sendRaw(rogue, 0, new TextEncoder().encode('21'));
  expect(await answerTo(rogue, slot)).toEqual({ status: codes.OK, said: '21' });
  expect(seen).toEqual([21]);
});

test('a handler in the background has bytes of its own, whatever becomes of the buffers', async () => {
  await using ends = bothEnds();
  let go = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  using server = serve(ends.cores[0]!, service, {
    ...handlers,
    echoLater: async (request, response) => {
      await gate;
      response.set(request);
      return request.length;
    },
  });
  using rogue = connect(ends.cores[1]!, service.name, soon);
  void ends.run(server);
  const slot = sendRaw(rogue, 6, new TextEncoder().encode('as it was'));
  await until(() => server.counters.background.running === 1);
  rogue.request(slot).set(new TextEncoder().encode('something else'));
  go();
  expect(await answerTo(rogue, slot)).toEqual({ status: codes.OK, said: 'as it was' });
});

test('a server that answers what is not JSON, or not at all as agreed, fails one call', async () => {
  await using ends = bothEnds();
  const liar = defineService('target', {
    methods: { double: bytes, echo: bytes, later: bytes, items: bytes, confused: bytes, itemsLater: bytes, echoLater: bytes },
  });
  const garbage = (_request: Uint8Array, response: Uint8Array) => {
    response.fill(0x7b);
    return 3;
  };
  using server = serve(ends.cores[0]!, liar, {
    double: garbage,
    echo: garbage,
    later: garbage,
    items: garbage,
    confused: garbage,
    itemsLater: garbage,
    echoLater: garbage,
  });
  using caller = connectService(ends.cores[1]!, service);
  void ends.run(server);
  expect(await codeOf(caller.call('double', 1))).toBe('FAILED');
  expect(await codeOf(caller.stream('items', 1).next())).toBe('FAILED');
  expect(await codeOf(caller.call('echo', new Uint8Array(1), { copy: true }))).toBe('OK');
  await until(() => caller.counters.inFlight === 0);
});
