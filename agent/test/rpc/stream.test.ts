/** Results that are pulled one by one, both ends in one thread. */
import { expect, test } from 'vitest';
import { bytes, connectService, defineService, json, serve } from '../../src/rpc/index.ts';
import { bothEnds, codeOf, until } from './both-ends.ts';

const service = defineService('streams', {
  methods: {
    count: { payload: json<number, number>(), stream: true },
    slowly: { payload: json<number, number>(), stream: true },
    chunks: { payload: bytes, stream: true },
    odd: { payload: json<string, string>(), stream: true },
    plain: json<number, number>(),
  },
});

function counting() {
  const state = { made: 0, ended: 0 };
  return {
    state,
    handlers: {
      *count(limit: number) {
        try {
          for (let value = 0; value < limit; value++) {
            state.made++;
            yield value;
          }
        } finally {
          state.ended++;
        }
      },
      async *slowly(limit: number) {
        try {
          for (let value = 0; value < limit; value++) {
            state.made++;
            await Promise.resolve();
            yield value;
          }
        } finally {
          state.ended++;
        }
      },
      *chunks(request: Uint8Array) {
        for (const length of request) yield new Uint8Array(length).fill(length);
      },
      *odd(what: string) {
        yield 'first';
        if (what === 'throw') throw new Error('no more');
        yield 'x'.repeat(5_000);
      },
      plain: (value: number) => value,
    },
  };
}

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

test.each(['count', 'slowly'] as const)('all items of %s arrive in order, once', async (name) => {
  await using ends = bothEnds();
  const { state, handlers } = counting();
  using server = serve(ends.cores[0]!, service, handlers, { window: 4 });
  using caller = connectService(ends.cores[1]!, service);
  void ends.run(server);
  const all = Array.from({ length: 100 }, (_, value) => value);
  expect(await collect(caller.stream(name, 100))).toEqual(all);
  expect(await collect(caller.stream(name, 0))).toEqual([]);
  expect(await Promise.all([collect(caller.stream(name, 50)), collect(caller.stream(name, 30))])).toEqual([
    all.slice(0, 50),
    all.slice(0, 30),
  ]);
  expect(state).toEqual({ made: 180, ended: 4 });
  expect(server.counters.streams).toBe(0);
  expect(caller.counters).toMatchObject({ inFlight: 0, waiting: 0, late: 0 });
});

test('an iterator that bears one pull at a time gets one at a time', async () => {
  await using ends = bothEnds();
  let pulling = 0;
  let most = 0;
  const careful = (limit: number): AsyncGenerator<number> => {
    let value = 0;
    const next = async (): Promise<IteratorResult<number>> => {
      most = Math.max(most, ++pulling);
      await new Promise((resolve) => setImmediate(resolve));
      pulling--;
      return value < limit ? { done: false, value: value++ } : { done: true, value: undefined };
    };
    return { [Symbol.asyncIterator]: () => ({ next }) } as unknown as AsyncGenerator<number>;
  };
  using server = serve(ends.cores[0]!, service, { ...counting().handlers, slowly: careful });
  using caller = connectService(ends.cores[1]!, service);
  void ends.run(server);
  expect(await collect(caller.stream('slowly', 20, { ahead: 8 }))).toHaveLength(20);
  expect(most).toBe(1);
});

test('bytes arrive as copies', async () => {
  await using ends = bothEnds();
  using server = serve(ends.cores[0]!, service, counting().handlers, { window: 2 });
  using caller = connectService(ends.cores[1]!, service);
  void ends.run(server);
  const chunks = await collect(caller.stream('chunks', Uint8Array.of(3, 0, 2)));
  expect(chunks.map((chunk) => [...chunk])).toEqual([[3, 3, 3], [], [2, 2]]);
});

test('a reader that stops reading stops the server, a few items ahead', async () => {
  await using ends = bothEnds();
  const { state, handlers } = counting();
  using server = serve(ends.cores[0]!, service, handlers);
  using caller = connectService(ends.cores[1]!, service);
  void ends.run(server);
  const stream = caller.stream('count', 1_000, { ahead: 3 });
  expect(await stream.next()).toEqual({ done: false, value: 0 });
  for (let value = 0; value < 50; value++) await caller.call('plain', value);
  expect(state.made).toBe(3);
  expect(await stream.next()).toEqual({ done: false, value: 1 });
  for (let value = 0; value < 50; value++) await caller.call('plain', value);
  expect(state.made).toBe(4);
});

test.each(['count', 'slowly'] as const)('a reader that leaves %s early ends the generator at the server', async (name) => {
  await using ends = bothEnds();
  const { state, handlers } = counting();
  using server = serve(ends.cores[0]!, service, handlers);
  using caller = connectService(ends.cores[1]!, service);
  void ends.run(server);
  for await (const item of caller.stream(name, 1_000)) if (item === 5) break;
  await until(() => state.ended === 1);
  expect(server.counters.streams).toBe(0);
  expect(state.made).toBeLessThanOrEqual(10);

  const unread = caller.stream(name, 1_000);
  expect(await unread.return!()).toEqual({ done: true, value: undefined });
  expect(await unread.next()).toEqual({ done: true, value: undefined });
  expect(server.counters.methods[name]!.calls).toBeLessThanOrEqual(10);
});

test('an item that cannot be sent, or a throw, ends the stream with its error', async () => {
  await using ends = bothEnds();
  using server = serve(ends.cores[0]!, service, counting().handlers);
  using caller = connectService(ends.cores[1]!, service);
  void ends.run(server);
  const thrower = caller.stream('odd', 'throw');
  expect(await thrower.next()).toEqual({ done: false, value: 'first' });
  await expect(thrower.next()).rejects.toMatchObject({ code: 'FAILED', message: expect.stringContaining('no more') });
  expect(await thrower.next()).toEqual({ done: true, value: undefined });
  expect(await codeOf(collect(caller.stream('odd', 'large')))).toBe('TOO_LARGE');
  expect(server.counters.streams).toBe(0);
});

test('more streams than a connection may have are refused, and the others go on', async () => {
  await using ends = bothEnds();
  using server = serve(ends.cores[0]!, service, counting().handlers, { streamLimit: 2 });
  using caller = connectService(ends.cores[1]!, service);
  void ends.run(server);
  const two = [caller.stream('count', 20), caller.stream('count', 20)];
  for (const stream of two) await stream.next();
  expect(await codeOf(collect(caller.stream('count', 1)))).toBe('REFUSED');
  expect((await collect(two[0]!)).length).toBe(19);
  expect(await collect(caller.stream('count', 1))).toEqual([0]);
});

test('the end of the caller, and of the server, end their streams', async () => {
  await using ends = bothEnds();
  const { state, handlers } = counting();
  using first = serve(ends.cores[0]!, service, handlers);
  const caller = connectService(ends.cores[1]!, service);
  void ends.run(first);
  await caller.stream('count', 100).next();
  caller.close();
  await until(() => state.ended === 1);

  using other = connectService(ends.cores[1]!, service);
  const cut = other.stream('count', 100, { ahead: 1 });
  await cut.next();
  first.close();
  await until(() => state.ended === 2);
  using second = serve(ends.cores[0]!, service, handlers);
  void ends.run(second);
  // The next server knows nothing of the stream: it must not look as if it had ended.
  expect(await other.call('plain', 1)).toBe(1);
  expect(await codeOf(cut.next())).toBe('PEER_LOST');
});
