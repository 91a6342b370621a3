/** A prepared world is gone back to, whatever happened in it: what sweeps over many crashes rest on. */
import { expect, test } from 'vitest';
import { codes, constants } from '../../src/layout/index.ts';
import { connectTo, listenAs, sendCall } from './calls.ts';
import { bury, remains } from './life.ts';
import { call, type Program, World } from './simulator.ts';

function connected(): World {
  const world = new World();
  const [server, caller] = [world.client(1), world.client(2)];
  server.core.format(1, server.process, 0, 0);
  server.core.join(1, server.process, 0);
  caller.core.join(2, caller.process, 0);
  listenAs(server, 'echo', { windowLog2: 2 });
  connectTo(caller, 'echo');
  return world;
}

function oneCall(world: World): number {
  const [server, caller] = [world.clients[0]!, world.clients[1]!];
  const slot = sendCall(caller, 0);
  server.core.rpcServeLoop(0, 1, 1);
  return caller.core.rpcPoll(0, slot, 1);
}

test('after a restore all bytes are as they were, and the clients go on from there', () => {
  const world = connected();
  const snapshot = world.snapshot();
  const before = world.memory.bytes.slice();
  for (let round = 0; round < 3; round++) {
    expect(oneCall(world)).toBe(codes.OK);
    world.client(3).core.join(3, 77, 0);
    world.poolBytes(64, 4).fill(round + 1);
    world.clients[0]!.name('other');
    expect(Buffer.compare(world.memory.bytes, before)).not.toBe(0);

    world.restore(snapshot);

    expect(Buffer.compare(world.memory.bytes, before)).toBe(0);
    expect(world.clients).toHaveLength(2);
  }
});

test('bytes that a test was given before are restored as well, when they were written after', () => {
  const world = connected();
  const bytes = world.poolBytes(constants.CONTROL_BYTES, 8);
  const snapshot = world.snapshot();
  for (const value of [1, 2]) {
    bytes.fill(value);
    world.restore(snapshot);
    expect([...bytes]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  }
});

test('of two snapshots either can be gone back to', () => {
  const world = connected();
  const first = world.snapshot();
  oneCall(world);
  const second = world.snapshot();
  const bytesOfSecond = world.memory.bytes.slice();
  world.restore(first);
  expect(Buffer.compare(world.memory.bytes, bytesOfSecond)).not.toBe(0);
  world.restore(second);
  expect(Buffer.compare(world.memory.bytes, bytesOfSecond)).toBe(0);
});

test('a client that died at an access, in order or in a program, lives again after a restore', () => {
  const world = connected();
  const snapshot = world.snapshot();
  let deaths = 0;
  for (let n = 1; ; n++) {
    world.restore(snapshot);
    const server = world.clients[0]!;
    server.crashAtAccess(n);
    if (n % 2 === 0) {
      server.start(serving());
      while (server.isRunning) server.step();
    } else {
      server.attempt((core) => core.rpcServeLoop(0, 1, 1));
    }
    if (!server.isDead) break;
    deaths++;
    world.clients[1]!.core.rpcClose(0);
    world.clients[1]!.core.leave();
    bury(world.client(3), [server]);
    expect(remains(world)).toEqual([]);

    world.restore(snapshot);
    expect(oneCall(world)).toBe(codes.OK);
  }
  expect(deaths).toBeGreaterThan(3);
});

function* serving(): Program {
  yield call('rpcServeLoop', 0, 1, 1);
}

test('a client that is armed with a crash point after the snapshot is not after the restore', () => {
  const world = connected();
  const snapshot = world.snapshot();
  for (const client of world.clients) client.arm('rpc/call/after-write');
  expect(() => oneCall(world)).toThrow('at crash point');
  world.restore(snapshot);
  expect(oneCall(world)).toBe(codes.OK);
});

test('accesses are counted by kind', () => {
  const world = connected();
  const [server] = world.clients;
  server!.forgetCounts();
  const seen: string[] = [];
  world.onAccess = (client, what) => seen.push(`${client.index} ${what & 15}`);
  server!.core.gateClearCells();
  expect(server!.countOf('store')).toBe(seen.length);
  expect(server!.countOf('load')).toBe(0);
  expect(new Set(seen)).toEqual(new Set(['0 1']));
});

test('nothing is kept of a world in which a program runs', () => {
  const world = connected();
  world.clients[0]!.start(serving());
  expect(() => world.snapshot()).toThrow('in the middle of a program');
});
