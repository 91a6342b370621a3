/** Servers and callers that come, go and die: who is told what, and what is given back. Both ends in one thread. */
import { describe, expect, test } from 'vitest';
import { inspectPool } from '../../src/inspect/index.ts';
import type { Core } from '../../src/pool/core.ts';
import { abort } from '../../src/pool/map.ts';
import { grantFence, joinPool, leavePool, recoverClient } from '../../src/pool/pool.ts';
import { bytes, connectService, defineService, json, serve } from '../../src/rpc/index.ts';
import { poolSizeBytes } from '../pool/pool-files.ts';
import { bothEnds, codeOf, until } from './both-ends.ts';

const service = defineService('life', {
  methods: {
    who: { payload: json<number, string>(), idempotent: true },
    once: json<number, string>(),
    hold: { payload: json<number, string>(), handler: 'background', idempotent: true },
  },
});

function named(name: string) {
  const counts = { who: 0, once: 0 };
  return {
    counts,
    handlers: {
      who: () => {
        counts.who++;
        return name;
      },
      once: () => {
        counts.once++;
        return name;
      },
      hold: () => new Promise<string>(() => undefined),
    },
  };
}

/** Says that the thread's client is dead, as a witness of its end would; nothing of its runs any more. */
function die(core: Core, undertaker: Core): void {
  const client = { id: core.exports.selfClient(), incarnation: core.exports.selfIncarnation() >>> 0 };
  grantFence(undertaker, client);
  recoverClient(undertaker, client);
}

describe('a server that closes', () => {
  test('with calls not taken refuses them, with calls taken leaves their outcome unknown', async () => {
    await using ends = bothEnds();
    const first = serve(ends.cores[0]!, service, named('first').handlers);
    using caller = connectService(ends.cores[1]!, service);
    const held = codeOf(caller.call('hold', 1));
    while (first.counters.background.running === 0) first.turn();
    const untaken = codeOf(caller.call('once', 1));
    first.close();
    expect(await Promise.all([held, untaken])).toEqual(['OUTCOME_UNKNOWN', 'REFUSED']);
    expect(await codeOf(caller.call('who', 1, { deadlineMs: 5 }))).toBe('CLOSED');
  });

  test('is replaced by whoever serves next, and an idempotent call is repeated there by option', async () => {
    await using ends = bothEnds();
    const first = serve(ends.cores[0]!, service, named('first').handlers);
    using caller = connectService(ends.cores[1]!, service, { repeatIdempotent: true });
    const held = codeOf(caller.call('hold', 1, { deadlineMs: 60_000 }));
    while (first.counters.background.running === 0) first.turn();
    first.close();
    const who = caller.call('who', 1);
    using second = serve(ends.cores[0]!, service, named('second').handlers);
    void ends.run(second);
    expect(await who).toBe('second');
    await until(() => second.counters.background.running === 1);
    expect(caller.counters).toMatchObject({ reconnects: 1, inFlight: 1 });
    caller.close();
    expect(await held).toBe('CLOSED');
  });

  test('ends a caller that does not connect again', async () => {
    await using ends = bothEnds();
    const first = serve(ends.cores[0]!, service, named('first').handlers);
    using caller = connectService(ends.cores[1]!, service, { reconnect: false });
    await caller.connected();
    first.close();
    using second = serve(ends.cores[0]!, service, named('second').handlers);
    void ends.run(second);
    expect(await codeOf(caller.call('who', 1))).toBe('CLOSED');
    expect(await codeOf(() => caller.callSync('who', 1))).toBe('CLOSED');
  });
});

describe('a server that dies', () => {
  test('before it took a call, in the middle, and before a call was sent', async () => {
    await using ends = bothEnds(4);
    const [dead, here, next, undertaker] = ends.cores;
    const first = named('first');
    const server = serve(dead!, service, first.handlers);
    using caller = connectService(here!, service);
    const sent = ['once', 'who'].map((name) => codeOf(caller.call(name as 'once', 1)));
    const answered = caller.call('once', 1);
    while (first.counts.once < 2) server.turn();
    const unseen = codeOf(caller.call('once', 1));
    die(dead!, undertaker!);
    const unsent = codeOf(caller.call('once', 1, { deadlineMs: 0 }));
    // What was answered before the death arrives; what was not, nobody knows.
    expect(await Promise.all(sent)).toEqual(['OK', 'OK']);
    expect(await answered).toBe('first');
    expect(await unseen).toBe('OUTCOME_UNKNOWN');
    expect(await unsent).not.toBe('OK');
    expect(await codeOf(caller.call('once', 1, { deadlineMs: 5 }))).toBe('PEER_LOST');

    using second = serve(next!, service, named('second').handlers);
    void ends.run(second);
    expect(await caller.call('once', 1)).toBe('second');
    expect(caller.counters.reconnects).toBe(1);
  });

  test('and a caller that repeats goes on with the next one', async () => {
    await using ends = bothEnds(4);
    const [dead, here, next, undertaker] = ends.cores;
    serve(dead!, service, named('first').handlers);
    using caller = connectService(here!, service, { repeatIdempotent: true });
    const idempotent = caller.call('who', 1);
    const other = codeOf(caller.call('once', 1));
    die(dead!, undertaker!);
    const second = named('second');
    using server = serve(next!, service, second.handlers);
    void ends.run(server);
    expect(await other).toBe('OUTCOME_UNKNOWN');
    expect(await idempotent).toBe('second');
    expect(second.counts).toEqual({ who: 1, once: 0 });
  });
});

describe('a caller', () => {
  test('that dies leaves a place for the next one, and its handler hears of it', async () => {
    await using ends = bothEnds(4);
    const [there, dead, here, undertaker] = ends.cores;
    let signal: AbortSignal | undefined;
    using server = serve(
      there!,
      service,
      { ...named('server').handlers, hold: (_request, context) => new Promise<string>(() => (signal = context.signal)) },
      { maxConnections: 1 },
    );
    const first = connectService(dead!, service);
    void ends.run(server);
    void codeOf(first.call('hold', 1, { deadlineMs: 60_000 }));
    await until(() => signal !== undefined);
    using second = connectService(here!, service);
    expect(await codeOf(second.call('who', 1, { deadlineMs: 5 }))).toBe('NOT_FOUND');

    die(dead!, undertaker!);
    expect(await second.call('who', 1)).toBe('server');
    expect(signal!.aborted).toBe(true);
    expect(server.counters).toMatchObject({ callers: 1, accepted: 2, lost: 1, hungUp: 0, background: { running: 0 } });
    // Its own thread, if it ran on, is told so, and touches nothing.
    expect(await codeOf(first.call('who', 1))).toBe('FENCED');
    expect(await codeOf(() => first.callSync('who', 1))).toBe('FENCED');
    first.close();
    expect(server.counters.callers).toBe(1);
    expect(await second.call('who', 1)).toBe('server');
  });

  test('that dies while it waits for a server takes no connection', async () => {
    await using ends = bothEnds(3);
    const [there, dead, undertaker] = ends.cores;
    using caller = connectService(dead!, service);
    const call = codeOf(caller.call('who', 1));
    die(dead!, undertaker!);
    using server = serve(there!, service, named('server').handlers, { maxConnections: 1 });
    void ends.run(server);
    expect(await call).toBe('FENCED');
    using other = connectService(undertaker!, service);
    expect(await other.call('who', 1)).toBe('server');
    expect(server.counters).toMatchObject({ accepted: 1, callers: 1 });
  });

  test('finds a place as long as there are fewer than the server takes, and again when one hangs up', async () => {
    await using ends = bothEnds(5);
    using server = serve(ends.cores[0]!, service, named('server').handlers, { connections: 2, maxConnections: 3 });
    void ends.run(server);
    const callers = [1, 2, 3].map((thread) => connectService(ends.cores[thread]!, service));
    for (const caller of callers) expect(await caller.call('who', 1)).toBe('server');
    using late = connectService(ends.cores[4]!, service);
    await expect(late.call('who', 1, { deadlineMs: 5 })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      hint: expect.stringContaining('maxConnections'),
    });
    callers[1]!.close();
    expect(await late.call('who', 1)).toBe('server');
    expect(server.counters).toMatchObject({ callers: 3, listening: 0, accepted: 4, hungUp: 1 });
    for (const caller of [...callers, late]) caller.close();
    await until(() => server.counters.hungUp === 4);
    await until(() => server.counters.listening === 2);
    server.close();
    expect(inspectPool(ends.cores[0]!.pool, poolSizeBytes).connections).toEqual([]);
  });

  test('and a server whose process is told to stop are told ABORTED', async () => {
    await using ends = bothEnds();
    using server = serve(ends.cores[0]!, service, named('server').handlers);
    using caller = connectService(ends.cores[1]!, service);
    const call = codeOf(caller.call('who', 1));
    abort(ends.cores[0]!.mapped);
    expect(await call).toBe('ABORTED');
    expect(await codeOf(() => caller.callSync('who', 1))).toBe('ABORTED');
    expect(await ends.run(server)).toBe('aborted');
  });
});

test('a server whose client is fenced stops and touches nothing', async () => {
  await using ends = bothEnds(3);
  const [there, here, undertaker] = ends.cores;
  const server = serve(there!, service, named('server').handlers);
  using caller = connectService(here!, service);
  const end = ends.run(server);
  expect(await caller.call('once', 1)).toBe('server');
  await until(() => server.counters.listening === 1);
  die(there!, undertaker!);
  expect(await end).toBe('fenced');
  // The dead client's place, and with it that of its connection, is given to the next who asks.
  leavePool(undertaker!);
  expect(joinPool(undertaker!, { machineNumber: 3 }).id).toBe(0);
  using next = serve(undertaker!, service, named('next').handlers);
  void ends.run(next);
  server.close();
  expect(await caller.call('once', 1)).toBe('next');
});

test('a service with background handlers is not run by blocking', async () => {
  await using ends = bothEnds();
  using server = serve(ends.cores[0]!, service, named('server').handlers);
  expect(await codeOf(() => server.run({ deadlineMs: 0 }))).toBe('BAD_ARGUMENT');
});

describe('callers that share', () => {
  test('use one connection, each with its channel, and end apart', async () => {
    await using ends = bothEnds();
    const channels = new Set<number>();
    const { handlers } = named('server');
    using server = serve(ends.cores[0]!, service, {
      ...handlers,
      who: (_request, context) => {
        channels.add(context.channel);
        return `${context.channel}`;
      },
    });
    const callers = [0, 1, 2].map(() => connectService(ends.cores[1]!, service, { share: true }));
    void ends.run(server);
    expect(await Promise.all(callers.map((caller) => caller.call('who', 1)))).toEqual(['0', '1', '2']);
    expect(new Set(callers.map((caller) => caller.connection)).size).toBe(1);
    expect(server.counters).toMatchObject({ callers: 1, accepted: 1 });

    const held = callers.map((caller) => codeOf(caller.call('hold', 1)));
    await until(() => server.counters.background.running === 3);
    callers[0]!.close();
    expect(await held[0]).toBe('CLOSED');
    expect(await callers[1]!.call('who', 1)).toBe('1');
    expect(callers[1]!.counters.inFlight).toBe(2);
    callers[1]!.close();
    expect(await callers[2]!.call('who', 1)).toBe('2');
    callers[2]!.close();
    await until(() => server.counters.hungUp === 1);
    using again = connectService(ends.cores[1]!, service, { share: true });
    expect(await again.call('who', 1)).toBe('0');
  });

  test('have the window in turn, also beside one that wants all of it', async () => {
    await using ends = bothEnds();
    using server = serve(ends.cores[0]!, service, named('server').handlers, { window: 2 });
    using greedy = connectService(ends.cores[1]!, service, { share: true });
    using modest = connectService(ends.cores[1]!, service, { share: true });
    const order: string[] = [];
    const many = Array.from({ length: 100 }, () => greedy.call('once', 1).then(() => order.push('greedy')));
    const few = Array.from({ length: 5 }, () => modest.call('who', 1).then(() => order.push('modest')));
    void ends.run(server);
    await Promise.all([...many, ...few]);
    expect(order.lastIndexOf('modest')).toBeLessThan(20);
  });
});

describe('draining', () => {
  const service = defineService('drained', {
    methods: { double: json<number, number>(), hold: { payload: json<number, number>(), handler: 'background' }, echo: bytes },
  });

  function holding() {
    const held = new Map<number, (value: number) => void>();
    const handlers = {
      double: (value: number) => 2 * value,
      hold: (value: number) => new Promise<number>((resolve) => held.set(value, resolve)),
      echo: (request: Uint8Array, response: Uint8Array) => {
        response.set(request);
        return request.length;
      },
    };
    return { held, handlers };
  }

  test('a server answers what was sent, handlers in the background too, refuses what comes later, and closes', async () => {
    await using ends = bothEnds(3);
    const { held, handlers } = holding();
    const server = serve(ends.cores[0]!, service, handlers);
    using caller = connectService(ends.cores[1]!, service, { reconnect: false });
    using stranger = connectService(ends.cores[2]!, service, { deadlineMs: 20 });
    await caller.connected();
    const slow = caller.call('hold', 1);
    while (held.size === 0) server.turn();
    const before = [1, 2, 3].map((value) => caller.call('double', value));
    const closed = server.close({ drain: true, deadlineMs: 60_000 });
    expect(await Promise.all(before)).toEqual([2, 4, 6]);
    expect(await codeOf(caller.call('double', 4))).toBe('REFUSED');
    expect(await codeOf(stranger.call('double', 5))).toBe('NOT_FOUND');
    expect(server.counters.callers).toBe(1);
    held.get(1)!(11);
    expect(await slow).toBe(11);
    await closed;
    expect(await server.runAsync()).toBe('closed');
    expect(await codeOf(caller.call('double', 6))).toBe('CLOSED');
    expect(server.counters.methods).toMatchObject({ double: { calls: 3 }, hold: { calls: 1 } });
  });

  test('a server that runs is told so by its loop; at the deadline it closes whoever is not done', async () => {
    await using ends = bothEnds();
    const { held, handlers } = holding();
    const server = serve(ends.cores[0]!, service, handlers);
    using caller = connectService(ends.cores[1]!, service, { reconnect: false });
    const end = ends.run(server);
    const slow = codeOf(caller.call('hold', 1));
    await until(() => held.size === 1);
    await server.close({ drain: true, deadlineMs: 5 });
    expect(await end).toBe('closed');
    expect(await slow).toBe('OUTCOME_UNKNOWN');
  });

  test('a caller makes no more calls, and closes when those that it made have ended; views stay', async () => {
    await using ends = bothEnds();
    const { held, handlers } = holding();
    using server = serve(ends.cores[0]!, service, handlers, { window: 8 });
    const caller = connectService(ends.cores[1]!, service);
    void ends.run(server);
    const slow = caller.call('hold', 1);
    const view = caller.call('echo', Uint8Array.of(7));
    // The last of them waits for the slot of the first.
    const waiting = Array.from({ length: 7 }, (_, value) => caller.call('double', value));
    await until(() => held.size === 1);
    let isClosed = false;
    const closed = caller.close({ drain: true }).then(() => {
      isClosed = true;
    });
    expect(await codeOf(() => caller.call('double', 1))).toBe('CLOSED');
    expect(await codeOf(() => caller.callSync('double', 1))).toBe('CLOSED');
    using reply = await view;
    expect([isClosed, server.counters.hungUp]).toEqual([false, 0]);
    held.get(1)!(2);
    expect([await slow, await Promise.all(waiting)]).toEqual([2, Array.from({ length: 7 }, (_, value) => 2 * value)]);
    await closed;
    expect([...reply.bytes]).toEqual([7]);
    expect(server.counters.hungUp).toBe(0);
    reply.release();
    await until(() => server.counters.hungUp === 1);
  });
});
