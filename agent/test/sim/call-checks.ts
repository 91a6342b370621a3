/** What a connection promises of its slots, offers and counters, step by step. Functions as in checks.ts. */
import { codes, constants, layout } from '../../src/layout/index.ts';
import { connectTo, listenAs, sendCall, startAt } from './calls.ts';
import { type Check, connectedWorld } from './checks.ts';
import { randomFrom, runRandomly } from './schedules.ts';
import { call, type Program, type SimulatedClient, type World } from './simulator.ts';

/** Calls in flight of the first connection, recounted from its rings. */
function inFlight(world: World): number {
  return world.inspect().connections[0]!.inFlight;
}

/** A bit for each slot that the caller may not use. */
export function openSlots(caller: SimulatedClient, handle = 0): bigint {
  return caller.handleBlock(handle).getBigUint64(layout.Handle.open.offset, true);
}

/** Who is done with a call that has not ended has its slot back once the response is there, and not before: the server may still write there. */
export const aSlotStaysUntilItsCallEnds: Check = (mutant) => {
  const problems: string[] = [];
  for (const windowLog2 of [1, 2]) {
    const window = 2 ** windowLog2;
    const world = connectedWorld(mutant, { windowLog2 });
    const [server, caller] = [world.clients[0]!, world.clients[1]!];
    for (let lap = 0; lap < 3; lap++) {
      for (let slot = 0; slot < window; slot++) sendCall(caller, 0, slot);
      const expectBusy = (when: string): void => {
        const begun = caller.core.rpcBegin(0);
        if (begun !== codes.BUSY) problems.push(`lap ${lap}, ${when}: a call in the slot began with ${begun}`);
      };
      const given = caller.core.rpcFinish(0, 0);
      if (given !== codes.PENDING) problems.push(`lap ${lap}: the slot of a call in flight was given back with ${given}`);
      expectBusy('before the server looked');
      for (let slot = 0; slot < window; slot++) server.core.rpcPollRequest(0, 1);
      for (let slot = window - 1; slot > 0; slot--) {
        server.core.rpcReply(0, slot, 8, codes.OK);
        if (caller.core.rpcFinish(0, slot) !== codes.OK) problems.push(`lap ${lap}: slot ${slot} was answered and is not free`);
      }
      expectBusy('while the server works on it');
      if (inFlight(world) !== 1) problems.push(`lap ${lap}: ${inFlight(world)} calls are in flight, not 1`);
      if (caller.core.rpcPollAny(0) !== codes.PENDING) problems.push(`lap ${lap}: a call that nobody waits for was offered`);
      if (problems.length > 0) return problems;
      server.core.rpcReply(0, 0, 8, codes.OK);
      const begun = caller.core.rpcBegin(0) >>> 0;
      if (begun < constants.HANDLE_BASE) problems.push(`lap ${lap}: the response came, and the next call began with ${begun}`);
      if (openSlots(caller) !== 0n || inFlight(world) !== 0) problems.push(`lap ${lap}: a slot is in use, and no call`);
    }
    if (server.core.rpcServed(0) !== 3 * window) problems.push(`${server.core.rpcServed(0)} calls were executed`);
  }
  return problems;
};

/** A batch has no more calls in flight than the server wants, from the first lap after it said so. */
export const aBatchHonoursTheOffer: Check = (mutant) => {
  const problems: string[] = [];
  for (const depth of [1, 2, 4]) {
    const world = connectedWorld(mutant, { windowLog2: 2 });
    const [server, caller] = [world.clients[0]!, world.clients[1]!];
    for (const offered of [1, 3, 2, 4]) {
      server.core.rpcOffer(0, offered);
      const calls = 12;
      const startedAt = caller.core.rpcFinished(0);
      const most = Math.min(depth, offered);
      for (let polls = 0, code: number = codes.PENDING; code === codes.PENDING; polls++) {
        const left = calls - (caller.core.rpcFinished(0) - startedAt);
        code = caller.core.rpcCallBatch(0, left, 8, depth, 1);
        const count = inFlight(world);
        if (count > most) problems.push(`${count} calls of a batch of depth ${depth} are in flight, ${offered} were offered`);
        if (polls > 100) return [...problems, 'the batch does not end'];
        server.core.rpcServeLoop(0, 1, 1);
      }
      const done = caller.core.rpcFinished(0) - startedAt;
      if (done !== calls) problems.push(`${done} of ${calls} calls were done`);
    }
  }
  return problems;
};

/** What `rpcBegin` allowed, `rpcSend` does, also when the server has changed its mind between the two. */
export const whatMayBeginMayBeSent: Check = (mutant) => {
  const problems: string[] = [];
  const world = connectedWorld(mutant, { windowLog2: 1 });
  const [server, caller] = [world.clients[0]!, world.clients[1]!];
  for (let lap = 0; lap < 3; lap++) {
    server.core.rpcOffer(0, 2);
    sendCall(caller, 0);
    server.core.rpcServeLoop(0, 1, 1);
    caller.core.rpcFinish(0, 0);
    sendCall(caller, 0);
    const begun = caller.core.rpcBegin(0) >>> 0;
    server.core.rpcOffer(0, 1);
    const sent = caller.core.rpcSend(0, 8, 0);
    if (begun >= constants.HANDLE_BASE && sent !== constants.HANDLE_BASE)
      problems.push(`a call that was begun was answered with ${sent}`);
    server.core.rpcServeLoop(0, 2, 1);
    for (const slot of [0, 1]) caller.core.rpcFinish(0, slot);
    sendCall(caller, 0);
    server.core.rpcServeLoop(0, 1, 1);
    caller.core.rpcFinish(0, 1);
  }
  return problems;
};

/** A batch on a connection with other calls in flight is refused, and one that was interrupted goes on. */
export const aBatchIsAlone: Check = (mutant) => {
  const problems: string[] = [];
  const world = connectedWorld(mutant, { windowLog2: 2 });
  const [server, caller] = [world.clients[0]!, world.clients[1]!];
  const batch = (calls: number): number => caller.core.rpcCallBatch(0, calls, 8, 2, 1);
  for (let lap = 0; lap < 2; lap++) {
    const slot = sendCall(caller, 0, 7);
    if (batch(2) !== codes.BUSY) problems.push('a batch began beside a call in flight');
    server.core.rpcServeLoop(0, 4, 1);
    if (batch(2) !== codes.BUSY) problems.push('a batch began beside a call that is not finished');
    if (caller.core.rpcPoll(0, slot, 1) !== codes.OK) problems.push('the other call lost its response');
    if (problems.length > 0) return problems;
    caller.core.rpcFinish(0, slot);
    if (batch(3) !== codes.PENDING) problems.push('a batch that nobody serves did not wait');
    server.core.rpcServeLoop(0, 1, 1);
    if (batch(3) !== codes.PENDING) problems.push('a batch that was interrupted did not go on');
    server.core.rpcServeLoop(0, 2, 1);
    if (batch(2) !== codes.OK) problems.push('a batch that was interrupted did not end');
    if (server.core.rpcServed(0) !== 4 * (lap + 1)) problems.push(`${server.core.rpcServed(0)} calls were executed`);
  }
  return problems;
};

/**
 * Connections that have made as many calls as their counters hold but for a few: the 15 bits of the sequence, the lower and all 32 bits of
 * the call's number. In random schedules, by batches of any depth.
 */
export const countersWrap =
  (seeds: number, firstSeed: number): Check =>
  (mutant) => {
    const starts = [2 ** 15, 2 ** 16, 2 ** 31, 2 ** 32, 2 ** 40].map((limit) => limit - 8);
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      const start = starts[seed % starts.length]!;
      const windowLog2 = 1 + (seed % 3);
      const problems: string[] = [];
      const note = (problem: string): void => void problems.push(`seed ${seed}, from call ${start}: ${problem}`);
      const world = connectedWorld(mutant, { windowLog2 });
      startAt(world, world.clients, start, windowLog2);
      const [server, caller] = [world.clients[0]!, world.clients[1]!];
      const calls = 24;
      caller.start(callingAtAnyDepth(calls, randomFrom(seed), windowLog2, note));
      server.start(servingLoop(note));
      try {
        runRandomly(world, seed);
      } catch (error) {
        note((error as Error).message);
      }
      const served = server.core.rpcServed(0);
      if (served !== calls) note(`${served} of ${calls} calls were executed`);
      for (const problem of world.inspect().problems) note(problem);
      if (problems.length > 0) return problems;
    }
    return [];
  };

function* callingAtAnyDepth(calls: number, random: () => number, windowLog2: number, note: (problem: string) => void): Program {
  const drawn = (): number => 1 + Math.floor(random() * 2 ** windowLog2);
  for (let done = 0, polls = 0, depth = drawn(); done < calls; polls++) {
    const before = yield call('rpcFinished', 0);
    const code = yield call('rpcCallBatch', 0, calls - done, 8, depth, 3);
    done += ((yield call('rpcFinished', 0)) - before) | 0;
    if (code !== codes.OK && code !== codes.PENDING) return note(`a call was answered with code ${code}`);
    if (polls > 20_000) return note('a call was never answered');
    depth = drawn();
  }
  yield call('rpcClose', 0);
}

function* servingLoop(note: (problem: string) => void): Program {
  for (let polls = 0; polls < 20_000; polls++) {
    const code = yield call('rpcServeLoop', 0, 4, 3);
    if (code === codes.CLOSED) return;
    if (code !== codes.OK && code !== codes.PENDING) return note(`serving was answered with code ${code}`);
  }
  note('the caller never closed');
}

/** The longest message of the smallest window is as long as the constant says, and is served; one that is longer is refused. */
export const theLongestPayloadFits: Check = (mutant) => {
  const problems: string[] = [];
  const payloadBytes = constants.PAYLOAD_LIMIT_BYTES;
  const world = connectedWorld(mutant, { windowLog2: 1, payloadBytes });
  const [server, caller] = [world.clients[0]!, world.clients[1]!];
  for (let slot = 0; slot < 4; slot++) {
    if (caller.core.rpcCallBatch(0, 1, payloadBytes, 1, 1) !== codes.PENDING) problems.push('a call was not sent');
    server.core.rpcServeLoop(0, 1, 1);
    const code = caller.core.rpcCallBatch(0, 1, payloadBytes, 1, 1);
    if (code !== codes.OK) problems.push(`a call of ${payloadBytes} bytes was answered with ${code}`);
  }
  for (const [windowLog2, tooLong] of [
    [1, payloadBytes + 1],
    [2, payloadBytes],
    [6, 241],
  ] as const) {
    const answer = listenAs(server, 'other', { windowLog2, payloadBytes: tooLong }) + constants.HANDLE_BASE;
    if (answer !== codes.BAD_ARGUMENT)
      problems.push(`a window of 2^${windowLog2} calls of ${tooLong} bytes was answered with ${answer}`);
  }
  if (connectTo(caller, 'other') + constants.HANDLE_BASE !== codes.NOT_FOUND) problems.push('what was refused listens');
  return problems;
};
