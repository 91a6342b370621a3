/**
 * What must hold in every schedule, as functions that return what does not: run without a mutant by the tests of the core, and with
 * one by the tests of these tests.
 */
import { codes, constants, layout } from '../../src/layout/index.ts';
import { connectTo, listenAs, markOf, payloadOffset, type Shape, sendCall, shape, writeEntry } from './calls.ts';
import { forEverySchedule, prepared, randomFrom, runRandomly } from './schedules.ts';
import { call, type Program, type SimulatedClient, World } from './simulator.ts';

/** Sentences, empty when all is well. `mutant`: the mistake that is switched on, 0 for none. */
export type Check = (mutant: number) => readonly string[];

/** Two processes format a blank pool: one does, nobody sees a pool that is formatted and not written. */
export const onlyOneFormats: Check = (mutant) => {
  const problems = new Set<string>();
  const results: number[] = [];
  return forEverySchedule(
    () => {
      results.length = 0;
      return new World({ mutant });
    },
    (world) => {
      for (const machine of [1, 2]) {
        const client = world.client(machine);
        client.start(formatting(client, results));
      }
      world.client(3).start(lookingAtRegions(world, problems));
    },
    (world) => {
      const [first, second] = results.toSorted((a, b) => a - b);
      if (first !== codes.OK || (second !== codes.IN_PROGRESS && second !== codes.ALREADY)) {
        problems.add(`the formatters were answered ${results}`);
      }
      for (const problem of world.inspect().problems) problems.add(problem);
      return [...problems];
    },
  );
};

function* formatting(client: SimulatedClient, results: number[]): Program {
  results.push(yield call('format', client.machine, client.process, 0, 0));
}

/** One look is enough: some schedule takes it at every moment. */
function* lookingAtRegions(world: World, problems: Set<string>): Program {
  const state = yield call('poolState');
  if (state !== constants.FORMATTED) return;
  for (const problem of world.inspect().problems) problems.add(`when it was called formatted: ${problem}`);
}

/** A formatted pool in which `taken` slots of the client table are taken for good. */
function formattedWorld(mutant: number, taken = 0): World {
  const world = new World({ mutant });
  const first = world.client(9);
  first.core.format(9, first.process, 0, 0);
  for (let id = 0; id < taken; id++) {
    const client = id === 0 ? first : world.client(9);
    client.core.join(9, client.process, 0);
  }
  return world;
}

/** Two threads join when one slot is left: one gets it, the other is told. */
export const onlyOneGetsTheLastSlot: Check = (mutant) => {
  const problems = new Set<string>();
  const results: number[] = [];
  // All but one slot are written as taken; 255 clients would only cost time.
  return forEverySchedule(
    () => {
      const world = formattedWorld(mutant);
      for (let id = 0; id < constants.CLIENT_COUNT - constants.RECOVERER_COUNT - 1; id++) takeSlot(world, id);
      results.length = 0;
      return world;
    },
    (world) => {
      for (const machine of [1, 2]) {
        const client = world.client(machine);
        client.start(joining(client, results));
      }
    },
    () => {
      if (results.toSorted((a, b) => a - b).join() !== `${codes.OK},${codes.FULL}`)
        problems.add(`the joiners were answered ${results}`);
      return [...problems];
    },
  );
};

function takeSlot(world: World, id: number): void {
  const word = world.poolBytes(constants.CLIENT_TABLE_OFFSET + id * constants.CLIENT_BYTES, 8);
  new DataView(word.buffer, word.byteOffset).setBigUint64(0, (1n << 32n) | (77n << 10n) | (9n << 3n) | 2n, true);
}

function* joining(client: SimulatedClient, results: number[]): Program {
  results.push(yield call('join', client.machine, client.process, 0));
}

/** A slot that is used again has a new incarnation, so that a fence of the first occupant does not hit the second. */
export const aSlotUsedAgainIsAnother: Check = (mutant) => {
  const world = formattedWorld(mutant);
  const problems: string[] = [];
  let incarnation = 0;
  for (let occupant = 0; occupant < 3; occupant++) {
    const client = world.client(1);
    client.core.join(1, client.process, 0);
    const id = client.core.selfClient();
    if (client.core.isFenced(id, client.core.selfIncarnation())) problems.push(`occupant ${occupant} was born fenced`);
    if (client.core.selfIncarnation() <= incarnation)
      problems.push(`occupant ${occupant} has incarnation ${client.core.selfIncarnation()}`);
    incarnation = client.core.selfIncarnation();
    world.clients[0]!.core.grantFence(id, incarnation);
    world.clients[0]!.core.recoverClient(id, incarnation);
  }
  return problems;
};

/** Two callers want the one connection that listens: one gets it. */
export const onlyOneConnects: Check = (mutant) => {
  const problems = new Set<string>();
  const results: number[] = [];
  return forEverySchedule(
    () => {
      const world = formattedWorld(mutant, 1);
      listenAs(world.clients[0]!, 'echo');
      results.length = 0;
      for (const machine of [1, 2]) {
        const client = world.client(machine);
        client.core.join(machine, client.process, 0);
        client.name('echo');
      }
      return world;
    },
    (world) => {
      for (const client of world.clients.slice(1)) client.start(connecting(results));
    },
    () => {
      if (results.toSorted((a, b) => a - b).join() !== `${codes.NOT_FOUND},${constants.HANDLE_BASE}`) {
        problems.add(`the callers were answered ${results}`);
      }
      return [...problems];
    },
  );
};

function* connecting(results: number[]): Program {
  results.push(yield call('rpcConnect', 4, 0));
}

/** Two servers register the same name at the same time: there is one entry, and it is whole. */
export const oneEntryPerName =
  (seeds: number, firstSeed: number): Check =>
  (mutant) => {
    const problems = new Set<string>();
    for (let seed = firstSeed; seed < firstSeed + seeds && problems.size === 0; seed++) {
      const world = formattedWorld(mutant);
      for (const machine of [1, 2]) {
        const client = world.client(machine);
        client.core.join(machine, client.process, 0);
        client.name('echo');
        client.start(listening());
      }
      runRandomly(world, seed);
      const { services, connections, problems: found } = world.inspect();
      if (services.map(({ name }) => name).join() !== 'echo') {
        problems.add(`seed ${seed}: the directory has ${services.map(({ name }) => name)}`);
      }
      if (connections.filter(({ state }) => state === 'listening').length !== 2)
        problems.add(`seed ${seed}: not both servers listen`);
      for (const problem of found) problems.add(`seed ${seed}: ${problem}`);
    }
    return [...problems];
  };

function* listening(): Program {
  yield call('rpcListen', 4, ...shape());
}

/**
 * Two recoverers finish the same dead server, one of them perhaps slowly, while a third client takes the freed slot and listens: its
 * connection must not be closed in the dead one's name.
 */
export const aSlowRecovererHarmsNobody =
  (seeds: number, firstSeed: number): Check =>
  (mutant) => {
    const problems = new Set<string>();
    for (let seed = firstSeed; seed < firstSeed + seeds && problems.size === 0; seed++) {
      const world = formattedWorld(mutant, 1);
      listenAs(world.clients[0]!, 'echo');
      world.clients[0]!.isDead = true;
      for (const machine of [1, 2]) world.client(machine).start(recovering());
      const heir = world.client(3);
      heir.name('echo');
      const results: number[] = [];
      heir.start(inheriting(heir, results));
      runRandomly(world, seed);
      const { connections, problems: found } = world.inspect();
      for (const problem of found) problems.add(`seed ${seed}: ${problem}`);
      if (results[0] === constants.HANDLE_BASE && connections.filter(({ state }) => state === 'listening').length !== 1) {
        problems.add(`seed ${seed}: the heir listens, and its connection is gone`);
      }
      if (results[0] !== constants.HANDLE_BASE) problems.add(`seed ${seed}: the heir was answered ${results}`);
    }
    return [...problems];
  };

function* recovering(): Program {
  yield call('grantFence', 0, 1);
  yield call('recoverClient', 0, 1);
}

/** Waits for the dead one's slot, then takes it and the connection. */
function* inheriting(client: SimulatedClient, results: number[]): Program {
  for (let looks = 0; looks < 5_000; looks++) {
    if ((yield call('clientState', 0)) === constants.CLIENT_FREE) break;
  }
  yield call('join', client.machine, client.process, 0);
  results.push(yield call('rpcListen', 4, ...shape()));
}

/** A connected pair: the server is client 0, the caller client 1; the handle of each is 0. */
export function connectedWorld(mutant: number, of: Shape = {}): World {
  const world = formattedWorld(mutant, 1);
  listenAs(world.clients[0]!, 'echo', of);
  const caller = world.client(2);
  caller.core.join(2, caller.process, 0);
  connectTo(caller, 'echo');
  return world;
}

/**
 * A caller and a server with windows of two and of four, in both layouts and at every depth, in random schedules: every call is
 * executed once and comes back as it was sent, over several laps.
 */
export const everyCallComesBack =
  (seeds: number, firstSeed: number): Check =>
  (mutant) => {
    const problems = new Set<string>();
    for (let seed = firstSeed; seed < firstSeed + seeds && problems.size === 0; seed++) {
      const windowLog2 = 1 + (seed % 2);
      const layout = seed % 3 === 0 ? constants.LAYOUT_FAITHFUL : constants.LAYOUT_HARDENED;
      const world = connectedWorld(mutant, { windowLog2, layout });
      const [server, caller] = [world.clients[0]!, world.clients[1]!];
      const calls = 9;
      const note = (problem: string): void => void problems.add(`seed ${seed}: ${problem}`);
      caller.start(callingInBatches(calls, 1 + ((seed >> 1) % 2 ** windowLog2), note));
      server.start(serving(note));
      try {
        runRandomly(world, seed);
      } catch (error) {
        note((error as Error).message);
        continue;
      }
      const served = server.core.rpcServed(0);
      if (served !== calls) note(`${served} of ${calls} calls were executed`);
      for (const problem of world.inspect().problems) note(problem);
    }
    return [...problems];
  };

function* callingInBatches(calls: number, depth: number, note: (problem: string) => void): Program {
  for (let done = 0, polls = 0; done < calls; polls++) {
    const before = yield call('rpcFinished', 0);
    const code = yield call('rpcCallBatch', 0, calls - done, 16, depth, 3);
    done += ((yield call('rpcFinished', 0)) - before) | 0;
    if (code !== codes.OK && code !== codes.PENDING) return note(`a call was answered with code ${code}`);
    if (polls > 20_000) return note('a call was never answered');
  }
  yield call('rpcClose', 0);
}

function* serving(note: (problem: string) => void): Program {
  for (let polls = 0; polls < 20_000; polls++) {
    const code = yield call('rpcServeLoop', 0, 4, 3);
    if (code === codes.CLOSED) return;
    if (code !== codes.OK && code !== codes.PENDING) return note(`serving was answered with code ${code}`);
  }
  note('the caller never closed');
}

/**
 * A server that takes all it can and answers in an order drawn from the seed, a caller that keeps its window full and looks at any
 * response: every response reaches the call that it answers.
 */
export const responsesComeInAnyOrder =
  (seeds: number, firstSeed: number): Check =>
  (mutant) => {
    const problems = new Set<string>();
    for (let seed = firstSeed; seed < firstSeed + seeds && problems.size === 0; seed++) {
      const windowLog2 = 1 + (seed % 2);
      const layout = seed % 3 === 0 ? constants.LAYOUT_FAITHFUL : constants.LAYOUT_HARDENED;
      const world = connectedWorld(mutant, { windowLog2, layout });
      const [server, caller] = [world.clients[0]!, world.clients[1]!];
      const calls = 10;
      const note = (problem: string): void => void problems.add(`seed ${seed}: ${problem}`);
      caller.start(callingManyAtOnce(caller, calls, note));
      server.start(answeringInAnyOrder(server, randomFrom(seed), note));
      try {
        runRandomly(world, seed);
      } catch (error) {
        note((error as Error).message);
        continue;
      }
      const served = server.core.rpcServed(0);
      if (served !== calls) note(`${served} of ${calls} calls were executed`);
      for (const problem of world.inspect().problems) note(problem);
    }
    return [...problems];
  };

function* callingManyAtOnce(caller: SimulatedClient, calls: number, note: (problem: string) => void): Program {
  const inFlight = new Map<number, number>();
  let sent = 0;
  for (let polls = 0; sent < calls || inFlight.size > 0; polls++) {
    if (polls > 20_000) return note('a call was never answered');
    const buffer = sent < calls ? (yield call('rpcBegin', 0)) >>> 0 : codes.BUSY;
    if (buffer >= constants.HANDLE_BASE) {
      caller.world.poolBytes(buffer, 8).fill(sent + 1);
      const slot = (yield call('rpcSend', 0, 8, sent % constants.KIND_LIMIT)) - constants.HANDLE_BASE;
      if (inFlight.has(slot)) return note(`call ${sent} was sent in slot ${slot}, in which one is in flight`);
      inFlight.set(slot, ++sent);
      continue;
    }
    if (buffer !== codes.BUSY) return note(`call ${sent} was refused with code ${buffer}`);
    const slot = (yield call('rpcPollAny', 0)) - constants.HANDLE_BASE;
    if (slot < 0) continue;
    const status = yield call('rpcPoll', 0, slot, 1);
    const { offset, lengthBytes } = caller.lastMessage(0);
    const bytes = caller.world.poolBytes(offset, lengthBytes);
    if (status !== codes.OK || lengthBytes !== 8 || bytes.some((byte) => byte !== 100 + inFlight.get(slot)!))
      return note(`call ${inFlight.get(slot)} was answered with code ${status} and ${bytes}`);
    inFlight.delete(slot);
    yield call('rpcFinish', 0, slot);
  }
  yield call('rpcClose', 0);
}

function* answeringInAnyOrder(server: SimulatedClient, random: () => number, note: (problem: string) => void): Program {
  const taken: { readonly slot: number; readonly value: number }[] = [];
  for (let polls = 0, taking = 0; polls < 20_000; polls++) {
    const code = yield call('rpcPollRequest', 0, 2);
    if (code === codes.CLOSED) return;
    if (code >= constants.HANDLE_BASE) {
      const { offset, kind } = server.lastMessage(0);
      const value = server.world.poolBytes(offset, 8)[0]!;
      taken.push({ slot: code - constants.HANDLE_BASE, value });
      if (kind !== taking % constants.KIND_LIMIT || value !== taking + 1)
        return note(`request ${taking} is method ${kind} with value ${value}`);
      taking++;
    } else if (code !== codes.PENDING) return note(`serving was answered with code ${code}`);
    if (taken.length === 0 || random() < 0.4) continue;
    const [{ slot, value }] = taken.splice(Math.floor(random() * taken.length), 1) as [{ slot: number; value: number }];
    server.world.poolBytes(payloadOffset(constants.RESPONSE_ARENA_OFFSET, slot), 8).fill(100 + value);
    yield call('rpcReply', 0, slot, 8, codes.OK);
  }
  note('the caller never closed');
}

/** A caller is refused the slot of a call that it is not done with, also when later ones are done; in windows of two and of four. */
export const aCallInFlightKeepsItsSlot: Check = (mutant) => {
  const problems: string[] = [];
  for (const windowLog2 of [1, 2]) {
    const window = 2 ** windowLog2;
    const world = connectedWorld(mutant, { windowLog2 });
    const [server, caller] = [world.clients[0]!, world.clients[1]!];
    for (let lap = 0; lap < 3; lap++) {
      const value = (slot: number): number => 1 + lap * window + slot;
      for (let slot = 0; slot < window; slot++) sendCall(caller, 0, value(slot));
      for (let slot = 0; slot < window; slot++) server.core.rpcPollRequest(0, 1);
      // The last one first: all later slots are free while the first is in flight.
      for (let slot = window - 1; slot >= 0; slot--) {
        const answers = [caller.core.rpcBegin(0), caller.core.rpcSend(0, 8, 0)];
        if (answers.some((answer) => answer !== codes.BUSY)) {
          return [`with call ${lap * window} of a window of ${window} in flight, the next was answered with ${answers}`];
        }
        world.poolBytes(payloadOffset(constants.RESPONSE_ARENA_OFFSET, slot), 8).fill(value(slot));
        server.core.rpcReply(0, slot, 8, codes.OK);
        const found = caller.core.rpcPollAny(0) - constants.HANDLE_BASE;
        const status = caller.core.rpcPoll(0, slot, 1);
        const bytes = world.poolBytes(caller.lastMessage(0).offset, 8);
        if (found !== slot || status !== codes.OK || bytes.some((byte) => byte !== value(slot)))
          problems.push(`slot ${slot} was found as ${found} and answered with code ${status} and ${bytes}`);
        caller.core.rpcFinish(0, slot);
      }
    }
    if (server.core.rpcServed(0) !== 3 * window) problems.push(`${server.core.rpcServed(0)} calls were executed`);
  }
  return problems;
};

/** A caller that sends each of its calls again, at every moment there is: each is executed once, over two laps. */
export const aRequestSentTwiceIsExecutedOnce: Check = (mutant) => {
  const problems = new Set<string>();
  return forEverySchedule(
    prepared(() => connectedWorld(mutant)),
    (world) => {
      world.clients[1]!.start(sendingAgain(problems));
      world.clients[0]!.start(servingFewLooks());
    },
    (world) => {
      const [server, caller] = [world.clients[0]!, world.clients[1]!];
      // What the server did not look at for long enough, and what comes after.
      server.core.rpcServeLoop(0, 8, 1);
      for (let slot = 0; slot < 2; slot++) {
        const status = caller.core.rpcPoll(0, slot, 1);
        if (status !== codes.OK) problems.add(`the call in slot ${slot} ended with code ${status}`);
        caller.core.rpcFinish(0, slot);
      }
      const last = sendCall(caller, 0);
      caller.core.rpcResend(0, last);
      server.core.rpcServeLoop(0, 8, 1);
      if (caller.core.rpcPoll(0, last, 1) !== codes.OK) problems.add('a call of the next lap was not answered');
      caller.core.rpcFinish(0, last);
      const [sent, served] = [caller.core.rpcFinished(0), server.core.rpcServed(0)];
      if (served !== sent) problems.add(`${served} requests were executed, ${sent} calls were made`);
      return [...problems];
    },
  );
};

/** Three calls in a window of two, so that the third overwrites what the first left. */
function* sendingAgain(problems: Set<string>): Program {
  for (const slot of [0, 1]) {
    yield call('rpcSend', 0, 8, 0);
    yield call('rpcResend', 0, slot);
  }
  yield call('rpcResend', 0, 0);
  if ((yield call('rpcPoll', 0, 0, 1)) !== codes.OK) {
    // Then it is still in flight, and a third call cannot be sent.
    yield call('rpcResend', 0, 0);
    return;
  }
  yield call('rpcFinish', 0, 0);
  if ((yield call('rpcResend', 0, 0)) !== codes.BAD_ARGUMENT) problems.add('a call that is over was sent again');
  if ((yield call('rpcSend', 0, 8, 0)) < constants.HANDLE_BASE) problems.add('the third call was refused');
  yield call('rpcResend', 0, 0);
  yield call('rpcResend', 0, 1);
}

function* servingFewLooks(): Program {
  for (let polls = 0; polls < 2; polls++) yield call('rpcServeLoop', 0, 4, 1);
}

/**
 * A caller that writes requests into the ring past its window, before or after the server has taken those before: it waits until they
 * are answered, or for ever; the server goes on with others.
 */
export const whoSendsBeyondItsWindowWaits: Check = (mutant) => {
  const problems: string[] = [];
  for (const windowLog2 of [1, 2]) {
    for (const takesFirst of [true, false]) {
      const window = 2 ** windowLog2;
      const world = connectedWorld(mutant, { windowLog2 });
      const [server, liar] = [world.clients[0]!, world.clients[1]!];
      const other = listenAs(server, 'other', { windowLog2 });
      const honest = world.client(3);
      honest.core.join(3, honest.process, 0);
      connectTo(honest, 'other');
      const note = (problem: string): void => void problems.push(`a window of ${window}, ${takesFirst}: ${problem}`);
      for (let slot = 0; slot < window; slot++) sendCall(liar, 0);
      if (takesFirst) for (let slot = 0; slot < window; slot++) server.core.rpcPollRequest(0, 1);
      writeEntry(world, constants.REQUEST_RING_OFFSET, 0, {
        mark: markOf(window, windowLog2),
        lengthBytes: 8,
        offset: payloadOffset(constants.REQUEST_ARENA_OFFSET, 0),
        kind: 0,
      });
      const early = server.core.rpcPollRequest(0, 1);
      if (early !== codes.PENDING) note(`what is beyond the window was answered with ${early}`);
      if (takesFirst) {
        for (let slot = window - 1; slot >= 0; slot--) {
          if (server.core.rpcReply(0, slot, 8, codes.OK) !== codes.OK) note(`slot ${slot} could not be answered`);
        }
        for (let slot = 0; slot < window; slot++) {
          const status = liar.core.rpcPoll(0, slot, 1);
          if (status !== codes.OK) note(`slot ${slot} ended with code ${status}`);
        }
        const late = server.core.rpcPollRequest(0, 1);
        if (late !== constants.HANDLE_BASE) note(`when it was its turn, it was answered with ${late}`);
        if (server.core.rpcReply(0, 0, 8, codes.OK) !== codes.OK) note('it could not be answered');
      }
      for (let number = 0; number < 2 * window; number++) {
        const slot = sendCall(honest, 0);
        server.core.rpcServeLoop(other, 1, 1);
        const status = honest.core.rpcPoll(0, slot, 1);
        if (status !== codes.OK) note(`an honest call was answered with code ${status}`);
        honest.core.rpcFinish(0, slot);
      }
      // The inspector sees the lie while it stands in the ring.
      const found = world.inspect().problems;
      const isSeen = found.length === 1 && /^request 0 of connection 0 is neither/.test(found[0]!);
      if (takesFirst ? found.length > 0 : !isSeen) note(`the inspector says: ${found.join('; ') || 'nothing'}`);
    }
  }
  return problems;
};

/** References, lengths and sequences that lie are refused, honest ones around them are served, nothing outside the arena is read. */
export const liesAreRefused: Check = (mutant) => {
  const problems: string[] = [];
  const payloadBytes = 128;
  const windowLog2 = 2;
  const world = connectedWorld(mutant, { windowLog2, payloadBytes });
  const [server, caller] = [world.clients[0]!, world.clients[1]!];
  const arena = constants.CONNECTIONS_OFFSET + constants.REQUEST_ARENA_OFFSET;
  const end = arena + constants.ARENA_BYTES;
  const header = constants.KIND_HEADER;
  const lies: readonly (readonly [what: string, offset: number, length: number, kind: number])[] = [
    ['the superblock', 0, 8, 0],
    ['the superblock as header', 64, 8, header],
    ['a line before the arena', arena - 64, 8, 0],
    ['the first line of the arena, whose header would be outside', arena, 8, header],
    ['the arena of responses', end, 8, 0],
    ['the last line, with more bytes than it has', end - 64, 65, 0],
    ['the last address', 2 ** 32 - 64, 8, header],
    ['what wraps', 2 ** 32 - 64, 128, 0],
    ['a payload that is too long', arena + 64, payloadBytes + 1, 0],
    ['the longest payload', arena + 64, 0xffff, constants.KIND_LIMIT - 1],
    ['nothing, outside', end + 64, 0, 0],
  ];
  let sent = 0;
  for (const [what, offset, length, kind] of lies) {
    const slot = caller.core.rpcForge(0, offset, length, kind) - constants.HANDLE_BASE;
    sent++;
    problems.push(...refusalOf(server, caller, slot, what));
    if (problems.length > 0) return problems;
  }
  for (const ahead of [1, 2 ** windowLog2 * 2, 0x4000]) {
    const slot = sendCall(caller, 0);
    const offset = payloadOffset(constants.REQUEST_ARENA_OFFSET, slot, payloadBytes);
    writeEntry(world, constants.REQUEST_RING_OFFSET, slot, {
      mark: (markOf(sent, windowLog2) & 0x8000n) | BigInt((sent + ahead) & 0x7fff),
      lengthBytes: 8,
      offset,
      kind: 0,
    });
    sent++;
    problems.push(...refusalOf(server, caller, slot, `a sequence that is ${ahead} ahead`));
  }
  const refused = server.core.rpcRefused(0);
  if (refused !== sent) problems.push(`${refused} of ${sent} lies were counted`);
  const slot = sendCall(caller, 0);
  server.core.rpcServeLoop(0, 1, 1);
  if (caller.core.rpcPoll(0, slot, 1) !== codes.OK) problems.push('an honest call after the lies was not served');
  if (server.core.rpcServed(0) !== 1) problems.push(`${server.core.rpcServed(0)} requests were executed, one was honest`);
  return problems;
};

/** Served by the loop and by single steps in turn. */
function refusalOf(server: SimulatedClient, caller: SimulatedClient, slot: number, what: string): readonly string[] {
  try {
    if (slot % 2 === 0) server.core.rpcServeLoop(0, 1, 1);
    else {
      const seen = server.core.rpcPollRequest(0, 1);
      if (seen !== codes.REFUSED) return [`${what} was taken as ${seen}`];
    }
  } catch (error) {
    return [`${what}: ${(error as Error).message}`];
  }
  const code = caller.core.rpcPoll(0, slot, 1);
  caller.core.rpcFinish(0, slot);
  return code === codes.REFUSED ? [] : [`${what} was answered with code ${code}`];
}

/**
 * A response whose status is no status, or whose place or length cannot be, is a lie: told as unknown, and the server is not asked
 * again. By single steps and in a batch.
 */
export const onlyStatusesAreBelieved: Check = (mutant) => {
  const problems: string[] = [];
  const statuses: readonly number[] = [codes.OK, codes.REFUSED, codes.FAILED, codes.UNKNOWN_METHOD, codes.TOO_LARGE];
  const honest = payloadOffset(constants.RESPONSE_ARENA_OFFSET, 0);
  const arena = constants.CONNECTIONS_OFFSET + constants.RESPONSE_ARENA_OFFSET;
  const responses: { readonly kind: number; readonly offset: number; readonly lengthBytes: number }[] = [
    { kind: codes.OK, offset: arena, lengthBytes: 8 },
    { kind: codes.OK, offset: arena - 64, lengthBytes: 8 },
    { kind: codes.OK, offset: 0, lengthBytes: 8 },
    { kind: codes.OK, offset: 2 ** 32 - 64, lengthBytes: 8 },
    { kind: codes.OK, offset: honest, lengthBytes: 17 },
    { kind: codes.OK, offset: honest, lengthBytes: 0xffff },
  ];
  for (let kind = 0; kind < 2 * constants.KIND_LIMIT; kind++) responses.push({ kind, offset: honest, lengthBytes: 8 });
  for (const response of responses) {
    const isHonest = response.offset === honest && response.lengthBytes === 8;
    const status = response.kind % constants.KIND_LIMIT;
    const isLie = !isHonest || !statuses.includes(status);
    const what = `kind ${response.kind}, ${response.lengthBytes} bytes at ${response.offset}`;
    for (const inBatch of [false, true]) {
      const world = connectedWorld(mutant, { windowLog2: 2 });
      const [server, caller] = [world.clients[0]!, world.clients[1]!];
      const poll = (): number => (inBatch ? caller.core.rpcCallBatch(0, 1, 8, 1, 1) : caller.core.rpcPoll(0, 0, 1));
      if (inBatch) poll();
      else sendCall(caller, 0);
      server.core.rpcServeLoop(0, 1, 1);
      writeEntry(world, constants.RESPONSE_RING_OFFSET, 0, { mark: markOf(0, 2), ...response });
      const code = poll();
      if (code !== (isLie ? codes.OUTCOME_UNKNOWN : status)) problems.push(`${what}, was told as code ${code}`);
      if (!isLie) caller.core.rpcFinish(0, 0);
      const next = caller.core.rpcBegin(0);
      if (isLie !== (next === codes.CLOSED)) problems.push(`after ${what}, the next call began with ${next}`);
    }
  }
  return problems;
};

/** A caller that wants another version is refused, and finds its own one among several. */
export const versionsAreKeptApart: Check = (mutant) => {
  const problems: string[] = [];
  const world = formattedWorld(mutant, 1);
  const server = world.clients[0]!;
  const caller = world.client(2);
  caller.core.join(2, caller.process, 0);
  for (const version of [1, 2]) listenAs(server, 'echo', { version });
  const refused = connectTo(caller, 'echo', 3) + constants.HANDLE_BASE;
  if (refused !== codes.WRONG_VERSION) problems.push(`version 3 was answered with ${refused}`);
  for (const [handle, version] of [1, 2].entries()) {
    const found = connectTo(caller, 'echo', version);
    if (found !== handle || caller.core.rpcConnectionSlot(found) !== version - 1) problems.push(`version ${version} is ${found}`);
  }
  return problems;
};

/** A server that wants fewer calls in flight is heard within a lap, and one that wants what cannot be is not. */
export const anOfferIsHeard: Check = (mutant) => {
  const problems: string[] = [];
  const world = connectedWorld(mutant, { windowLog2: 2 });
  const [server, caller] = [world.clients[0]!, world.clients[1]!];
  const line = world.poolBytes(constants.CONNECTIONS_OFFSET + constants.CONNECTION_SERVER_LINE, layout.ServerLine.classBytes);
  const sendAll = (): number => {
    let sent = 0;
    while (caller.core.rpcSend(0, 8, 0) >= constants.HANDLE_BASE) sent++;
    server.core.rpcServeLoop(0, sent, 1);
    for (let slot = 0; slot < 4; slot++) caller.core.rpcFinish(0, slot);
    return sent;
  };
  for (const offered of [2, 1, 4]) {
    server.core.rpcOffer(0, offered);
    // Up to the end of the lap the old one may count.
    for (let count = 0; count < 4; count++) sendAll();
    const sent = sendAll();
    if (sent > offered) problems.push(`${sent} calls were sent at once, ${offered} were offered`);
  }
  for (const lie of [0n, 5n, 2n ** 63n]) {
    new DataView(line.buffer, line.byteOffset).setBigUint64(layout.ServerLine.offered.offset, lie, true);
    for (let count = 0; count < 4; count++) sendAll();
    if (sendAll() < 1) problems.push(`who offers ${lie} calls is believed`);
  }
  for (const refused of [0, 5]) {
    if (server.core.rpcOffer(0, refused) !== codes.BAD_ARGUMENT) problems.push(`${refused} calls could be offered`);
  }
  return problems;
};

/** A caller connects while a server listens on a connection that was used before: it finds rings and descriptor of this use. */
export const aConnectionIsPreparedBeforeItListens: Check = (mutant) => {
  const problems = new Set<string>();
  const results: number[] = [];
  return forEverySchedule(
    () => {
      const world = formattedWorld(mutant, 1);
      const server = world.clients[0]!;
      listenAs(server, 'echo', { windowLog2: 3, payloadBytes: 64 });
      const caller = world.client(2);
      caller.core.join(2, caller.process, 0);
      connectTo(caller, 'echo');
      caller.core.rpcClose(0);
      server.core.rpcClose(0);
      results.length = 0;
      server.name('echo');
      return world;
    },
    (world) => {
      world.clients[0]!.start(listening());
      world.clients[1]!.start(connectingAndAsking(results));
    },
    () => {
      const [answer, payloadBytes] = results;
      if (answer === constants.HANDLE_BASE && payloadBytes !== 16)
        problems.add(`the caller found messages of ${payloadBytes} bytes`);
      return [...problems];
    },
  );
};

function* connectingAndAsking(results: number[]): Program {
  const answer = yield call('rpcConnect', 4, 0);
  results.push(answer);
  if (answer === constants.HANDLE_BASE) results.push(yield call('rpcPayloadBytes', 0));
}
