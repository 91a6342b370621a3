/** Who is suspected, as seen by one machine with a clock of its own. */
import { expect, test } from 'vitest';
import { HeartbeatWatch } from '../../src/daemon/heartbeat-watch.ts';
import { constants } from '../../src/layout/index.ts';
import type { SeenClient } from '../../src/pool/pool.ts';
import type { AgentEvent } from '../../src/protocol/index.ts';

const [own, other, third] = [1, 2, 3] as const;
const leaseMs = 800;
const lookMs = leaseMs / 8;

function client(id: number, machineNumber: number = other, incarnation = 1): SeenClient {
  return { id, incarnation, machineNumber, pid: 100 + id, beats: 0 };
}

/** A watch that looks when it is told to, at clients whose hearts beat when they are told to. */
function scene(...clients: SeenClient[]) {
  const table = new Map(clients.map((each) => [each.id, { ...each }]));
  const events: AgentEvent[] = [];
  let nowNs = 0;
  const watch = new HeartbeatWatch({
    ownMachine: own,
    see: () => [...table.values()].map((each) => ({ ...each })),
    emit: (event) => events.push(event),
    nowNs: () => nowNs,
  });
  watch.start(leaseMs);
  // By hand from here on.
  watch.stop();
  watch.look();
  return {
    watch,
    table,
    events,
    /** One look after so long; those of `beating` have beaten in between. */
    look: (afterMs: number, ...beating: number[]) => {
      nowNs += afterMs * 1e6;
      for (const id of beating) table.get(id)!.beats++;
      watch.look();
    },
  };
}

function lookFor(ms: number, look: (afterMs: number, ...beating: number[]) => void, ...beating: number[]): void {
  for (let passed = 0; passed < ms; passed += lookMs) look(lookMs, ...beating);
}

const identity = (id: number, incarnation = 1) => ({ id, incarnation });

test('a client whose heart stands still for the lease is suspected once, with everybody of its machine', () => {
  const { events, look, watch } = scene(client(0), client(1), client(2, third));

  lookFor(leaseMs - lookMs, look, 1, 2);
  expect(events).toEqual([]);
  lookFor(3 * leaseMs, look, 1, 2);

  const suspicion = { machineNumber: other, suspects: [identity(0)], clients: [identity(0), identity(1)] };
  expect(events).toEqual([{ event: 'suspected', atNs: leaseMs * 1e6, ...suspicion }]);
  expect(watch.suspicions()).toEqual([suspicion]);
});

test('those of a machine that stop together are suspected together', () => {
  const { events, look } = scene(client(0), client(1), client(2));
  lookFor(2 * leaseMs, look);
  expect(events).toMatchObject([{ event: 'suspected', suspects: [identity(0), identity(1), identity(2)] }]);
});

test('nobody of the own machine is suspected', () => {
  const { events, look } = scene(client(0, own));
  lookFor(10 * leaseMs, look);
  expect(events).toEqual([]);
});

test('a heart that beats again ends the suspicion, and has the whole lease again', () => {
  const { events, look, watch } = scene(client(0));
  lookFor(leaseMs, look);
  look(lookMs, 0);
  expect(events).toMatchObject([
    { event: 'suspected' },
    { event: 'unsuspected', machineNumber: other, clients: [{ ...identity(0), because: 'beats' }] },
  ]);
  expect(watch.suspicions()).toEqual([]);
  lookFor(leaseMs - lookMs, look);
  expect(events).toHaveLength(2);
});

test('a suspect that is gone, or whose place another one has, is none any more', () => {
  const { events, look, table, watch } = scene(client(0), client(1));
  lookFor(leaseMs, look);
  table.delete(0);
  table.set(1, client(1, other, 2));
  look(lookMs);
  expect(events[1]).toMatchObject({
    event: 'unsuspected',
    clients: [
      { ...identity(0), because: 'gone' },
      { ...identity(1), because: 'gone' },
    ],
  });
  expect(watch.suspicions()).toEqual([]);
});

test('an observer that was frozen with everybody else suspects nobody for the time it did not look', () => {
  const { events, look } = scene(client(0));
  look(100 * leaseMs);
  expect(events).toEqual([]);
  look(lookMs, 0);
  lookFor(leaseMs - lookMs, look);
  expect(events).toEqual([]);
});

test('an agent at a recovery, which has no heart, is given longer', () => {
  const place = constants.CLIENT_COUNT - 1;
  const { events, look } = scene(client(place));
  lookFor(2 * leaseMs, look);
  expect(events).toEqual([]);
  lookFor(8 * leaseMs, look);
  expect(events).toMatchObject([{ event: 'suspected', suspects: [identity(place)] }]);
});
