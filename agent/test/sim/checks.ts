/**
 * What must hold in every schedule, as functions that return what does not: run without a mutant by the tests of the core, and with
 * one by the tests of these tests.
 */
import { codes, constants, layout } from '../../src/layout/index.ts';
import { forEverySchedule, runRandomly } from './schedules.ts';
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

function listenAs(client: SimulatedClient, service: string, capacityLog2 = 1, payloadBytes = 16): number {
  return client.core.rpcListen(client.name(service), capacityLog2, payloadBytes) - constants.HANDLE_BASE;
}

function* connecting(results: number[]): Program {
  results.push(yield call('rpcConnect', 4));
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
  yield call('rpcListen', 4, 1, 16);
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
  results.push(yield call('rpcListen', 4, 1, 16));
}

/**
 * A caller and a server on rings of two and of four entries, in random schedules: every call is executed once and comes back as it
 * was sent, over several laps.
 */
export const everyCallComesBack =
  (seeds: number, firstSeed: number): Check =>
  (mutant) => {
    const problems = new Set<string>();
    for (let seed = firstSeed; seed < firstSeed + seeds && problems.size === 0; seed++) {
      const capacityLog2 = 1 + (seed % 2);
      const world = formattedWorld(mutant, 1);
      const server = world.clients[0]!;
      const serverHandle = listenAs(server, 'echo', capacityLog2);
      const caller = world.client(2);
      caller.core.join(2, caller.process, 0);
      const callerHandle = caller.core.rpcConnect(caller.name('echo')) - constants.HANDLE_BASE;
      const calls = 9;
      const note = (problem: string): void => void problems.add(`seed ${seed}: ${problem}`);
      caller.start(callingInBatches(callerHandle, calls, note));
      server.start(serving(serverHandle, note));
      try {
        runRandomly(world, seed);
      } catch (error) {
        note((error as Error).message);
        continue;
      }
      const served = server.core.rpcServed(serverHandle);
      if (served !== calls) note(`${served} of ${calls} calls were executed`);
      for (const problem of world.inspect().problems) note(problem);
    }
    return [...problems];
  };

function* callingInBatches(handle: number, calls: number, note: (problem: string) => void): Program {
  for (let done = 0, polls = 0; done < calls; polls++) {
    const before = yield call('rpcFinished', handle);
    const code = yield call('rpcCallBatch', handle, 1, 16, 3);
    done += ((yield call('rpcFinished', handle)) - before) | 0;
    if (code !== codes.OK && code !== codes.PENDING) return note(`a call was answered with code ${code}`);
    if (polls > 20_000) return note('a call was never answered');
  }
  yield call('rpcClose', handle);
}

function* serving(handle: number, note: (problem: string) => void): Program {
  for (let polls = 0; polls < 20_000; polls++) {
    const code = yield call('rpcServeLoop', handle, 4, 3);
    if (code === codes.CLOSED) return;
    if (code !== codes.OK && code !== codes.PENDING) return note(`serving was answered with code ${code}`);
  }
  note('the caller never closed');
}

/** References and lengths that lie are refused, honest ones around them are served, nothing outside the arena is read. */
export const liesAreRefused: Check = (mutant) => {
  const problems: string[] = [];
  const world = formattedWorld(mutant, 1);
  const server = world.clients[0]!;
  const serverHandle = listenAs(server, 'echo', 2);
  const caller = world.client(2);
  caller.core.join(2, caller.process, 0);
  const handle = caller.core.rpcConnect(caller.name('echo')) - constants.HANDLE_BASE;
  const arena = constants.CONNECTIONS_OFFSET + constants.REQUEST_ARENA_OFFSET;
  const end = arena + constants.ARENA_BYTES;
  const lies: readonly (readonly [what: string, low: number, high: number, length: number])[] = [
    ['the superblock', 0, 0, 8],
    ['a line before the arena', arena - 64, 0, 8],
    ['the arena of responses', end, 0, 8],
    ['an unaligned buffer', arena + 8, 0, 8],
    ['the last line, whose payload would be outside', end - 64, 0, 8],
    ['an offset above 4 GiB', arena, 1, 8],
    ['the largest offset', 0xffffffc0, 0xffff, 8],
    ['a payload that is too long', arena, 0, 17],
    ['a length that wraps', arena, 0, 0xffffffff],
  ];
  for (const [what, low, high, length] of lies) {
    caller.core.rpcBeginCall(handle);
    caller.core.rpcForge(handle, low, high, length);
    // The header that a lie refers to must not be what makes it look honest.
    if (low >= arena && low < end && low % 64 === 0 && high === 0) writeLength(world, low, length);
    try {
      server.core.rpcServeLoop(serverHandle, 1, 1);
    } catch (error) {
      problems.push(`${what}: ${(error as Error).message}`);
      return problems;
    }
    const code = caller.core.rpcPollResponse(handle, 1);
    if (code !== codes.REFUSED) problems.push(`${what} was answered with code ${code}`);
    caller.core.rpcFinishCall(handle);
  }
  if (server.core.rpcRefused(serverHandle) !== lies.length)
    problems.push(`${server.core.rpcRefused(serverHandle)} lies were counted`);
  caller.core.rpcBeginCall(handle);
  caller.core.rpcPublish(handle, 8);
  server.core.rpcServeLoop(serverHandle, 1, 1);
  if (caller.core.rpcPollResponse(handle, 1) !== codes.OK) problems.push('an honest call after the lies was not served');
  return problems;
};

/** A response whose status is no status is a lie: told as unknown, and the server is not asked again. */
export const onlyTwoStatusesAreBelieved: Check = (mutant) => {
  const problems: string[] = [];
  const lies = [codes.PENDING, codes.ABORTED, codes.CLOSED, codes.BUSY, codes.BAD_ARGUMENT, 1_000, 0xffffffff];
  for (const status of [codes.OK, codes.REFUSED, ...lies]) {
    const world = formattedWorld(mutant, 1);
    const server = world.clients[0]!;
    const serverHandle = listenAs(server, 'echo', 2);
    const caller = world.client(2);
    caller.core.join(2, caller.process, 0);
    const handle = caller.core.rpcConnect(caller.name('echo')) - constants.HANDLE_BASE;
    caller.core.rpcBeginCall(handle);
    caller.core.rpcPublish(handle, 8);
    server.core.rpcServeLoop(serverHandle, 1, 1);
    const header = world.poolBytes(constants.CONNECTIONS_OFFSET + constants.RESPONSE_ARENA_OFFSET, constants.HEADER_BYTES);
    new DataView(header.buffer, header.byteOffset).setUint32(layout.MessageHeader.status.offset, status, true);
    const isLie = lies.includes(status);
    const code = caller.core.rpcPollResponse(handle, 1);
    if (code !== (isLie ? codes.OUTCOME_UNKNOWN : status)) problems.push(`status ${status} was told as code ${code}`);
    if (!isLie) caller.core.rpcFinishCall(handle);
    const next = caller.core.rpcBeginCall(handle);
    if (isLie !== (next === codes.CLOSED)) problems.push(`after status ${status} the next call began with ${next}`);
  }
  return problems;
};

function writeLength(world: World, header: number, length: number): void {
  const bytes = world.poolBytes(header + 8, 4);
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, length, true);
}

/** A caller that sends more than its window, without acknowledging, is not answered into buffers that it has not given back. */
export const nobodyIsAnsweredWithoutCredit: Check = (mutant) => {
  const world = formattedWorld(mutant, 1);
  const server = world.clients[0]!;
  const serverHandle = listenAs(server, 'echo', 1);
  const caller = world.client(2);
  caller.core.join(2, caller.process, 0);
  caller.core.rpcConnect(caller.name('echo'));
  const connection = constants.CONNECTIONS_OFFSET;
  const arena = connection + constants.REQUEST_ARENA_OFFSET;
  const answers: number[] = [];
  for (let index = 0; index < 4; index++) {
    const mark = BigInt(((((index >> 1) & 1) ^ 1) << 15) | index);
    const entry = world.poolBytes(connection + constants.REQUEST_RING_OFFSET + (index % 2) * 8, 8);
    new DataView(entry.buffer, entry.byteOffset).setBigUint64(0, (mark << 48n) | BigInt(arena), true);
    writeLength(world, arena, 8);
    answers.push(server.core.rpcServeLoop(serverHandle, 1, 1));
  }
  const expected = [codes.OK, codes.OK, codes.CLOSED, codes.CLOSED];
  return answers.join() === expected.join() ? [] : [`the server answered ${answers} instead of ${expected}`];
};

/** A caller connects while a server listens on a connection that was used before: it finds rings and descriptor of this use. */
export const aConnectionIsPreparedBeforeItListens: Check = (mutant) => {
  const problems = new Set<string>();
  const results: number[] = [];
  return forEverySchedule(
    () => {
      const world = formattedWorld(mutant, 1);
      const server = world.clients[0]!;
      listenAs(server, 'echo', 3, 64);
      const caller = world.client(2);
      caller.core.join(2, caller.process, 0);
      caller.core.rpcConnect(caller.name('echo'));
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
  const answer = yield call('rpcConnect', 4);
  results.push(answer);
  if (answer === constants.HANDLE_BASE) results.push(yield call('rpcPayloadBytes', 0));
}
