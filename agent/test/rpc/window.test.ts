/** How many calls are in flight: back-pressure, deadlines, abandoned calls, views, resend, offers. */
import { describe, expect, test } from 'vitest';
import { constants, layout } from '../../src/layout/index.ts';
import type { Core } from '../../src/pool/core.ts';
import { bytes, connectService, defineService, json, serve } from '../../src/rpc/index.ts';
import { bothEnds, codeOf, until } from './both-ends.ts';

const service = defineService('window', {
  methods: {
    double: json<number, number>(),
    echo: bytes,
    hold: { payload: json<number, number>(), handler: 'background' },
  },
});

/** `hold` ends when the test says so. */
function holding() {
  const held = new Map<number, (value: number) => void>();
  let executed = 0;
  return {
    held,
    executed: () => executed,
    handlers: {
      double: (value: number) => {
        executed++;
        return 2 * value;
      },
      echo: (request: Uint8Array, response: Uint8Array) => {
        response.set(request);
        return request.length;
      },
      hold: (value: number) => new Promise<number>((resolve) => held.set(value, resolve)),
    },
  };
}

function offeredBy(core: Core, connection: number): number {
  const line = constants.CONNECTIONS_OFFSET + connection * constants.CONNECTION_BYTES + constants.CONNECTION_SERVER_LINE;
  return new DataView(core.pool.buffer, core.pool.byteOffset).getUint32(line + layout.ServerLine.offered.offset, true);
}

describe('a full window', () => {
  test('holds callers back and loses nothing', async () => {
    await using ends = bothEnds();
    const { handlers } = holding();
    using server = serve(ends.cores[0]!, service, handlers, { window: 4 });
    using caller = connectService(ends.cores[1]!, service);
    const calls = Array.from({ length: 100 }, (_, value) => caller.call('double', value));
    expect(caller.counters).toMatchObject({ inFlight: 4, waiting: 96 });
    void ends.run(server);
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 100 }, (_, value) => 2 * value));
    expect(caller.counters).toMatchObject({ inFlight: 0, waiting: 0 });
  });

  test('and a full queue before it refuse with FULL', async () => {
    await using ends = bothEnds();
    const { handlers } = holding();
    using _server = serve(ends.cores[0]!, service, handlers, { window: 2 });
    using caller = connectService(ends.cores[1]!, service, { waitingLimit: 3 });
    const calls = Array.from({ length: 7 }, (_, value) => codeOf(caller.call('double', value)));
    caller.close();
    expect(await Promise.all(calls)).toEqual([...Array(5).fill('CLOSED'), 'FULL', 'FULL']);
  });

  test('answers come in the order in which handlers end', async () => {
    await using ends = bothEnds();
    const { handlers, held } = holding();
    using server = serve(ends.cores[0]!, service, handlers, { window: 4 });
    using caller = connectService(ends.cores[1]!, service);
    void ends.run(server);
    const ended: number[] = [];
    const calls = [0, 1, 2].map((value) => caller.call('hold', value).then((result) => ended.push(result)));
    await until(() => held.size === 3);
    for (const value of [2, 0, 1]) {
      held.get(value)!(value);
      await until(() => ended.at(-1) === value);
    }
    await Promise.all(calls);
    expect(ended).toEqual([2, 0, 1]);
  });
});

describe('an abandoned call', () => {
  test('keeps its slot until its response comes, by signal and by deadline, a thousand times', async () => {
    await using ends = bothEnds();
    const { handlers, held } = holding();
    using server = serve(ends.cores[0]!, service, handlers, { window: 4 });
    using caller = connectService(ends.cores[1]!, service);
    void ends.run(server);
    for (let round = 0; round < 500; round++) {
      const stop = new AbortController();
      const aborted = codeOf(caller.call('hold', 2 * round, { signal: stop.signal }));
      const late = codeOf(caller.call('hold', 2 * round + 1, { deadlineMs: 0 }));
      // The late one is given up before it is taken, or after.
      await until(() => held.has(2 * round));
      stop.abort();
      expect(await aborted).toBe('ABORTED');
      expect(await late).toBe('TIMEOUT');
      expect(caller.counters).toMatchObject({ inFlight: 0 });
      while (caller.counters.late !== 0) {
        for (const end of held.values()) end(0);
        held.clear();
        await caller.call('double', 1);
      }
      held.clear();
    }
    expect(caller.counters).toMatchObject({ inFlight: 0, waiting: 0, late: 0 });
    expect(server.counters.background).toEqual({ running: 0, waiting: 0, overdue: 0 });
  });

  test('that was not taken is not executed; a handler that runs is told', async () => {
    await using ends = bothEnds();
    const { handlers, executed } = holding();
    const signals: AbortSignal[] = [];
    const telling = defineService('telling', {
      methods: {
        double: json<number, number>(),
        waits: { payload: json<number, number>(), handler: 'background' },
        count: { payload: json<number, number>(), stream: true },
      },
    });
    let isFinished = false;
    using server = serve(
      ends.cores[0]!,
      telling,
      {
        double: handlers.double,
        waits: (_value, { signal }) => {
          signals.push(signal);
          return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('given up'))));
        },
        *count() {
          try {
            for (let value = 0; ; value++) yield value;
          } finally {
            isFinished = true;
          }
        },
      },
      { window: 8, backgroundLimit: 1 },
    );
    using caller = connectService(ends.cores[1]!, telling, { deadlineMs: 60_000 });
    await caller.connected();
    const stop = new AbortController();
    const early = [1, 2, 3].map((value) => codeOf(caller.call('double', value, { signal: stop.signal })));
    stop.abort();
    expect(await Promise.all(early)).toEqual(['ABORTED', 'ABORTED', 'ABORTED']);
    void ends.run(server);
    expect(await caller.call('double', 4)).toBe(8);
    expect([executed(), server.counters.cancelled, server.counters.methods.double!.calls]).toEqual([1, 3, 1]);

    // One runs, one waits behind it: the first is told, the second never begins.
    const stopThem = new AbortController();
    const both = [1, 2].map((value) => codeOf(caller.call('waits', value, { signal: stopThem.signal })));
    await until(() => signals.length === 1 && server.counters.background.waiting === 1);
    stopThem.abort();
    await until(() => signals[0]!.aborted);
    expect(await Promise.all(both)).toEqual(['ABORTED', 'ABORTED']);
    while (caller.counters.late !== 0) await caller.call('double', 1);
    expect([signals.length, server.counters.cancelled, server.counters.background.running]).toEqual([1, 5, 0]);

    // What ends a stream is done, whoever waits for it.
    for await (const value of caller.stream('count', 0, { deadlineMs: 60_000 })) if (value === 3) break;
    await until(() => isFinished);
  });

  test('that was not sent leaves nothing behind', async () => {
    await using ends = bothEnds();
    const { handlers } = holding();
    using server = serve(ends.cores[0]!, service, handlers, { window: 2 });
    using caller = connectService(ends.cores[1]!, service);
    const stop = new AbortController();
    const first = [1, 2].map((value) => caller.call('double', value));
    const third = codeOf(caller.call('double', 3, { signal: stop.signal }));
    stop.abort();
    expect(await third).toBe('ABORTED');
    expect(await codeOf(caller.call('double', 4, { signal: stop.signal }))).toBe('ABORTED');
    void ends.run(server);
    expect(await Promise.all(first)).toEqual([2, 4]);
    expect(server.counters.methods.double!.calls).toBe(2);
    expect(caller.counters).toMatchObject({ inFlight: 0, waiting: 0, late: 0 });
  });

  test('whose handler never ends holds up its own caller only', async () => {
    await using ends = bothEnds(3);
    const { handlers, held } = holding();
    using server = serve(ends.cores[0]!, service, handlers, { window: 2 });
    using caller = connectService(ends.cores[1]!, service);
    using other = connectService(ends.cores[2]!, service);
    void ends.run(server);
    const never = [1, 2, 3].map((value) => codeOf(caller.call('hold', value)));
    await until(() => held.size === 2);
    for (let value = 0; value < 50; value++) expect(await other.call('double', value)).toBe(2 * value);
    expect(server.counters.background.running).toBe(2);
    caller.close();
    expect(await Promise.all(never)).toEqual(['CLOSED', 'CLOSED', 'CLOSED']);
  });

  test("is answered at the deadline of handlers, and what the handler returns later is nobody's", async () => {
    await using ends = bothEnds();
    const { handlers, held } = holding();
    using server = serve(ends.cores[0]!, service, handlers, { window: 2, handlerDeadlineMs: 1 });
    using caller = connectService(ends.cores[1]!, service);
    void ends.run(server);
    await expect(caller.call('hold', 1)).rejects.toMatchObject({
      code: 'FAILED',
      message: expect.stringContaining('may still run'),
    });
    expect(server.counters.background).toEqual({ running: 0, waiting: 0, overdue: 1 });
    held.get(1)!(99);
    for (let value = 0; value < 5; value++) expect(await caller.call('double', value)).toBe(2 * value);
  });
});

describe('a reply in place', () => {
  test('keeps its bytes and its slot until it is released', async () => {
    await using ends = bothEnds();
    const { handlers } = holding();
    using server = serve(ends.cores[0]!, service, handlers, { window: 2 });
    using caller = connectService(ends.cores[1]!, service);
    void ends.run(server);
    const kept = await caller.call('echo', Uint8Array.of(1, 2));
    using next = await caller.call('echo', Uint8Array.of(3));
    expect(caller.counters.views).toBe(2);
    const waiting = caller.call('echo', Uint8Array.of(4), { copy: true });
    expect(await codeOf(caller.call('double', 1, { deadlineMs: 5 }))).toBe('TIMEOUT');
    expect([...kept.bytes]).toEqual([1, 2]);
    expect(caller.counters.waiting).toBe(1);
    kept.release();
    kept.release();
    expect(() => kept.bytes).toThrow('released');
    expect([...(await waiting)]).toEqual([4]);
    expect([...next.bytes]).toEqual([3]);
    next.release();
    expect(caller.counters.views).toBe(0);
  });

  test('outlives the connection that it came on', async () => {
    await using ends = bothEnds();
    const { handlers } = holding();
    const first = serve(ends.cores[0]!, service, handlers);
    using caller = connectService(ends.cores[1]!, service);
    void ends.run(first);
    const kept = await caller.call('echo', Uint8Array.of(1, 2));
    const place = caller.connection;
    first.close();
    using second = serve(ends.cores[0]!, service, handlers);
    void ends.run(second);
    expect([...(await caller.call('echo', Uint8Array.of(9), { copy: true }))]).toEqual([9]);
    expect(caller.connection).not.toBe(place);
    expect([...kept.bytes]).toEqual([1, 2]);
    kept.release();
    expect(caller.counters).toMatchObject({ views: 0, reconnects: 1 });
  });
});

test('a request that is sent again and again is executed once', async () => {
  await using ends = bothEnds();
  const { handlers, executed } = holding();
  using server = serve(ends.cores[0]!, service, handlers);
  using caller = connectService(ends.cores[1]!, service, { resendMs: 0 });
  const call = caller.call('double', 21);
  await until(() => caller.counters.resent >= 5);
  expect(executed()).toBe(0);
  void ends.run(server);
  expect(await call).toBe(42);
  for (let value = 0; value < 40; value++) await caller.call('double', value);
  expect(executed()).toBe(41);
  expect(server.counters.refused).toBe(0);
});

test('a server that is behind offers less, and more when it has caught up', async () => {
  await using ends = bothEnds();
  const { handlers, held } = holding();
  using server = serve(ends.cores[0]!, service, handlers, { window: 'adaptive', backgroundLimit: 1 });
  using caller = connectService(ends.cores[1]!, service);
  void ends.run(server);
  await caller.connected();
  expect(offeredBy(ends.cores[1]!, caller.connection!)).toBe(16);

  const calls = Array.from({ length: 96 }, (_, value) => caller.call('hold', value));
  let least = 16;
  for (let ended = 0; ended < 96; ended++) {
    await until(() => held.size === 1);
    for (const end of held.values()) end(0);
    held.clear();
    least = Math.min(least, offeredBy(ends.cores[1]!, caller.connection!));
  }
  await Promise.all(calls);
  expect(least).toBeLessThanOrEqual(4);

  // One lap for each step up.
  for (let value = 0; value < 16 * 16; value++) await caller.call('double', value);
  expect(offeredBy(ends.cores[1]!, caller.connection!)).toBe(16);
});
