/** Calls in flight, answered out of order and sent again, while one side dies at each of its accesses: who is told what (docs/rpc.md). */
import { describe, expect, test } from 'vitest';
import { codes, constants, layout } from '../../src/layout/index.ts';
import { openSlots } from './call-checks.ts';
import { startAt } from './calls.ts';
import { connectedWorld } from './checks.ts';
import { bury } from './life.ts';
import type { SimulatedClient, World } from './simulator.ts';

const accessLimit = 2_000;
/** So that the sequence wraps in the middle. */
const beforeTheWrap = 2 ** 15 - 4;

interface Books {
  readonly executed: Map<number, number>;
  readonly order: number[];
  /** Calls that `rpcSend` returned for. */
  sent: number;
  readonly ended: Map<number, number>;
  readonly inFlight: Map<number, number>;
}

interface Pair {
  readonly world: World;
  readonly server: SimulatedClient;
  readonly caller: SimulatedClient;
  readonly books: Books;
  readonly window: number;
}

/** Both have met, and their counters wrap soon. */
function metPair(windowLog2: number): Pair {
  const world = connectedWorld(0, { windowLog2 });
  const [server, caller] = [world.clients[0]!, world.clients[1]!];
  server.core.rpcPollRequest(0, 1);
  startAt(world, world.clients, beforeTheWrap, windowLog2);
  const books: Books = { executed: new Map(), order: [], sent: 0, ended: new Map(), inFlight: new Map() };
  return { world, server, caller, books, window: 2 ** windowLog2 };
}

/** A call's method is its number plus one, and so is the length of its response. */
function sendAll({ caller, books }: Pair, depth: number): number {
  let code: number = codes.BUSY;
  while (books.inFlight.size < depth) {
    code = caller.core.rpcSend(0, 8, books.sent + 1);
    if (code < constants.HANDLE_BASE) break;
    const slot = code - constants.HANDLE_BASE;
    if (books.inFlight.has(slot)) throw new Error(`slot ${slot} has a call already`);
    books.inFlight.set(slot, books.sent++);
    if (books.sent % 2 === 0) caller.core.rpcResend(0, slot);
  }
  return code;
}

function serveReversed({ server, books }: Pair): number {
  const taken: { readonly slot: number; readonly method: number }[] = [];
  let code = server.core.rpcPollRequest(0, 1);
  for (; code >= constants.HANDLE_BASE; code = server.core.rpcPollRequest(0, 1)) {
    const method = server.lastMessage(0).kind;
    taken.push({ slot: code - constants.HANDLE_BASE, method });
    books.executed.set(method - 1, (books.executed.get(method - 1) ?? 0) + 1);
    books.order.push(method - 1);
  }
  for (const { slot, method } of taken.reverse()) server.core.rpcReply(0, slot, method, codes.OK);
  return code;
}

function receiveAll({ caller, books }: Pair): void {
  for (;;) {
    const slot = caller.core.rpcPollAny(0) - constants.HANDLE_BASE;
    if (slot < 0) return;
    receive({ caller, books }, slot);
  }
}

function receive({ caller, books }: Pick<Pair, 'caller' | 'books'>, slot: number): number {
  const status = caller.core.rpcPoll(0, slot, 1);
  if (status === codes.PENDING) return status;
  const number = books.inFlight.get(slot)!;
  if (books.ended.has(number)) throw new Error(`call ${number} ended twice`);
  if (status === codes.OK && caller.lastMessage(0).lengthBytes !== number + 1)
    throw new Error(`call ${number} was given the response of another`);
  books.ended.set(number, status);
  books.inFlight.delete(slot);
  caller.core.rpcFinish(0, slot);
  return status;
}

/** Four laps, so that each slot is used again; until somebody dies. */
function converse(pair: Pair, depth: number): void {
  const { server, caller, books, window } = pair;
  while (books.sent < 4 * window && !server.isDead && !caller.isDead) {
    caller.attempt(() => sendAll(pair, depth));
    server.attempt(() => serveReversed(pair));
    caller.attempt(() => receiveAll(pair));
  }
}

/** Slots whose last request has no response in the ring. */
function unanswered({ world, window }: Pair): Set<number> {
  const at = constants.CONNECTIONS_OFFSET;
  const view = (ring: number) => new Uint16Array(world.poolBytes(at + ring, window * 8).slice().buffer);
  const [requests, responses] = [view(constants.REQUEST_RING_OFFSET), view(constants.RESPONSE_RING_OFFSET)];
  return new Set(
    Array.from({ length: window }, (_, slot) => slot).filter((slot) => requests[slot * 4 + 3] !== responses[slot * 4 + 3]),
  );
}

/** At most once, in the order in which they were sent. */
function expectExecutions({ executed, order }: Books): void {
  for (const [number, count] of executed) expect({ number, count }).toEqual({ number, count: 1 });
  expect(order).toEqual(order.toSorted((a, b) => a - b));
}

describe.each([
  { windowLog2: 1, depth: 2 },
  { windowLog2: 2, depth: 2 },
  { windowLog2: 2, depth: 4 },
])('with a window of 2^$windowLog2 and $depth calls in flight', ({ windowLog2, depth }) => {
  test('a server that dies at its n-th access costs what it had not answered, and nothing twice', () => {
    let n = 1;
    const told = new Set<number>();
    for (; n < accessLimit; n++) {
      const pair = metPair(windowLog2);
      const { world, server, caller, books } = pair;
      server.crashAtAccess(n);
      converse(pair, depth);
      if (!server.isDead) break;

      const open = unanswered(pair);
      // Slow is not dead: before the fence a call is answered or goes on.
      for (const slot of [...books.inFlight.keys()]) {
        const status = receive(pair, slot);
        expect({ n, slot, status }).toEqual({ n, slot, status: open.has(slot) ? codes.PENDING : codes.OK });
      }
      expect(world.inspect().connections[0]!.inFlight).toBe(books.inFlight.size);
      bury(world.client(3), [server]);

      const isNextBusy = books.inFlight.has((beforeTheWrap + books.sent) % pair.window);
      expect(caller.core.rpcSend(0, 8, 1)).toBe(isNextBusy ? codes.BUSY : codes.PEER_LOST);
      for (const slot of [...books.inFlight.keys()]) expect(receive(pair, slot)).toBe(codes.OUTCOME_UNKNOWN);
      expect(caller.core.rpcSend(0, 8, 1)).toBe(codes.PEER_LOST);
      expectExecutions(books);
      expect(books.ended.size).toBe(books.sent);
      for (const [number, status] of books.ended) {
        told.add(status);
        if (status === codes.OK) expect(books.executed.get(number)).toBe(1);
      }
      for (const number of books.executed.keys()) expect(number).toBeLessThan(books.sent);
      expect(openSlots(caller)).toBe(0n);
      caller.core.rpcClose(0);
      expect(world.inspect()).toMatchObject({ connections: [], problems: [] });
    }
    expect([...told].sort()).toEqual([codes.OK, codes.OUTCOME_UNKNOWN].sort());
    expect(n).toBeGreaterThan(20);
    expect(n).toBeLessThan(accessLimit);
    console.log(`window ${2 ** windowLog2}, depth ${depth}: ${n - 1} deaths`);
  });

  test('a caller that dies at its n-th access leaves calls that are executed once or not at all, and a server that is told', () => {
    let n = 1;
    for (; n < accessLimit; n++) {
      const pair = metPair(windowLog2);
      const { world, server, caller, books } = pair;
      caller.crashAtAccess(n);
      converse(pair, depth);
      if (!caller.isDead) break;

      // What was published is executed before the fence; its response is nobody's.
      const published = new DataView(
        world.poolBytes(constants.CONNECTIONS_OFFSET, constants.REQUEST_ARENA_OFFSET).slice().buffer,
      );
      expect(serveReversed(pair)).toBe(codes.PENDING);
      bury(world.client(3), [caller]);
      expect(serveReversed(pair)).toBe(codes.PEER_LOST);
      expectExecutions(books);
      // The one that it died over may have been published, or not.
      expect([books.sent, books.sent + 1]).toContain(books.executed.size);
      const next = Number(server.handleBlock(0).getBigUint64(layout.Handle.next.offset, true));
      const lastSlot = (next - 1) % pair.window;
      const entry = published.getBigUint64(constants.REQUEST_RING_OFFSET + lastSlot * 8, true);
      expect(Number((entry >> 48n) & 0x7fffn)).toBe((next - 1) % 2 ** 15);
      server.core.rpcClose(0);
      expect(world.inspect()).toMatchObject({ connections: [], problems: [] });
    }
    expect(n).toBeGreaterThan(20);
    expect(n).toBeLessThan(accessLimit);
    console.log(`window ${2 ** windowLog2}, depth ${depth}: ${n - 1} deaths`);
  });
});
