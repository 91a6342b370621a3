/** Calls that carry references of the heap, both ends in one thread on a real mapping: whatever happens, the audit is exact at the end. */
import { describe, expect, test } from 'vitest';
import { codes, constants } from '../../src/layout/index.ts';
import { connect, listen } from '../../src/rpc/index.ts';
import { HeaderLine } from '../../src/rpc/message-header.ts';
import { ReferenceCaller } from '../../src/rpc/reference-caller.ts';
import { type ReferenceRequest, ReferenceServer } from '../../src/rpc/reference-server.ts';
import { ReferencesWord } from '../../src/rpc/references-word.ts';
import type { Ref } from '../../src/shm/index.ts';
import { overwrite } from '../shm/heap-pool.ts';
import { codeOf, numbered, numberOf, type ReferencePool, referencePool, serveOne } from './reference-pool.ts';

const soon = { deadlineMs: 0 };
const empty = new Uint8Array(0);

describe('a call', () => {
  test('carries references there and back, and each side has its own', () => {
    const pool = referencePool();
    const { here, there, calls, server } = pool;
    const first = numbered(here, 1);
    const second = numbered(here, 2);
    const slot = calls.send(new Uint8Array([7]), { refs: [first, second], method: 3 })!;
    expect([first.count, second.count]).toEqual([2, 2]);
    serveOne(server, ({ bytes, refs, method }) => {
      expect([...bytes, method, ...refs.map(numberOf)]).toEqual([7, 3, 1, 2]);
      return { bytes: new Uint8Array([8]), refs: [numbered(there, 10 * numberOf(refs[1]!)), refs[0]!] };
    });
    const answer = calls.poll(slot)!;
    expect([answer.status, ...answer.bytes, ...answer.refs.map(numberOf)]).toEqual([codes.OK, 8, 20, 1]);
    calls.finish(slot);
    // What the handler was given is dropped, what it gave away is the caller's.
    expect([first.count, second.count, there.rootsInUse, here.rootsInUse]).toEqual([2, 1, 0, 4]);
    for (const ref of [first, second, ...answer.refs]) ref.drop();
    expect(pool.end()).toEqual([]);
  });

  test('moves a reference: its sender has none any more', () => {
    const pool = referencePool();
    const { here, calls, server } = pool;
    const ref = numbered(here, 5);
    const slot = calls.send(empty, { refs: [ref], move: true })!;
    expect([ref.isSpent, here.rootsInUse]).toEqual([true, 0]);
    serveOne(server, ({ refs }) => {
      expect([refs[0]!.count, numberOf(refs[0]!)]).toEqual([1, 5]);
      return {};
    });
    expect(calls.poll(slot)!.refs).toEqual([]);
    expect(pool.end()).toEqual([]);
  });

  test('leaves a handler what it cloned', () => {
    const pool = referencePool();
    const { here, there, calls, server } = pool;
    const kept: { drop(): void }[] = [];
    const slot = calls.send(empty, { refs: [numbered(here, 5)], move: true })!;
    serveOne(server, ({ refs }) => {
      kept.push(refs[0]!.clone());
      return {};
    });
    calls.poll(slot);
    calls.finish(slot);
    expect([there.rootsInUse, pool.objects()]).toEqual([1, 1]);
    kept[0]!.drop();
    expect(pool.end()).toEqual([]);
  });

  test('without references costs none of this, and has no header', () => {
    const pool = referencePool();
    const { calls, server } = pool;
    const slot = calls.send(new Uint8Array([1]))!;
    serveOne(server, ({ bytes }) => ({ bytes }));
    const answer = calls.poll(slot)!;
    expect([...answer.bytes, answer.refs.length]).toEqual([1, 0]);
    expect(pool.here.queues()).toEqual([]);
    expect(pool.there.queues()).toEqual([]);
    expect(pool.end()).toEqual([]);
  });

  test.each([
    [
      'throws',
      codes.FAILED,
      () => {
        throw new Error('no such document');
      },
    ],
    ['refuses', codes.REFUSED, () => ({ status: codes.REFUSED, bytes: new TextEncoder().encode('no such document') })],
  ] as const)('whose handler %s loses its references and says why', (_what, status, handler) => {
    const pool = referencePool();
    const { here, calls, server } = pool;
    const slot = calls.send(empty, { refs: [numbered(here, 1)], move: true })!;
    serveOne(server, handler);
    const answer = calls.poll(slot)!;
    expect([answer.status, new TextDecoder().decode(answer.bytes.slice())]).toEqual([status, 'no such document']);
    expect(pool.objects()).toBe(0);
    expect(pool.end()).toEqual([]);
  });

  test('is served by a handler that gives what it cannot give: FAILED, and nothing is lost', () => {
    const pool = referencePool();
    const { here, there, calls, server } = pool;
    const theirs = numbered(here, 1);
    // What this one said of its references is not said again by those that fail.
    const first = calls.send(empty)!;
    serveOne(server, () => ({ refs: [numbered(there, 2)] }));
    for (const ref of calls.poll(first)!.refs) ref.drop();
    calls.finish(first);
    const replies = [
      (request: Omit<ReferenceRequest, 'slot'>) => ({ refs: [request.refs[0]!, request.refs[0]!] }),
      () => ({ refs: Array.from({ length: 9 }, () => numbered(there, 3)) }),
    ];
    for (const reply of replies) {
      const slot = calls.send(empty, { refs: [theirs] })!;
      serveOne(server, reply);
      expect([calls.poll(slot)!.status, theirs.count]).toEqual([codes.FAILED, 1]);
      calls.finish(slot);
    }
    theirs.drop();
    expect(pool.end()).toEqual([]);
  });

  test('that was refused brings no references, whatever its server says', () => {
    const pool = referencePool();
    const { there, calls, server } = pool;
    const slot = calls.send(empty)!;
    serveOne(server, () => ({ status: codes.FAILED, refs: [numbered(there, 1)] }));
    const answer = calls.poll(slot)!;
    expect([answer.status, answer.refs, pool.objects()]).toEqual([codes.FAILED, [], 0]);
    expect(pool.end()).toEqual([]);
  });

  test('whose response fails with some of its references sent brings the caller none of them', () => {
    const pool = referencePool();
    const { there, calls, server } = pool;
    const slot = calls.send(empty)!;
    const full = numbered(there, 2);
    const restore = fillCount(pool, full);
    // A clone is not the only handle on its root, so that it is counted.
    serveOne(server, () => ({ refs: [numbered(there, 1), full.clone()] }));
    restore();
    expect([calls.poll(slot)!.status, pool.objects(), pool.here.rootsInUse]).toEqual([codes.FAILED, 1, 0]);
    calls.finish(slot);
    full.drop();
    expect(pool.end()).toEqual([]);
  });

  test('is refused before it is sent when its references are spent, of another client, too many, or moved twice', () => {
    const pool = referencePool();
    const { here, there, calls } = pool;
    const good = numbered(here, 1);
    const spent = numbered(here, 2);
    spent.drop();
    const foreign = numbered(there, 3);
    expect(codeOf(() => calls.send(empty, { refs: [good, spent] }))).toBe('SPENT_REF');
    expect(codeOf(() => calls.send(empty, { refs: [good, foreign] }))).toBe('FOREIGN_REF');
    expect(codeOf(() => calls.send(empty, { refs: Array.from({ length: 9 }, () => good) }))).toBe('BAD_ARGUMENT');
    expect(codeOf(() => calls.send(empty, { refs: [good, good], move: true }))).toBe('BAD_ARGUMENT');
    expect([good.count, good.isSpent, calls.connection.inFlight]).toEqual([1, false, 0]);
    good.drop();
    foreign.drop();
    expect(pool.end()).toEqual([]);
  });

  test('that fails with some of its references sent leaves them to the next one, which drops them', () => {
    const pool = referencePool();
    const { here, calls, server } = pool;
    const first = numbered(here, 1);
    const full = numbered(here, 2);
    const restore = fillCount(pool, full);
    expect(codeOf(() => calls.send(empty, { refs: [first, full] }))).toBe('COUNT_FULL');
    restore();
    expect(first.count).toBe(2);

    const slot = calls.send(empty, { refs: [full] })!;
    serveOne(server, ({ refs }) => {
      expect([refs.map(numberOf), first.count]).toEqual([[2], 1]);
      return {};
    });
    expect(calls.poll(slot)!.status).toBe(codes.OK);
    first.drop();
    full.drop();
    expect(pool.end()).toEqual([]);
  });
});

/** As if everybody referred to the object. Returns how to take it back. */
function fillCount(pool: ReferencePool, { bytes }: Ref): () => void {
  const [core] = pool.cores;
  const offset = bytes.byteOffset - core!.pool.byteOffset - constants.OBJECT_HEADER_BYTES;
  const word = new DataView(core!.pool.buffer, core!.pool.byteOffset + offset, 8).getBigUint64(0, true);
  return overwrite(core!, offset, word | (0x3fffn << 40n));
}

describe('the references of responses', () => {
  test('reach their own call, in whatever order calls are answered and looked at', () => {
    const pool = referencePool({ window: 4 });
    const { here, there, calls, server } = pool;
    for (let round = 0; round < 24; round++) {
      const slots = [0, 1, 2, 3].map((call) => calls.send(new Uint8Array([call]), { refs: [numbered(here, call)], move: true })!);
      const requests = slots.map(() => server.take(1) as ReferenceRequest);
      expect(requests.map(({ bytes, refs }) => [bytes[0], numberOf(refs[0]!)])).toEqual([0, 1, 2, 3].map((call) => [call, call]));
      for (const index of permutation(round)) {
        const call = requests[index]!.bytes[0]!;
        const refs = Array.from({ length: call % 3 }, (_, place) => numbered(there, 10 * call + place));
        server.reply(requests[index]!.slot, { refs });
      }
      for (const index of permutation(23 - round)) {
        const answer = calls.poll(slots[index]!)!;
        expect(answer.refs.map(numberOf)).toEqual([[], [10], [20, 21], []][index]);
        for (const ref of answer.refs) ref.drop();
        calls.finish(slots[index]!);
      }
    }
    expect(pool.end()).toEqual([]);
  });

  test('are dropped when nobody waits for them any more', () => {
    const pool = referencePool({ window: 2 });
    const { here, there, calls, server } = pool;
    expect(codeOf(() => calls.callSync(empty, { refs: [numbered(here, 1)], move: true, ...soon }))).toBe('TIMEOUT');
    for (let number = 0; number < 20; number++) {
      // The window's other slot, then this one again, once its late response has come.
      const slot = calls.send(empty);
      serveOne(server, () => ({ refs: [numbered(there, 2)] }));
      if (slot === undefined) continue;
      serveOne(server, () => ({ refs: [numbered(there, 2)] }));
      calls.abandon(slot);
    }
    for (let left = 0; left < 2; left++) serveOne(server, () => ({}));
    calls.send(empty);
    expect(pool.objects()).toBe(0);
    expect(pool.end()).toEqual([]);
  });

  test('wait with their response while the queue is full, and the caller makes room by polling', () => {
    const pool = referencePool({ window: 4 });
    const { there, calls, server } = pool;
    const slots = [0, 1, 2, 3].map((call) => calls.send(new Uint8Array([call]))!);
    // Three each, and the queue holds eight.
    for (const _ of slots)
      serveOne(server, ({ bytes }) => ({ bytes, refs: [0, 1, 2].map((n) => numbered(there, 10 * bytes[0]! + n)) }));
    expect(calls.poll(slots[3]!)).toBe(undefined);
    // That look has taken the others' out of the queue.
    expect(serveOne(server, () => ({}))).toBe('idle');
    for (const call of [3, 0, 2, 1]) {
      const answer = calls.poll(slots[call]!)!;
      expect([...answer.bytes, ...answer.refs.map(numberOf)]).toEqual([call, 10 * call, 10 * call + 1, 10 * call + 2]);
      for (const ref of answer.refs) ref.drop();
      calls.finish(slots[call]!);
    }
    expect(pool.end()).toEqual([]);
  });

  test('that find no memory at the caller are dropped, those of others not', () => {
    const pool = referencePool({ window: 4, heap: { quotaBytes: 65536 } });
    const { here, there, calls, server } = pool;
    const slots = [0, 1].map((call) => calls.send(new Uint8Array([call]))!);
    for (const _ of slots) serveOne(server, ({ bytes }) => ({ refs: [numbered(there, bytes[0]!)] }));
    // The quota is one segment: when it is full there is no page for another root.
    const fillers = [here.alloc(8, 1)];
    expect(
      codeOf(() => {
        for (;;) fillers.push(here.alloc(8));
      }),
    ).toBe('QUOTA');
    fillers[0]!.attach(0, fillers[1]!);
    expect(
      codeOf(() => {
        for (;;) fillers.push(fillers[0]!.acquire(0)!);
      }),
    ).toBe('HEAP_FULL');
    expect(codeOf(() => calls.poll(slots[1]!))).toBe('HEAP_FULL');
    for (const filler of fillers) filler.drop();
    const answer = calls.poll(slots[0]!)!;
    expect(answer.refs.map(numberOf)).toEqual([0]);
    answer.refs[0]!.drop();
    calls.finish(slots[0]!);

    const next = calls.send(empty)!;
    serveOne(server, () => ({ refs: [numbered(there, 7)] }));
    const last = calls.poll(next)!;
    expect([last.refs.map(numberOf), pool.objects()]).toEqual([[7], 1]);
    last.refs[0]!.drop();
    expect(pool.end()).toEqual([]);
  });
});

/** The `index`-th order of four. */
function permutation(index: number): readonly number[] {
  const left = [0, 1, 2, 3];
  return [24, 6, 2, 1].map((count, place) => left.splice(Math.floor((index % count) / [6, 2, 1, 1][place]!), 1)[0]!);
}

describe('back-pressure', () => {
  test('a call that finds the queue full is not sent, nothing is lost, and it is sent once there is room', () => {
    const pool = referencePool();
    const { here, calls, server } = pool;
    const slots: number[] = [];
    for (let number = 0; number < 2; number++) {
      slots.push(calls.send(empty, { refs: Array.from({ length: 4 }, () => numbered(here, number)), move: true })!);
    }
    const refs = [numbered(here, 7), numbered(here, 8)];
    expect(calls.send(empty, { refs, move: true })).toBe(undefined);
    expect(codeOf(() => calls.callSync(empty, { refs, move: true, ...soon }))).toBe('TIMEOUT');
    expect([refs.map((ref) => [ref.isSpent, ref.count]), calls.connection.inFlight]).toEqual([
      [
        [false, 1],
        [false, 1],
      ],
      2,
    ]);

    serveOne(server, () => ({}));
    const slot = calls.send(empty, { refs, move: true })!;
    serveOne(server, () => ({}));
    serveOne(server, ({ refs: sent }) => {
      expect(sent.map(numberOf)).toEqual([7, 8]);
      return {};
    });
    expect(calls.poll(slot)!.status).toBe(codes.OK);
    for (const each of [...slots, slot]) calls.finish(each);
    expect(pool.end()).toEqual([]);
  });

  test('a call that finds the window full is not sent, and nothing is lost', () => {
    const pool = referencePool({ window: 2 });
    const { here, calls } = pool;
    calls.send(empty);
    calls.send(empty);
    const ref = numbered(here, 1);
    expect(calls.send(empty, { refs: [ref], move: true })).toBe(undefined);
    expect([ref.isSpent, ref.count]).toEqual([false, 1]);
    ref.drop();
    expect(pool.end()).toEqual([]);
  });
});

describe('a lie', () => {
  /** Sends a request whose header says what it likes. */
  function forge(pool: ReturnType<typeof referencePool>, word: number): number {
    const { connection } = pool.calls;
    const slot = connection.begin()!;
    new HeaderLine(connection.requestHeader(slot)).write(0, 0, 0, word);
    connection.send(slot, 0, constants.KIND_HEADER);
    return slot;
  }

  test.each([
    ['one that was never sent', ReferencesWord.pack(0, 1, false)],
    ['more than the queue holds', ReferencesWord.pack(2, 2, false)],
    ['as many as can be said', 0xffffffff],
    ['a number far ahead', ReferencesWord.pack(70_000, 1, false)],
    ['a number that was taken before', ReferencesWord.pack(0, 2, false)],
    ['a number before the first', ReferencesWord.pack(ReferencesWord.numbers - 1, 3, false)],
    ['that its message is in an object, without a length', ReferencesWord.pack(2, 1, true)],
  ])('about references is refused, not waited for, and their sender goes on: %s', (what, word) => {
    const pool = referencePool();
    const { here, calls, server } = pool;
    const neverSent = what === 'one that was never sent';
    if (!neverSent) {
      const honest = calls.send(empty, { refs: [numbered(here, 1), numbered(here, 2)], move: true })!;
      serveOne(server, () => ({}));
      calls.poll(honest);
      calls.finish(honest);
      const outgoing = calls.send(empty, { refs: [numbered(here, 3)], move: true })!;
      serveOne(server, () => ({}));
      calls.poll(outgoing);
      calls.finish(outgoing);
    }
    const slot = forge(pool, word);
    expect(
      serveOne(server, () => {
        throw new Error('this must not be served');
      }),
    ).toBe('refused');
    expect(calls.poll(slot)!.status).toBe(codes.REFUSED);
    calls.finish(slot);

    const next = calls.send(empty, { refs: [numbered(here, 9)], move: true })!;
    serveOne(server, ({ refs }) => {
      expect(refs.map(numberOf)).toEqual([9]);
      return {};
    });
    expect(calls.poll(next)!.status).toBe(codes.OK);
    calls.finish(next);
    expect(pool.end()).toEqual([]);
  });

  test('of a length beyond the object is refused', () => {
    const pool = referencePool({ payloadBytes: 64 });
    const { calls, server } = pool;
    const slot = calls.send(new Uint8Array(1_000))!;
    const length = calls.connection.request(slot);
    new DataView(length.buffer, length.byteOffset).setUint32(0, 1_000_000, true);
    expect(serveOne(server, () => ({}))).toBe('refused');
    expect(calls.poll(slot)!.status).toBe(codes.REFUSED);
    expect(pool.objects()).toBe(0);
    expect(pool.end()).toEqual([]);
  });

  test('of a third client, a queue under the tag of the connection, is not believed', () => {
    const pool = referencePool({ threads: 3 });
    const { here, calls, server } = pool;
    const rogue = pool.heaps[2]!;
    const { connection, epoch } = calls.connection;
    const queue = rogue.openQueue({ id: 1 }, { tag: 2 ** 52 + connection * 2 ** 32 + epoch });
    expect(queue.move(numbered(rogue, 666))).toBe('sent');
    const slot = calls.send(empty, { refs: [numbered(here, 1)], move: true })!;
    serveOne(server, ({ refs }) => {
      expect(refs.map(numberOf)).toEqual([1]);
      return {};
    });
    expect(calls.poll(slot)!.status).toBe(codes.OK);
    queue.close();
    expect(pool.end()).toEqual([]);
  });

  test('of the server ends the connection, and what it did send is dropped', () => {
    const pool = referencePool();
    const { there, calls, server } = pool;
    const slot = calls.send(empty)!;
    serveOne(server, () => ({ refs: [numbered(there, 1)] }));
    new HeaderLine(server.server.responseHeader(slot)).write(0, 0, 0, ReferencesWord.pack(0, 5, false));
    expect(codeOf(() => calls.poll(slot))).toBe('OUTCOME_UNKNOWN');
    expect(codeOf(() => calls.send(empty))).toBe('CLOSED');
    expect(pool.end()).toEqual([]);
  });
});

describe('large messages', () => {
  test('go as objects there and back, and the server reads the device’s own bytes', () => {
    const pool = referencePool({ payloadBytes: 64, threads: 2 });
    const { here, there, calls, server } = pool;
    const passenger = numbered(here, 4);
    const slot = calls.send({ lengthBytes: 10_000, write: (buffer) => buffer.fill(3) }, { refs: [passenger] })!;
    serveOne(server, ({ bytes, refs }) => {
      expect([bytes.length, bytes.every((byte) => byte === 3), bytes.buffer === pool.cores[0]!.bytes.buffer]).toEqual([
        10_000,
        true,
        true,
      ]);
      expect(refs.map(numberOf)).toEqual([4]);
      bytes[9_999] = 5;
      return { bytes: bytes.subarray(5_000), refs: [numbered(there, 6)] };
    });
    expect(pool.objects()).toBe(3);
    const answer = calls.poll(slot)!;
    expect([answer.bytes.length, answer.bytes[0], answer.bytes[4_999], answer.refs.map(numberOf)]).toEqual([5_000, 3, 5, [6]]);
    calls.finish(slot);
    expect(pool.objects()).toBe(2);
    for (const ref of [passenger, ...answer.refs]) ref.drop();
    expect(pool.end()).toEqual([]);
  });

  test('for which there is no memory fail at their sender', () => {
    const pool = referencePool({ payloadBytes: 64, heap: { quotaBytes: 65536 } });
    const { calls, server } = pool;
    expect(codeOf(() => calls.send(new Uint8Array(200_000)))).toBe('QUOTA');
    const slot = calls.send(empty)!;
    serveOne(server, () => ({ bytes: new Uint8Array(200_000) }));
    expect(calls.poll(slot)!.status).toBe(codes.FAILED);
    expect(pool.end()).toEqual([]);
  });
});

describe('closing', () => {
  test('with references on their way in both directions drops them, whoever closes first', () => {
    for (const first of ['caller', 'server'] as const) {
      const pool = referencePool();
      const { here, there, calls, server } = pool;
      calls.send(empty, { refs: [numbered(here, 1)], move: true });
      serveOne(server, () => ({ refs: [numbered(there, 2)] }));
      calls.send(empty, { refs: [numbered(here, 3)], move: true });
      if (first === 'caller') calls.close();
      else server.close();
      expect(pool.objects()).toBeGreaterThan(0);
      expect(pool.end()).toEqual([]);
    }
  });

  test('with replies that wait for room drops their references', () => {
    const pool = referencePool({ window: 4 });
    const { there, calls, server } = pool;
    for (let call = 0; call < 4; call++) calls.send(empty);
    for (let call = 0; call < 4; call++) serveOne(server, () => ({ refs: [0, 1, 2].map((number) => numbered(there, number)) }));
    expect(there.rootsInUse).toBe(6);
    server.close();
    expect(there.rootsInUse).toBe(0);
    expect(pool.end()).toEqual([]);
  });

  test('while the other side opens its queue leaves nothing: the queue is found when the next connection is', () => {
    const pool = referencePool({ threads: 2 });
    const { here, there, calls, server } = pool;
    const slot = calls.send(empty)!;
    const request = server.take(1) as ReferenceRequest;
    expect(server.server.other).toEqual({ id: 0, incarnation: 1 });
    calls.close();
    server.reply(request.slot, { refs: [numbered(there, 1)] });
    server.close();
    expect([slot, here.queues().length]).toEqual([0, 1]);

    const [caller, serving] = pool.cores;
    const again = new ReferenceServer(listen(serving!, 'again'), there);
    const connected = new ReferenceCaller(connect(caller!, 'again', soon), here);
    expect([here.queues().length, pool.objects()]).toEqual([0, 0]);
    connected.close();
    again.close();
    expect(pool.end()).toEqual([]);
  });

  test('gives all queues back, however often', () => {
    const pool = referencePool();
    const { here, there } = pool;
    const [caller, serving] = pool.cores;
    for (let round = 0; round < 20; round++) {
      using server = new ReferenceServer(listen(serving!, 'round'), there);
      using calls = new ReferenceCaller(connect(caller!, 'round', soon), here);
      const slot = calls.send(empty, { refs: [numbered(here, round)], move: true })!;
      serveOne(server, ({ refs }) => ({ refs: [...refs] }));
      const { refs } = calls.poll(slot)!;
      expect(refs.map(numberOf)).toEqual([round]);
      refs[0]!.drop();
    }
    expect(pool.end()).toEqual([]);
  });

  test('of the other side’s heap alone is CLOSED to who sends references', () => {
    const pool = referencePool({ threads: 2 });
    const { here, there, calls, server } = pool;
    const first = calls.send(empty, { refs: [numbered(here, 1)], move: true })!;
    serveOne(server, () => ({}));
    calls.poll(first);
    calls.finish(first);
    for (const queue of there.queues()) queue.close();
    const ref = numbered(here, 2);
    expect(codeOf(() => calls.send(empty, { refs: [ref], move: true }))).toBe('CLOSED');
    expect(ref.isSpent).toBe(false);
    ref.drop();
    expect(pool.end()).toEqual([]);
  });
});

test('numbers wrap', () => {
  expect(ReferencesWord.first(ReferencesWord.pack(ReferencesWord.numbers - 1, 2, false))).toBe(ReferencesWord.numbers - 1);
  expect(ReferencesWord.after(ReferencesWord.numbers - 1, 3)).toBe(2);
  expect([
    ReferencesWord.distance(ReferencesWord.numbers - 1, 2),
    ReferencesWord.distance(2, ReferencesWord.numbers - 1),
  ]).toEqual([3, -3]);
  const word = ReferencesWord.pack(123_456, 1024, true);
  expect([ReferencesWord.first(word), ReferencesWord.count(word), ReferencesWord.isLarge(word)]).toEqual([123_456, 1024, true]);
});
