/** Methods of kind `heap` beside ordinary ones on one connection, both ends on one event loop. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  type CallerOptions,
  connectService,
  defineService,
  type HeapArguments,
  heap,
  json,
  RpcError,
  type ServeOptions,
  type ServiceServer,
  serve,
} from '../../src/rpc/index.ts';
import { type HeapClient, HeapError, type Ref } from '../../src/shm/index.ts';
import { until } from '../rpc/both-ends.ts';
import { openHeaps } from '../shm/heap-pool.ts';
import { serveLibrary, useLibrary } from './example.ts';
import { numbered, numberOf } from './reference-pool.ts';

const service = defineService('shelf', {
  methods: {
    swap: { payload: heap({ takes: 2, gives: 2 }), idempotent: true },
    any: heap(),
    none: heap({ gives: 0 }),
    fail: heap(),
    hold: { payload: heap({ takes: 1 }), handler: 'background', idempotent: true },
    double: json<number, number>(),
  },
});

/** `hold` ends when the test says so. */
function handlersOf(there: HeapClient) {
  const held: { readonly ref: Ref; readonly signal: AbortSignal; readonly end: (refs: readonly Ref[]) => void }[] = [];
  return {
    held,
    handlers: {
      swap: ({ bytes, refs: [left, right] }: HeapArguments<2>) => ({ bytes, refs: [right, left] as const }),
      any: ({ bytes, refs }: HeapArguments) => ({
        bytes,
        refs: [...refs, ...refs.map((ref) => numbered(there, -numberOf(ref)))],
      }),
      none: ({ refs }: HeapArguments) => ({ refs }) as unknown as Record<string, never>,
      fail: ({ refs }: HeapArguments): never => {
        throw refs.length === 0 ? new RpcError('REFUSED', 'nothing to do') : new Error(`${refs.length} are too many`);
      },
      hold: ({ refs: [ref] }: HeapArguments<1>, { signal }: { readonly signal: AbortSignal }) =>
        new Promise<{ readonly refs: readonly Ref[] }>((resolve) => {
          held.push({ ref, signal, end: (refs) => resolve({ refs: [...refs] }) });
        }) as Promise<{ readonly refs: Ref[] }>,
      double: (value: number) => 2 * value,
    },
  };
}

/** Thread 0 calls, thread 1 serves, thread 2 serves as well if it is told to. */
async function withEnds(
  run: (ends: {
    readonly here: HeapClient;
    readonly there: HeapClient;
    readonly connect: (options?: CallerOptions) => ReturnType<typeof connectService<(typeof service)['declarations']>>;
    readonly serve: (options?: ServeOptions) => ServiceServer & { readonly held: ReturnType<typeof handlersOf>['held'] };
    readonly objects: () => number;
    readonly pool: ReturnType<typeof openHeaps>;
  }) => Promise<void>,
): Promise<void> {
  using pool = openHeaps(2);
  const [here, there] = pool.heaps as [HeapClient, HeapClient];
  const stop = new AbortController();
  const running: Promise<unknown>[] = [];
  const closing: { close(): void }[] = [];
  try {
    await run({
      here,
      there,
      pool,
      objects: pool.objects,
      connect: (options) => {
        const caller = connectService(pool.cores[0]!, service, { heap: here, deadlineMs: 60_000, ...options });
        closing.push(caller);
        return caller;
      },
      serve: (options) => {
        const { held, handlers } = handlersOf(there);
        const server = serve(pool.cores[1]!, service, handlers, { heap: there, ...options });
        closing.push(server);
        running.push(server.runAsync(stop.signal));
        return Object.assign(server, { held });
      },
    });
  } finally {
    stop.abort();
    await Promise.all(running);
    for (const end of closing) end.close();
  }
  const forgotten = pool.heaps.map((each) => each.close());
  expect([forgotten, pool.objects(), pool.audit()]).toEqual([[0, 0], 0, []]);
}

/** The code with which a call ends, of either kind of error. */
async function codeOf(call: Promise<unknown> | (() => unknown)): Promise<string> {
  try {
    await (typeof call === 'function' ? call() : call);
  } catch (error) {
    if (error instanceof RpcError || error instanceof HeapError) return error.code;
    throw error;
  }
  return 'OK';
}

const numbersOf = (refs: readonly Ref[]): readonly number[] => refs.map(numberOf);
const drop = (refs: readonly Ref[]): void => {
  for (const ref of refs) ref.drop();
};

test('the example of the document is this one, and does what it says', async () => {
  const source = readFileSync(new URL('example.ts', import.meta.url), 'utf8')
    .split('\n')
    .slice(1)
    .join('\n')
    .trim();
  const document = readFileSync(new URL('../../../docs/references-in-calls.md', import.meta.url), 'utf8');
  expect(document).toContain(source.replaceAll('../../src/', '../agent/src/'));

  using pool = openHeaps(2);
  const [here, there] = pool.heaps as [HeapClient, HeapClient];
  const stop = new AbortController();
  const server = serveLibrary(pool.cores[1]!, there);
  const end = server.runAsync(stop.signal);
  expect(await useLibrary(pool.cores[0]!, here)).toEqual({ number: 0, shelf: 2, count: 1 });
  stop.abort();
  await end;
  server.close();
  expect([here.rootsInUse, there.rootsInUse]).toEqual([0, 1]);
});

describe('a method of kind heap', () => {
  test('brings references and bytes there and back, in place, copied, in flight together, and beside ordinary calls', () =>
    withEnds(async ({ here, connect, serve }) => {
      const server = serve({ payloadBytes: 64, window: 4 });
      const caller = connect();
      using one = numbered(here, 1);
      using two = numbered(here, 2);
      const calls = Array.from({ length: 12 }, (_, call) =>
        caller.call('swap', { bytes: new Uint8Array(call % 2 === 0 ? 8 : 500).fill(call), refs: [one, two] }, { copy: true }),
      );
      const doubled = Array.from({ length: 12 }, (_, call) => caller.call('double', call));
      for (const [number, call] of calls.entries()) {
        const { bytes, refs } = await call;
        expect([numbersOf(refs), bytes.length, bytes[0]]).toEqual([[2, 1], number % 2 === 0 ? 8 : 500, number]);
        drop(refs);
      }
      expect(await Promise.all(doubled)).toEqual(Array.from({ length: 12 }, (_, call) => 2 * call));

      const reply = await caller.call('any', { bytes: new Uint8Array(100).fill(7), refs: [one, two] });
      expect([numbersOf(reply.refs), reply.bytes.length, reply.bytes[99]]).toEqual([[1, 2, -1, -2], 100, 7]);
      reply.release();
      expect(() => reply.bytes).toThrow('released');
      drop(reply.refs);
      expect(server.counters.methods).toMatchObject({ swap: { calls: 12, failed: 0 }, any: { calls: 1 }, double: { calls: 12 } });
    }));

  test('moves references: they are spent once they are sent, and go if the call fails', () =>
    withEnds(async ({ here, connect, serve, objects }) => {
      const server = serve();
      const caller = connect();
      const refs = [numbered(here, 1), numbered(here, 2)] as const;
      const swapped = await caller.call('swap', { refs, move: true }, { copy: true });
      expect([refs.map(({ isSpent }) => isSpent), numbersOf(swapped.refs)]).toEqual([
        [true, true],
        [2, 1],
      ]);
      drop(swapped.refs);
      const failing = numbered(here, 3);
      await expect(caller.call('fail', { refs: [failing], move: true })).rejects.toMatchObject({
        code: 'FAILED',
        message: expect.stringContaining('1 are too many'),
      });
      await expect(caller.call('fail', {})).rejects.toMatchObject({
        code: 'REFUSED',
        message: expect.stringContaining('nothing to do'),
      });
      const unsent = numbered(here, 4);
      expect(await codeOf(caller.call('any', { refs: [unsent], move: true }, { signal: AbortSignal.abort() }))).toBe('ABORTED');
      expect([failing.isSpent, unsent.isSpent, objects()]).toEqual([true, true, 0]);
      expect(server.counters.methods).toMatchObject({ fail: { calls: 2, failed: 1, refused: 1 } });
    }));

  test('takes and gives as many references as it says, at both ends', () =>
    withEnds(async ({ here, connect, serve, objects, pool }) => {
      serve({ maxConnections: 2 });
      const caller = connect();
      using one = numbered(here, 1);
      expect(await codeOf(caller.call('swap', { refs: [one] } as never))).toBe('BAD_ARGUMENT');
      expect(await codeOf(() => caller.callSync('hold', {} as never))).toBe('BAD_ARGUMENT');
      // Its server gives one back although it gives none.
      await expect(caller.call('none', { refs: [one] })).rejects.toMatchObject({
        code: 'FAILED',
        message: expect.stringContaining('instead of 0'),
      });
      // A caller with another idea of the service.
      const liar = defineService('shelf', { methods: { swap: heap(), any: heap({ gives: 5 }) } });
      using other = connectService(pool.cores[0]!, liar, { heap: here, deadlineMs: 60_000 });
      await expect(other.call('swap', { refs: [one] })).rejects.toMatchObject({
        code: 'REFUSED',
        message: expect.stringContaining('not 1'),
      });
      await expect(other.call('any', { refs: [one] })).rejects.toMatchObject({
        code: 'FAILED',
        message: expect.stringContaining('instead of 5'),
      });
      expect([one.count, objects()]).toEqual([1, 1]);
    }));

  test('needs the heap of its thread, at both ends, and is no stream', () =>
    withEnds(async ({ here, there, connect, serve: listening, pool }) => {
      const { handlers } = handlersOf(there);
      expect(await codeOf(() => serve(pool.cores[1]!, service, handlers))).toBe('BAD_ARGUMENT');
      listening({ maxConnections: 2 });
      using bare = connectService(pool.cores[0]!, service, { deadlineMs: 60_000 });
      using ref = numbered(here, 1);
      expect(await codeOf(bare.call('any', { refs: [ref] }))).toBe('BAD_ARGUMENT');
      expect(await bare.call('double', 4)).toBe(8);
      expect(await codeOf(connect().call('any', { refs: [ref, ref], move: true }))).toBe('BAD_ARGUMENT');
      expect(() => defineService('odd', { methods: { items: { payload: heap(), stream: true } } })).toThrow('stream');
    }));
});

describe('a call with references', () => {
  test('that waits is sent as it was made: its refs may be dropped and its bytes changed', () =>
    withEnds(async ({ here, connect, serve, objects }) => {
      const caller = connect();
      const bytes = new Uint8Array(4).fill(5);
      const copied = [numbered(here, 1), numbered(here, 2)] as const;
      const moved = [numbered(here, 3), numbered(here, 4)] as const;
      const calls = [
        caller.call('swap', { bytes, refs: copied }, { copy: true }),
        caller.call('swap', { bytes, refs: moved, move: true }, { copy: true }),
      ];
      const never = codeOf(caller.call('swap', { refs: copied, move: false }, { deadlineMs: 0 }));
      expect([caller.counters.waiting, moved.every(({ isSpent }) => isSpent)]).toEqual([3, true]);
      drop(copied);
      bytes.fill(6);
      expect(await never).toBe('NOT_FOUND');
      serve();
      const answers = await Promise.all(calls);
      expect(answers.map((answer) => [numbersOf(answer.refs), [...answer.bytes]])).toEqual([
        [
          [2, 1],
          [5, 5, 5, 5],
        ],
        [
          [4, 3],
          [5, 5, 5, 5],
        ],
      ]);
      for (const { refs } of answers) drop(refs);
      expect(objects()).toBe(0);
    }));

  test('that is given up leaves what its late answer brings to nobody', () =>
    withEnds(async ({ here, connect, serve, objects }) => {
      const { held } = serve({ window: 4 });
      const caller = connect();
      using ref = numbered(here, 1);
      for (let round = 0; round < 100; round++) {
        const stop = new AbortController();
        const aborted = codeOf(caller.call('hold', { refs: [ref] }, { signal: stop.signal }));
        const late = codeOf(caller.call('hold', { refs: [numbered(here, 2)], move: true }, { deadlineMs: 0 }));
        // The late one is given up before it is taken, or after.
        await until(() => held.length > 0);
        stop.abort();
        expect([await aborted, await late]).toEqual(['ABORTED', 'TIMEOUT']);
        while (caller.counters.late !== 0) {
          for (const { ref: given, end } of held.splice(0)) end([given]);
          expect(await caller.call('double', 1)).toBe(2);
        }
      }
      expect([ref.count, objects()]).toEqual([1, 1]);
    }));

  test('whose caller goes leaves its handler what it was given, until it ends', () =>
    withEnds(async ({ here, connect, serve, objects }) => {
      const server = serve();
      const caller = connect();
      const call = codeOf(caller.call('hold', { refs: [numbered(here, 9)], move: true }));
      await until(() => server.held.length === 1);
      caller.close();
      expect(await call).toBe('CLOSED');
      const [{ ref, signal, end }] = server.held as unknown as [(typeof server.held)[0]];
      await until(() => signal.aborted);
      expect([numberOf(ref), objects()]).toEqual([9, 1]);
      end([ref]);
      await until(() => ref.isSpent);
      expect(objects()).toBe(0);
    }));

  test('whose handler is late is answered, and the refs of both go when it ends', () =>
    withEnds(async ({ here, there, connect, serve, objects }) => {
      const server = serve({ handlerDeadlineMs: 1 });
      const caller = connect();
      await expect(caller.call('hold', { refs: [numbered(here, 9)], move: true })).rejects.toMatchObject({ code: 'FAILED' });
      const { ref, end } = server.held[0]!;
      expect([numberOf(ref), objects()]).toEqual([9, 1]);
      end([numbered(there, 10)]);
      await until(() => ref.isSpent);
      expect(objects()).toBe(0);
    }));

  test('is repeated at the next server with the references that it was made with', () =>
    withEnds(async ({ here, connect, serve }) => {
      const first = serve();
      const caller = connect({ repeatIdempotent: true });
      const call = caller.call('hold', { refs: [numbered(here, 1)], move: true }, { copy: true });
      await until(() => first.held.length === 1);
      first.close();
      first.held[0]!.end([]);
      const second = serve();
      await until(() => second.held.length === 1);
      expect(numberOf(second.held[0]!.ref)).toBe(1);
      second.held[0]!.end([second.held[0]!.ref]);
      const { refs } = await call;
      expect([numbersOf(refs), caller.counters.reconnects]).toEqual([[1], 1]);
      drop(refs);
    }));

  test('that finds the queue of references full waits, and so does an answer; nothing is lost', () =>
    withEnds(async ({ here, connect, serve, objects }) => {
      serve({ window: 16 });
      const caller = connect();
      // Eight to a queue: three a call, six an answer.
      const calls = Array.from({ length: 40 }, (_, call) =>
        caller.call('any', { refs: [0, 1, 2].map((place) => numbered(here, 10 * call + place)), move: true }, { copy: true }),
      );
      for (const [number, call] of calls.entries()) {
        const { refs } = await call;
        const numbers = [0, 1, 2].map((place) => 10 * number + place);
        expect(numbersOf(refs)).toEqual([...numbers, ...numbers.map((each) => -each)]);
        drop(refs);
      }
      expect(objects()).toBe(0);
    }));
});
