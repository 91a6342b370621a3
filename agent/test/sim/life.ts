/**
 * The whole life of a pool in steps: format, join, listen, connect, calls, close, leave; played in order by a server and a
 * caller, either of which may die on the way. `bury` is what an undertaker does then; `remains` says what is wrong afterwards.
 */
import { codes, constants } from '../../src/layout/index.ts';
import type { CoreExports } from '../../src/pool/core.ts';
import { shape } from './calls.ts';
import { type SimulatedClient, World } from './simulator.ts';

export interface Cast {
  readonly world: World;
  readonly server: SimulatedClient;
  readonly caller: SimulatedClient;
}

export function freshCast(mutant = 0): Cast {
  const world = new World({ mutant });
  return { world, server: world.client(1), caller: world.client(2) };
}

/** Calls of one life; with a window of four that is two laps and a half. */
const callsPerLife = 10;
const windowLog2 = 2;

/** Plays a life, from a blank pool or in a `formatted` one. Codes that only a death of the other side explains are let pass, everything else must be as it should. */
export function live({ world, server, caller }: Cast, options: { readonly formatted?: boolean } = {}): void {
  const bothLive = (): boolean => !server.isDead && !caller.isDead;
  const expectCode = (what: string, code: number | undefined, ...allowed: readonly number[]): void => {
    if (code === undefined || allowed.includes(code)) return;
    if (bothLive() || allowed.length === 0) throw new Error(`${what} answered ${code}`);
  };

  const fresh = options.formatted === true ? codes.ALREADY : codes.OK;
  expectCode(
    'format',
    server.attempt((core) => core.format(1, server.process, 0, 0)),
    fresh,
  );
  if (server.isDead) {
    const answer = caller.attempt((core) => core.format(2, caller.process, 1, server.process));
    expectCode('the second format', answer, codes.OK, codes.ALREADY);
  }
  for (const client of [server, caller]) {
    expectCode(
      'join',
      client.attempt((core) => core.join(client.machine, client.process, 0)),
      codes.OK,
    );
  }
  const served = server.attempt((core) => core.rpcListen(server.name('echo'), ...shape({ windowLog2 }))) ?? 0;
  const called = caller.attempt((core) => core.rpcConnect(caller.name('echo'), 0)) ?? 0;
  const serverHandle = served - constants.HANDLE_BASE;
  const callerHandle = called - constants.HANDLE_BASE;
  if (bothLive() && (serverHandle < 0 || callerHandle < 0)) throw new Error(`listen answered ${served}, connect ${called}`);

  for (let number = 0; number < callsPerLife; number++) {
    if (callerHandle >= 0) caller.attempt((core) => sendCall(core, world, callerHandle, number));
    if (serverHandle >= 0) server.attempt((core) => core.rpcServeLoop(serverHandle, 1, 1));
    if (callerHandle >= 0) caller.attempt(() => receiveCall(caller, callerHandle, number, server.isDead));
  }
  if (bothLive()) expectServed(server, serverHandle);
  if (callerHandle >= 0) caller.attempt((core) => core.rpcClose(callerHandle));
  if (serverHandle >= 0) server.attempt((core) => core.rpcClose(serverHandle));
  for (const client of [caller, server]) client.attempt((core) => core.leave());
}

function sendCall(core: CoreExports, world: World, handle: number, number: number): void {
  const buffer = core.rpcBegin(handle) >>> 0;
  if (buffer < constants.HANDLE_BASE) return;
  world.poolBytes(buffer, 8).fill(number + 1);
  core.rpcSend(handle, 8, 0);
}

function receiveCall(caller: SimulatedClient, handle: number, number: number, serverIsDead: boolean): void {
  const { core, world } = caller;
  const slot = number % 2 ** windowLog2;
  const code = core.rpcPoll(handle, slot, 1);
  if (code !== codes.OK) {
    if (serverIsDead && (code === codes.PENDING || code === codes.BAD_ARGUMENT)) return;
    throw new Error(`call ${number} answered ${code}`);
  }
  const { offset, lengthBytes } = caller.lastMessage(handle);
  const response = world.poolBytes(offset, lengthBytes);
  if (response.length !== 8 || response.some((byte) => byte !== number + 1))
    throw new Error(`call ${number} came back as ${response}`);
  core.rpcFinish(handle, slot);
}

function expectServed(server: SimulatedClient, handle: number): void {
  const count = server.attempt((core) => core.rpcServed(handle));
  if (count !== undefined && count !== callsPerLife) throw new Error(`${count} of ${callsPerLife} calls were executed`);
}

/** Fences and recovers everything that the dead hold, as an agent does that has seen their end. May die as well. */
export function bury(undertaker: SimulatedClient, dead: readonly SimulatedClient[]): void {
  undertaker.attempt((core) => {
    for (const { machine, process } of dead) {
      core.format(undertaker.machine, undertaker.process, machine, process);
    }
    // All fences first: what a dead recoverer had claimed is free only then.
    const fenced: (readonly [id: number, incarnation: number])[] = [];
    for (let id = 0; id < constants.CLIENT_COUNT; id++) {
      for (const { machine, process } of dead) {
        const incarnation = core.fenceIfOf(id, machine, process);
        if (incarnation !== 0) fenced.push([id, incarnation]);
      }
    }
    for (const [id, incarnation] of fenced) core.recoverClient(id, incarnation);
  });
}

/** After everybody left or was buried: what is wrong with the pool, and what was not given back. Empty for a sound one. */
export function remains(world: World): string[] {
  const { problems, clients, connections, superblock } = world.inspect();
  return [
    ...problems,
    ...(superblock.state === 'formatted' ? [] : [`the pool is ${superblock.state}`]),
    ...clients.filter(({ state }) => state !== 'free').map(({ id, state }) => `client ${id} is still ${state}`),
    ...connections.map(({ slot, state }) => `connection ${slot} is still ${state}`),
    ...world.history().problems,
  ];
}
