/** What a caller is told when its server dies at any access of a call, and a server when its caller does (at most once, I7). */
import { expect, test } from 'vitest';
import { codes, constants } from '../../src/layout/index.ts';
import { connectTo, listenAs } from './calls.ts';
import { bury } from './life.ts';
import { type SimulatedClient, World } from './simulator.ts';

interface Pair {
  readonly world: World;
  readonly server: SimulatedClient;
  readonly caller: SimulatedClient;
  readonly undertaker: SimulatedClient;
}

function connectedPair(): Pair {
  const world = new World();
  const [server, caller, undertaker] = [world.client(1), world.client(2), world.client(3)];
  server.core.format(1, server.process, 0, 0);
  server.core.join(1, server.process, 0);
  caller.core.join(2, caller.process, 0);
  listenAs(server, 'echo', { windowLog2: 2 });
  connectTo(caller, 'echo');
  // Both have met: one call went well.
  expect(sendCall(caller)).toBe(constants.HANDLE_BASE);
  server.core.rpcServeLoop(0, 1, 1);
  expect(caller.core.rpcPoll(0, 0, 1)).toBe(codes.OK);
  caller.core.rpcFinish(0, 0);
  return { world, server, caller, undertaker };
}

/** HANDLE_BASE + its slot, or why it was not sent. */
function sendCall(caller: SimulatedClient): number {
  const buffer = caller.core.rpcBegin(0) >>> 0;
  return buffer < constants.HANDLE_BASE ? buffer : caller.core.rpcSend(0, 8, 0);
}

/** The slot of the call that follows the one of `connectedPair`. */
const slot = 1;

test('a call whose server dies ends once: answered if the answer was published, else of unknown outcome, and the next is not sent', () => {
  const outcomes = new Set<number>();
  for (let n = 1; ; n++) {
    const { server, caller, undertaker } = connectedPair();
    sendCall(caller);
    server.crashAtAccess(n);
    // Two looks, so that it can also die after its answer is published.
    server.attempt((core) => core.rpcServeLoop(0, 2, 1));
    if (!server.isDead) break;

    // Nothing is known before the fence stands: slow is not dead.
    const beforeFence = caller.core.rpcPoll(0, slot, 1);
    expect([codes.OK, codes.PENDING]).toContain(beforeFence);
    bury(undertaker, [server]);

    const outcome = beforeFence === codes.OK ? codes.OK : caller.core.rpcPoll(0, slot, 1);
    expect(outcome).toBe(beforeFence === codes.OK ? codes.OK : codes.OUTCOME_UNKNOWN);
    outcomes.add(outcome);
    if (outcome === codes.OK) caller.core.rpcFinish(0, slot);
    expect(sendCall(caller)).toBe(codes.PEER_LOST);
    expect(caller.core.rpcClose(0)).toBe(codes.OK);
  }
  expect([...outcomes].sort()).toEqual([codes.OK, codes.OUTCOME_UNKNOWN]);
});

test('an answer that was published before the server died is still received after its fence', () => {
  const { server, caller, undertaker } = connectedPair();
  sendCall(caller);
  server.core.rpcServeLoop(0, 1, 1);
  server.isDead = true;
  bury(undertaker, [server]);

  expect(caller.core.rpcPoll(0, slot, 1)).toBe(codes.OK);
});

test('a server whose caller dies is told so once the fence stands, at every access of the call', () => {
  for (let n = 1; ; n++) {
    const { server, caller, undertaker } = connectedPair();
    caller.crashAtAccess(n);
    caller.attempt(() => sendCall(caller));
    if (!caller.isDead) break;
    bury(undertaker, [caller]);

    const polls = [server.core.rpcServeLoop(0, 2, 1), server.core.rpcServeLoop(0, 2, 1)];
    expect([codes.PEER_LOST, codes.CLOSED]).toContain(polls.at(-1));
    expect(server.core.rpcClose(0)).toBe(codes.OK);
  }
});

test('a server that hangs up tells its caller CLOSED, not PEER_LOST', () => {
  const { server, caller } = connectedPair();
  server.core.rpcClose(0);

  expect(sendCall(caller)).toBe(codes.CLOSED);
});

test('a connection of the dead is used again in a new epoch, and its old caller cannot mistake it', () => {
  const { world, server, caller, undertaker } = connectedPair();
  const before = world.inspect().connections[0]!.epoch;
  server.isDead = true;
  bury(undertaker, [server]);
  expect(world.inspect().connections).toHaveLength(1);
  caller.core.rpcClose(0);
  expect(world.inspect().connections).toEqual([]);

  const heir = world.client(1);
  heir.core.join(1, heir.process, 0);
  listenAs(heir, 'echo');

  expect(world.inspect().connections[0]).toMatchObject({ slot: 0, epoch: before + 1, state: 'listening' });
  expect(connectTo(caller, 'echo')).toBe(0);
});
