/**
 * Calls where the device keeps the connection's control word coherent and nothing else of it: what the flushes of the core are for.
 * Functions as in checks.ts.
 */
import { codes, constants } from '../../src/layout/index.ts';
import { connectTo, listenAs, payloadOffset, type Shape } from './calls.ts';
import type { Check } from './checks.ts';
import { type WriteBackOptions, writeBackMemory } from './memory/write-back.ts';
import { kinds } from './memory-profile.ts';
import { runRandomly } from './schedules.ts';
import { call, type Program, type SimulatedClient, World } from './simulator.ts';

const { CONNECTIONS_OFFSET, CONNECTION_BYTES, CONNECTION_COUNT, CONNECTION_DESCRIPTOR_LINE } = constants;

/** Everything of a connection but its word. */
export function isIncoherent(offset: number): boolean {
  const inTable = offset - CONNECTIONS_OFFSET;
  return (
    inTable >= 0 && inTable < CONNECTION_COUNT * CONNECTION_BYTES && inTable % CONNECTION_BYTES >= CONNECTION_DESCRIPTOR_LINE
  );
}

/** Nothing leaves a store buffer or a cache by itself. */
export const quiet = { seed: 1, drainChance: 0, cacheChance: 0 };

export const ways = [
  { name: 'lines', sharing: constants.SHARING_LINES },
  { name: 'fast', sharing: constants.SHARING_FAST },
  { name: 'non-temporal', sharing: constants.SHARING_NON_TEMPORAL },
] as const;

/** Clients of machines 1, 2 and so on, all joined. */
export function machines(count: number, mutant: number, memory: Partial<WriteBackOptions>): World {
  const world = new World({ mutant, memory: writeBackMemory({ profile: 'NC', ...memory, covers: isIncoherent }) });
  for (let machine = 1; machine <= count; machine++) {
    const client = world.client(machine);
    if (machine === 1) client.core.format(machine, client.process, 0, 0);
    client.core.join(machine, client.process, 0);
  }
  return world;
}

/** The server is client 0, the caller client 1; the handle of each is 0. */
export function connect([server, caller]: readonly SimulatedClient[], of: Shape): void {
  listenAs(server!, 'echo', of);
  connectTo(caller!, 'echo');
}

/** Several laps over caches of all tempers: every call comes back as it was sent. */
export const everyCallCrossesTheDevice =
  (seeds: number, firstSeed: number): Check =>
  (mutant) => {
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      const { name, sharing } = ways[seed % 3]!;
      const windowLog2 = [1, 2, 4, 6][Math.floor(seed / 3) % 4]!;
      const layout = (seed >> 2) % 4 === 0 ? constants.LAYOUT_FAITHFUL : constants.LAYOUT_HARDENED;
      const world = machines(2, mutant, seed % 5 === 0 ? quiet : { seed });
      const problems: string[] = [];
      const note = (problem: string): void => void problems.push(`seed ${seed}, ${name}: ${problem}`);
      connect(world.clients, { windowLog2, layout, sharing, payloadBytes: 100 });
      const calls = windowLog2 < 4 ? 13 : 2.5 * 2 ** windowLog2;
      world.clients[1]!.start(calling(calls, 1 + (seed % 2 ** windowLog2), note));
      world.clients[0]!.start(serving(note));
      try {
        runRandomly(world, seed);
      } catch (error) {
        note((error as Error).message);
      }
      const served = world.clients[0]!.core.rpcServed(0);
      if (served !== calls) note(`${served} of ${calls} calls were executed`);
      if (problems.length > 0) return problems;
    }
    return [];
  };

function* calling(calls: number, depth: number, note: (problem: string) => void): Program {
  for (let done = 0, polls = 0; done < calls; polls++) {
    const before = yield call('rpcFinished', 0);
    // Payloads of one line and of two, in each slot both, with a header's line between buffers that nobody may lose.
    const code = yield call('rpcCallBatch', 0, 1, done % 3 === 0 ? 8 : 100, depth, 3);
    done += ((yield call('rpcFinished', 0)) - before) | 0;
    if (code !== codes.OK && code !== codes.PENDING) return note(`a call was answered with code ${code}`);
    if (polls > 1_000) return note('a call was never answered');
  }
  yield call('rpcClose', 0);
}

function* serving(note: (problem: string) => void): Program {
  for (let polls = 0; polls < 2_000; polls++) {
    const code = yield call('rpcServeLoop', 0, 4, 3);
    if (code === codes.CLOSED) return;
    if (code !== codes.OK && code !== codes.PENDING) return note(`serving was answered with code ${code}`);
  }
  note('the caller never closed');
}

/** Who looks sees what is on the device at that moment: no look is answered by what the machine has cached. */
export const aLookIsFresh: Check = (mutant) => {
  const problems: string[] = [];
  for (const { name, sharing } of ways) {
    const world = machines(2, mutant, quiet);
    const [server, caller] = [world.clients[0]!, world.clients[1]!];
    connect(world.clients, { windowLog2: 2, sharing });
    for (let number = 0; number < 9; number++) {
      const slot = caller.core.rpcSend(0, 8, 0) - constants.HANDLE_BASE;
      const early = caller.core.rpcPoll(0, slot, 2);
      drain(caller);
      if (early !== codes.PENDING) return [`${name}: call ${number} was answered with ${early} before it was served`];
      const served = server.core.rpcServeLoop(0, 1, 2);
      if (served !== codes.OK) return [`${name}: request ${number} is on the device and was not seen: ${served}`];
      if (server.core.rpcServeLoop(0, 1, 2) !== codes.PENDING) problems.push(`${name}: a request was seen twice`);
      drain(server);
      const code = caller.core.rpcPoll(0, slot, 2);
      if (code !== codes.OK) return [`${name}: response ${number} is on the device and was not seen: ${code}`];
      caller.core.rpcFinish(0, slot);
    }
  }
  return problems;
};

/**
 * A place in the connection table that the same machines used before, with other sizes and the sides the other way round: neither finds
 * what it has cached, or has not written back, of the last use.
 */
export const aConnectionUsedAgainIsFresh: Check = (mutant) => {
  const problems: string[] = [];
  for (const { name, sharing } of ways) {
    for (const turns of [false, true]) {
      const world = machines(2, mutant, quiet);
      const [first, second] = [world.clients[0]!, world.clients[1]!];
      connect([first, second], { windowLog2: 2, payloadBytes: 64, sharing });
      for (let number = 0; number < 3; number++) callOnce(first, second);
      second.core.rpcClose(0);
      first.core.rpcClose(0);

      const [server, caller] = turns ? [second, first] : [first, second];
      // The first use of the second one's handle is over as well, so both are 0 again.
      listenAs(server, 'again', { windowLog2: 1, payloadBytes: 128, version: 7, sharing });
      const answer = caller.core.rpcConnect(caller.name('again'), 7);
      const what = `${name}${turns ? ', the other way round' : ''}`;
      if (answer !== constants.HANDLE_BASE) {
        problems.push(`${what}: connecting was answered with ${answer}`);
        continue;
      }
      const payloadBytes = caller.core.rpcPayloadBytes(0);
      if (payloadBytes !== 128) problems.push(`${what}: the caller found messages of ${payloadBytes} bytes`);
      if (server.core.rpcServeLoop(0, 1, 2) !== codes.PENDING) problems.push(`${what}: the server found an old request`);
      caller.core.rpcSend(0, 8, 0);
      const early = caller.core.rpcPoll(0, 0, 2);
      if (early !== codes.PENDING) problems.push(`${what}: the caller found an old response, ${early}`);
    }
  }
  return problems;
};

/** What a program wrote into a buffer by ordinary stores, and what it is answered, arrives whole. */
export const whatProgramsWriteArrives: Check = (mutant) => {
  const problems: string[] = [];
  for (const { name, sharing } of ways) {
    const world = machines(2, mutant, quiet);
    const [server, caller] = [world.clients[0]!, world.clients[1]!];
    connect(world.clients, { windowLog2: 1, payloadBytes: 100, sharing });
    for (let number = 1; number < 6; number++) {
      const slot = (number - 1) % 2;
      for (const at of [0, 96]) write(caller, payloadOffset(constants.REQUEST_ARENA_OFFSET, slot, 100) + at, number);
      caller.core.rpcSend(0, 100, 0);
      drain(caller);
      server.core.rpcPollRequest(0, 2);
      for (const at of [0, 96]) {
        const seen = read(server, payloadOffset(constants.REQUEST_ARENA_OFFSET, slot, 100) + at);
        if (seen !== number) problems.push(`${name}: byte ${at} of request ${number} arrived as ${seen}`);
        write(server, payloadOffset(constants.RESPONSE_ARENA_OFFSET, slot, 100) + at, -number);
      }
      server.core.rpcReply(0, slot, 100, codes.OK);
      drain(server);
      if (caller.core.rpcPoll(0, slot, 2) !== codes.OK) return [...problems, `${name}: call ${number} was not answered`];
      for (const at of [0, 96]) {
        const seen = read(caller, payloadOffset(constants.RESPONSE_ARENA_OFFSET, slot, 100) + at);
        if (seen !== -number) problems.push(`${name}: byte ${at} of response ${number} arrived as ${seen}`);
      }
      caller.core.rpcFinish(0, slot);
    }
  }
  return problems;
};

/**
 * A request that the device has lost (its line was overwritten, or repaired after an error) arrives when it is sent again, and is executed
 * once. Only where its sender's cache has it: what went past the caches is nowhere but on the device.
 */
export const whatIsSentAgainArrives: Check = (mutant) => {
  const problems: string[] = [];
  for (const { name, sharing } of ways.filter((way) => way.name !== 'non-temporal')) {
    const world = machines(2, mutant, quiet);
    const [server, caller] = [world.clients[0]!, world.clients[1]!];
    connect(world.clients, { windowLog2: 2, sharing });
    for (let number = 0; number < 6; number++) {
      const slot = caller.core.rpcSend(0, 8, 0) - constants.HANDLE_BASE;
      drain(caller);
      world.poolBytes(CONNECTIONS_OFFSET + constants.REQUEST_RING_OFFSET + slot * 8, 8).fill(0);
      caller.core.rpcResend(0, slot);
      drain(caller);
      const served = server.core.rpcServeLoop(0, 1, 2);
      if (served !== codes.OK) return [`${name}: call ${number} was sent again and did not arrive: ${served}`];
      caller.core.rpcResend(0, slot);
      drain(caller);
      drain(server);
      if (caller.core.rpcPoll(0, slot, 2) !== codes.OK) problems.push(`${name}: call ${number} was not answered`);
      caller.core.rpcFinish(0, slot);
    }
    if (server.core.rpcServed(0) !== 6) problems.push(`${name}: ${server.core.rpcServed(0)} of 6 calls were executed`);
  }
  return problems;
};

/** What it stored and flushed leaves its processor, as it soon does; into the cache or, if flushed, onto the device. */
export function drain({ world, index, machine }: SimulatedClient): void {
  world.memory.endClient(index, machine);
}

function callOnce(server: SimulatedClient, caller: SimulatedClient): void {
  const slot = caller.core.rpcSend(0, 8, 0) - constants.HANDLE_BASE;
  drain(caller);
  server.core.rpcServeLoop(0, 1, 2);
  drain(server);
  if (caller.core.rpcPoll(0, slot, 2) !== codes.OK) throw new Error('the call was not answered');
  caller.core.rpcFinish(0, slot);
}

/** The offer of a server that wants fewer calls reaches its caller within two laps. */
export const anOfferCrossesTheDevice: Check = (mutant) => {
  const problems: string[] = [];
  for (const { name, sharing } of ways) {
    const world = machines(2, mutant, quiet);
    const [server, caller] = [world.clients[0]!, world.clients[1]!];
    connect(world.clients, { windowLog2: 2, sharing });
    for (const offered of [4, 1, 3]) {
      server.core.rpcOffer(0, offered);
      drain(server);
      for (let number = 0; number < 12; number++) callOnce(server, caller);
      const sent = sendAll(caller);
      if (sent !== offered) problems.push(`${name}: ${sent} calls were sent, ${offered} were offered`);
      drain(caller);
      server.core.rpcServeLoop(0, sent, 2);
      drain(server);
      for (let slot = 0; slot < sent; slot++) {
        if (caller.core.rpcPoll(0, slot, 2) !== codes.OK) problems.push(`${name}: call ${slot} was not answered`);
        caller.core.rpcFinish(0, slot);
      }
      // Up to the first slot of the next lap.
      for (let number = sent; number % 4 !== 0; number++) callOnce(server, caller);
    }
  }
  return problems;
};

/** The offer that is on the device when a lap begins counts for this lap, whatever the caller's machine has cached. */
export const anOfferIsReadFresh: Check = (mutant) => {
  const problems: string[] = [];
  for (const { name, sharing } of ways) {
    const world = machines(2, mutant, quiet);
    const [server, caller] = [world.clients[0]!, world.clients[1]!];
    connect(world.clients, { windowLog2: 2, sharing });
    for (const offered of [1, 3, 2]) {
      for (let number = 0; number < 4; number++) callOnce(server, caller);
      // An observer, or a prefetcher: the line is cached although its last look dropped it.
      read(caller, CONNECTIONS_OFFSET + constants.CONNECTION_SERVER_LINE);
      server.core.rpcOffer(0, offered);
      drain(server);
      const sent = sendAll(caller);
      if (sent !== offered) problems.push(`${name}: ${sent} calls were sent, ${offered} were offered`);
      drain(caller);
      server.core.rpcServeLoop(0, sent, 2);
      drain(server);
      for (let slot = 0; slot < sent; slot++) {
        caller.core.rpcPoll(0, slot, 2);
        caller.core.rpcFinish(0, slot);
      }
      for (let number = sent; number % 4 !== 0; number++) callOnce(server, caller);
    }
  }
  return problems;
};

/** As many calls as may be sent. */
function sendAll(caller: SimulatedClient): number {
  let sent = 0;
  while (caller.core.rpcSend(0, 8, 0) >= constants.HANDLE_BASE) sent++;
  return sent;
}

/** When a line that somebody's cache had kept reaches the device: before the next caller connects, or while a call is on its way. */
const lateMoments = ['listened', 'sent', 'served'] as const;

/** Two machines that have nothing to do with the last use of the place make calls there, while what the last ones still cache arrives. */
function useAgain(
  world: World,
  [server, caller]: readonly SimulatedClient[],
  late: (typeof lateMoments)[number],
  of: Shape,
): string[] {
  const arrive = (moment: typeof late): void => {
    drain(server!);
    drain(caller!);
    if (moment === late) world.settle();
  };
  listenAs(server!, 'again', of);
  server!.core.rpcOffer(0, 1);
  arrive('listened');
  const answer = connectTo(caller!, 'again') + constants.HANDLE_BASE;
  if (answer !== constants.HANDLE_BASE) return [`the next caller was answered with ${answer}`];
  const begun = caller!.core.rpcCallBatch(0, 1, 100, 1, 2);
  if (begun !== codes.PENDING) return [`the first call of the next use began with ${begun}`];
  arrive('sent');
  const served = server!.core.rpcServeLoop(0, 1, 2);
  if (served !== codes.OK) return [`the request of the next use was answered with ${served}`];
  arrive('served');
  const code = caller!.core.rpcCallBatch(0, 1, 100, 1, 2);
  if (code !== codes.OK) return [`the call of the next use ended with ${code}`];
  for (let number = 1; number < 4; number++) callOnce(server!, caller!);
  const sent = sendAll(caller!);
  return sent === 1 ? [] : [`${sent} calls of the next use were sent at once, 1 was offered`];
}

/** Stores a word as JavaScript does that fills a buffer. */
function write({ world, index, machine }: SimulatedClient, offset: number, value = 0x0bad_0bad): void {
  const storeOf64 = kinds.store | (8 << 4);
  world.memory.access(index, machine, storeOf64, world.poolBytes(offset, 8).byteOffset, value, value, 0, 0);
}

/** Its lower half. */
function read({ world, index, machine }: SimulatedClient, offset: number): number {
  const loadOf64 = kinds.load | (8 << 4);
  return world.memory.access(index, machine, loadOf64, world.poolBytes(offset, 8).byteOffset, 0, 0, 0, 0);
}

/** A request that was begun and a response that was not given, a call that was sent again, counters: nothing of it survives a close. */
export const whatWasNotSentHarmsNobody: Check = (mutant) => {
  const problems: string[] = [];
  const of = { windowLog2: 2, payloadBytes: 100 };
  for (const { name, sharing } of ways) {
    for (const late of lateMoments) {
      const world = machines(4, mutant, quiet);
      const [server, caller, ...others] = world.clients as [SimulatedClient, SimulatedClient, ...SimulatedClient[]];
      connect(world.clients, { ...of, sharing });
      for (let number = 0; number < 5; number++) callOnce(server, caller);
      const slot = caller.core.rpcSend(0, 8, 0) - constants.HANDLE_BASE;
      caller.core.rpcResend(0, slot);
      drain(caller);
      server.core.rpcPollRequest(0, 2);
      write(server, payloadOffset(constants.RESPONSE_ARENA_OFFSET, 0, of.payloadBytes));
      write(caller, payloadOffset(constants.REQUEST_ARENA_OFFSET, 0, of.payloadBytes));
      for (const client of [caller, server]) {
        client.core.rpcClose(0);
        drain(client);
      }
      for (const problem of useAgain(world, others, late, { ...of, sharing })) problems.push(`${name}, ${late}: ${problem}`);
    }
  }
  return problems;
};

/** The same of a server or caller that is killed at any access of listening, calling or serving, and recovered on its own machine. */
export const whatTheDeadDidNotSendHarmsNobody: Check = (mutant) => {
  const problems: string[] = [];
  const of = { windowLog2: 2, payloadBytes: 100, sharing: constants.SHARING_LINES };
  for (const dies of ['listening', 'calling', 'serving'] as const) {
    for (const late of lateMoments) {
      for (let access = 1; problems.length === 0; access++) {
        const world = machines(4, mutant, quiet);
        const [server, caller, ...others] = world.clients as [SimulatedClient, SimulatedClient, ...SimulatedClient[]];
        const victim = dies === 'calling' ? caller : server;
        if (dies !== 'listening') connect(world.clients, of);
        if (dies === 'serving') caller.core.rpcCallBatch(0, 1, 100, 1, 1);
        drain(caller);
        victim.crashAtAccess(access);
        victim.attempt((core) => {
          if (dies === 'listening') listenAs(victim, 'echo', of);
          else if (dies === 'calling') core.rpcCallBatch(0, 2, 100, 2, 1);
          else core.rpcServeLoop(0, 1, 1);
        });
        if (!victim.isDead) break;
        const recoverer = world.client(victim.machine);
        const id = dies === 'calling' ? 1 : 0;
        recoverer.core.grantFence(id, 1);
        recoverer.core.recoverClient(id, 1);
        drain(recoverer);
        if (dies !== 'listening') (dies === 'calling' ? server : caller).core.rpcClose(0);
        for (const client of [server, caller]) drain(client);
        for (const problem of useAgain(world, others, late, of))
          problems.push(`dead at access ${access} of ${dies}, ${late}: ${problem}`);
      }
    }
  }
  return problems;
};
