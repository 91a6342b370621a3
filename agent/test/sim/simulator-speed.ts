/** What the simulator can do in a second of processor time: bars of design D3 are 20 million accesses in one thread, 2 million steps with a switch. */
import { codes, constants } from '../../src/layout/index.ts';
import { connectTo, listenAs } from './calls.ts';
import { CoherentMemory, coherentMemory } from './memory/coherent.ts';
import { writeBackMemory } from './memory/write-back.ts';
import type { MemoryMaker } from './memory-profile.ts';
import { call, type Program, type SimulatedClient, World } from './simulator.ts';

const rounds = 5;
const accessesPerCall = accessesOfOneCall();

/** Two threads of a pool, one serving the other: both sides read, write, swap and keep private state. */
function pair(memory: MemoryMaker = coherentMemory): {
  readonly world: World;
  readonly server: SimulatedClient;
  readonly caller: SimulatedClient;
} {
  const world = new World({ memory });
  const [server, caller] = [world.client(1), world.client(2)];
  server.core.format(1, server.process, 0, 0);
  server.core.join(1, server.process, 0);
  caller.core.join(2, caller.process, 0);
  listenAs(server, 'echo', { windowLog2: 4, payloadBytes: 64 });
  connectTo(caller, 'echo');
  return { world, server, caller };
}

/** Of this process, so that what else runs on the machine does not count. */
function processorNs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

/** Calls of the core until `accesses` were made; per second, private accesses included. */
function straight(memory?: MemoryMaker): number {
  const { server, caller } = pair(memory);
  const calls = memory === undefined ? 20_000 : 2_000;
  callAndServe(server, caller, 2_000);
  const start = processorNs();
  callAndServe(server, caller, calls);
  return (calls * accessesPerCall * 1e9) / (processorNs() - start);
}

function callAndServe(server: SimulatedClient, caller: SimulatedClient, calls: number): void {
  for (let index = 0; index < calls; index++) {
    const slot = caller.core.rpcSend(0, 64, 0) - constants.HANDLE_BASE;
    server.core.rpcServeLoop(0, 1, 1);
    if (caller.core.rpcPoll(0, slot, 1) !== codes.OK) throw new Error('the call was not answered');
    caller.core.rpcFinish(0, slot);
  }
}

/** How many accesses a call takes. Counted in a world of its own, so that the counting is not timed. */
function accessesOfOneCall(): number {
  let accesses = 0;
  const counting: MemoryMaker = (extent) => {
    const memory = new CoherentMemory(extent.sizeBytes);
    return Object.assign(Object.create(memory), {
      access: (...values: Parameters<CoherentMemory['access']>) => {
        accesses++;
        return memory.access(...values);
      },
      expose: (address: number, sizeBytes: number) => memory.expose(address, sizeBytes),
    });
  };
  const { server, caller } = pair(counting);
  accesses = 0;
  callAndServe(server, caller, 1_000);
  return accesses / 1_000;
}

/** One export that stores and does nothing else: what the door itself can carry. */
function door(): number {
  const { server } = pair();
  const calls = 2_000;
  const run = (): number => {
    const before = server.accesses;
    for (let index = 0; index < calls; index++) server.core.gateClearCells();
    return server.accesses - before;
  };
  run();
  const start = processorNs();
  const accesses = run();
  return (accesses * 1e9) / (processorNs() - start);
}

/** Two clients that take turns at every access. */
function switching(): number {
  const { world, server, caller } = pair();
  server.start(serving());
  caller.start(calling());
  let steps = 0;
  const run = (count: number): void => {
    for (const end = steps + count; steps < end; steps += 2) {
      server.step();
      caller.step();
    }
  };
  run(50_000);
  const start = processorNs();
  run(500_000);
  const perSecond = (500_000 * 1e9) / (processorNs() - start);
  if (world.clients.some((client) => !client.isRunning)) throw new Error('a program ended');
  return perSecond;
}

function* serving(): Program {
  for (;;) yield call('rpcServeLoop', 0, 4, 3);
}

function* calling(): Program {
  for (;;) yield call('rpcCallBatch', 0, 1, 16, 1, 3);
}

/** Microseconds to go back to a prepared world in which a call was made. */
function restoring(): number {
  const { world, server, caller } = pair();
  const snapshot = world.snapshot();
  const count = 20_000;
  const run = (restores: boolean): number => {
    const start = processorNs();
    for (let index = 0; index < count; index++) {
      callAndServe(server, caller, 1);
      if (restores) world.restore(snapshot);
    }
    return processorNs() - start;
  };
  run(true);
  const spent = run(true) - run(false);
  return spent / count / 1000;
}

const figures: readonly (readonly [what: string, unit: string, measure: () => number])[] = [
  ['accesses, one thread, no switch', 'million/s', () => straight() / 1e6],
  ['accesses of one function that does little else', 'million/s', () => door() / 1e6],
  ['steps, a switch at each', 'million/s', () => switching() / 1e6],
  ['accesses over write-back caches', 'million/s', () => straight(writeBackMemory({ profile: 'COH', seed: 1 })) / 1e6],
  ['going back to a prepared world', 'us', restoring],
];
for (const [what, unit, measure] of figures) {
  const values = Array.from({ length: rounds }, measure);
  console.log(
    `${what.padEnd(50)} ${median(values).toFixed(2).padStart(8)} ${unit}   (${values.map((v) => v.toFixed(2)).join(', ')})`,
  );
}
