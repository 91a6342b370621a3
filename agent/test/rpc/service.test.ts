/** Typed services on a real mapping, both ends in one thread. */
import { describe, expect, test } from 'vitest';
import { bytes, connectService, defineService, json, quantileNs, RpcError, serve } from '../../src/rpc/index.ts';
import { bothEnds, codeOf, until } from './both-ends.ts';

const calculator = defineService('calculator', {
  version: 3,
  methods: {
    add: json<{ a: number; b: number }, number>({
      check: (request) => typeof (request as { a: unknown } | undefined)?.a === 'number',
    }),
    reverse: bytes,
    later: { payload: json<number, number>(), handler: 'background' },
    copyLater: { payload: bytes, handler: 'background' },
    nothing: json<undefined, undefined>(),
    fail: json<string, number>(),
    long: json<number, string>(),
    longBytes: bytes,
  },
});

const handlers = {
  add: ({ a, b }: { a: number; b: number }) => a + b,
  reverse: (request: Uint8Array, response: Uint8Array) => {
    response.set(request);
    response.subarray(0, request.length).reverse();
    return request.length;
  },
  later: async (value: number) => value + 1,
  copyLater: async (request: Uint8Array, response: Uint8Array) => {
    response.set(request);
    return request.length;
  },
  nothing: () => undefined,
  fail: (reason: string): number => {
    if (reason === 'refuse') throw new RpcError('REFUSED', 'not today');
    throw new Error(`because of ${reason}`);
  },
  long: (length: number) => 'é'.repeat(length),
  longBytes: (_request: Uint8Array, response: Uint8Array) => response.length + 1,
};

describe('a definition', () => {
  test('numbers methods as they are declared, and keeps their options', () => {
    expect(calculator.methods.map(({ name, number }) => [name, number]).slice(0, 3)).toEqual([
      ['add', 0],
      ['reverse', 1],
      ['later', 2],
    ]);
    expect(calculator.methods[2]).toMatchObject({ handler: 'background', idempotent: false, stream: false });
  });

  test('has at most 31 methods, none of them called by a number', async () => {
    const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`m${index}`, bytes]));
    expect(defineService('many', { methods: many(31) }).methods).toHaveLength(31);
    expect(await codeOf(() => defineService('many', { methods: many(32) }))).toBe('BAD_ARGUMENT');
    expect(await codeOf(() => defineService('none', { methods: {} }))).toBe('BAD_ARGUMENT');
    expect(await codeOf(() => defineService('odd', { methods: { a: bytes, 0: bytes } }))).toBe('BAD_ARGUMENT');
  });

  test('needs a handler for each method', async () => {
    await using ends = bothEnds();
    const incomplete = { ...handlers, add: undefined } as unknown as typeof handlers;
    expect(await codeOf(() => serve(ends.cores[0]!, calculator, incomplete))).toBe('BAD_ARGUMENT');
  });
});

describe('a call', () => {
  test('brings values and bytes there and back', async () => {
    await using ends = bothEnds();
    using server = serve(ends.cores[0]!, calculator, handlers);
    using caller = connectService(ends.cores[1]!, calculator);
    void ends.run(server);

    expect(await caller.call('add', { a: 1, b: 2 })).toBe(3);
    expect(await caller.call('later', 41)).toBe(42);
    expect(await caller.call('nothing', undefined)).toBe(undefined);
    expect([...(await caller.call('reverse', Uint8Array.of(1, 2, 3), { copy: true }))]).toEqual([3, 2, 1]);
    expect([...(await caller.call('copyLater', Uint8Array.of(4, 5), { copy: true }))]).toEqual([4, 5]);
    using reply = await caller.call('reverse', (buffer) => {
      buffer.set([7, 8]);
      return 2;
    });
    expect([...reply.bytes]).toEqual([8, 7]);
  });

  test('that fails says how, and the next one is served', async () => {
    await using ends = bothEnds();
    using server = serve(ends.cores[0]!, calculator, handlers);
    using caller = connectService(ends.cores[1]!, calculator);
    void ends.run(server);

    await expect(caller.call('fail', 'rain')).rejects.toMatchObject({
      code: 'FAILED',
      message: expect.stringContaining('because of rain'),
    });
    await expect(caller.call('fail', 'refuse')).rejects.toMatchObject({
      code: 'REFUSED',
      message: expect.stringContaining('not today'),
    });
    await expect(caller.call('add', {} as never)).rejects.toMatchObject({
      code: 'REFUSED',
      message: expect.stringContaining('not what it takes'),
    });
    expect(await caller.call('long', 100)).toBe('é'.repeat(100));
    expect(await codeOf(caller.call('long', 511))).toBe('OK');
    expect(await codeOf(caller.call('long', 512))).toBe('TOO_LARGE');
    expect(await codeOf(caller.call('longBytes', new Uint8Array(1)))).toBe('TOO_LARGE');
    expect(await codeOf(caller.call('reverse', new Uint8Array(1025)))).toBe('TOO_LARGE');
    expect(await codeOf(caller.call('fail', 'x'.repeat(2000)))).toBe('TOO_LARGE');
    expect(await codeOf(() => caller.call('missing' as 'add', { a: 1, b: 1 }))).toBe('UNKNOWN_METHOD');
    expect(await caller.call('add', { a: 1, b: 2 })).toBe(3);
    expect(caller.counters).toMatchObject({ inFlight: 0, waiting: 0, late: 0, views: 0 });
  });

  test('of a method that the server does not have is UNKNOWN_METHOD', async () => {
    await using ends = bothEnds();
    const newer = defineService('calculator', {
      version: 3,
      methods: { ...calculator.declarations, root: json<number, number>() },
    });
    using server = serve(ends.cores[0]!, calculator, handlers);
    using caller = connectService(ends.cores[1]!, newer);
    void ends.run(server);

    await expect(caller.call('root', 4)).rejects.toMatchObject({
      code: 'UNKNOWN_METHOD',
      message: expect.stringContaining('number 8'),
    });
    expect(server.counters.unknownMethods).toBe(1);
  });

  test('to another version is WRONG_VERSION, to nobody NOT_FOUND, each within its deadline', async () => {
    await using ends = bothEnds();
    using server = serve(ends.cores[0]!, calculator, handlers);
    void ends.run(server);
    using older = connectService(ends.cores[1]!, { ...calculator, version: 2 }, { deadlineMs: 5 });
    using lost = connectService(ends.cores[1]!, { ...calculator, name: 'nobody' }, { deadlineMs: 5 });
    expect(await codeOf(older.connected())).toBe('WRONG_VERSION');
    expect(await codeOf(lost.call('add', { a: 1, b: 1 }))).toBe('NOT_FOUND');
    expect(await codeOf(() => lost.callSync('add', { a: 1, b: 1 }))).toBe('NOT_FOUND');
    expect(await codeOf(() => lost.connectedSync())).toBe('NOT_FOUND');
  });

  test('waits for a server that comes later', async () => {
    await using ends = bothEnds();
    using caller = connectService(ends.cores[1]!, calculator);
    const sum = caller.call('add', { a: 2, b: 2 });
    expect(caller.counters.waiting).toBe(1);
    using server = serve(ends.cores[0]!, calculator, handlers);
    void ends.run(server);
    expect(await sum).toBe(4);
  });

  test('carries the request as it was when the call was made, however long it waits', async () => {
    await using ends = bothEnds();
    using caller = connectService(ends.cores[1]!, calculator);
    const request = Uint8Array.of(1, 2, 3);
    const object = { a: 1, b: 1 };
    const reversed = caller.call('reverse', request, { copy: true });
    const sum = caller.call('add', object);
    request.fill(9);
    object.a = 100;
    using server = serve(ends.cores[0]!, calculator, handlers);
    void ends.run(server);
    expect([...(await reversed)]).toEqual([3, 2, 1]);
    expect(await sum).toBe(2);
  });

  test('after the end of its caller is CLOSED, and one in flight ends so', async () => {
    await using ends = bothEnds();
    using server = serve(ends.cores[0]!, calculator, handlers);
    const caller = connectService(ends.cores[1]!, calculator);
    const sum = codeOf(caller.call('add', { a: 1, b: 1 }));
    expect(caller.counters.inFlight).toBe(1);
    caller.close();
    expect(await sum).toBe('CLOSED');
    expect(await codeOf(() => caller.call('add', { a: 1, b: 1 }))).toBe('CLOSED');
    expect(server.counters.hungUp).toBe(0);
    void ends.run(server);
  });

  test('that is refused by a server that closes was not executed', async () => {
    await using ends = bothEnds();
    const server = serve(ends.cores[0]!, calculator, handlers);
    using caller = connectService(ends.cores[1]!, calculator);
    const calls = [1, 2, 3].map((a) => codeOf(caller.call('add', { a, b: 1 })));
    server.close();
    expect(await Promise.all(calls)).toEqual(['REFUSED', 'REFUSED', 'REFUSED']);
    expect(server.counters.methods.add!.calls).toBe(0);
  });
});

test('what is no call of the service does not compile', async () => {
  await using ends = bothEnds();
  using caller = connectService(ends.cores[1]!, calculator, { deadlineMs: 0 });
  // @ts-expect-error a method that there is not
  expect(await codeOf(() => caller.call('subtract', { a: 1, b: 1 }))).toBe('UNKNOWN_METHOD');
  // @ts-expect-error a request of another type
  expect(await codeOf(caller.call('add', 'one and one'))).toBe('NOT_FOUND');
  // @ts-expect-error a call is no stream
  expect(await codeOf(() => caller.stream('add', { a: 1, b: 1 }).next())).toBe('NOT_FOUND');
  // @ts-expect-error a handler that returns what its method does not
  expect(() => serve(ends.cores[0]!, calculator, { ...handlers, add: () => 'two' }).close()).not.toThrow();
});

describe.each(['hardened', 'faithful'] as const)('in the %s layout', (layout) => {
  test.each(['coherent', 'lines', 'fast', 'non-temporal'] as const)(
    'shared as %s, calls, streams and channels work',
    async (sharing) => {
      await using ends = bothEnds();
      const service = defineService('layouts', {
        methods: { double: json<number, number>(), count: { payload: json<number, number>(), stream: true } },
      });
      const channels = new Set<number>();
      using server = serve(
        ends.cores[0]!,
        service,
        {
          double: (value, { channel }) => {
            channels.add(channel);
            return 2 * value;
          },
          *count(limit) {
            for (let value = 0; value < limit; value++) yield value;
          },
        },
        { layout, sharing, window: 4 },
      );
      using first = connectService(ends.cores[1]!, service, { share: true });
      using second = connectService(ends.cores[1]!, service, { share: true });
      void ends.run(server);
      const sums = [first, second].flatMap((caller) => [1, 2, 3].map((value) => caller.call('double', value)));
      expect(await Promise.all(sums)).toEqual([2, 4, 6, 2, 4, 6]);
      expect(channels).toEqual(new Set([0, 1]));
      const items: number[] = [];
      for await (const item of second.stream('count', 10)) items.push(item);
      expect(items).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    },
  );
});

describe('the counters', () => {
  test('tell calls, failures, refusals and times, of connections that are closed as well', async () => {
    await using ends = bothEnds();
    using server = serve(ends.cores[0]!, calculator, handlers, { timedOneOf: 1, budgetMs: 0 });
    using caller = connectService(ends.cores[1]!, calculator);
    void ends.run(server);
    for (let a = 0; a < 5; a++) await caller.call('add', { a, b: 1 });
    await codeOf(caller.call('fail', 'rain'));
    await codeOf(caller.call('fail', 'refuse'));

    caller.close();
    await until(() => server.counters.hungUp === 1);
    const { methods } = server.counters;
    expect(methods.add).toMatchObject({ calls: 5, failed: 0, refused: 0, timed: 5, overruns: 5 });
    expect(methods.fail).toMatchObject({ calls: 2, failed: 1, refused: 1 });
    expect(methods.add!.buckets.reduce((sum, count) => sum + count, 0)).toBe(5);
    expect(quantileNs(methods.add!, 0.5)).toBeGreaterThan(1);
    expect(methods.add!.totalNs).toBeGreaterThan(0);
  });
});
