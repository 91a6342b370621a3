/** The caches under the shipped core, and under single accesses where the core does not have them. */
import { describe, expect, test } from 'vitest';
import { codes } from '../../src/layout/index.ts';
import { connectTo, listenAs } from './calls.ts';
import type { DeviceProfile } from './memory/cached-memory.ts';
import { Choices } from './memory/choices.ts';
import { type WriteBackMemory, type WriteBackOptions, writeBackMemory } from './memory/write-back.ts';
import { kinds, type MachineCrash } from './memory-profile.ts';
import { firstSeed, runRandomly } from './schedules.ts';
import { call, type Program, World } from './simulator.ts';

const seed = firstSeed(1);
const depth = process.env.CXLPOD_DEEP === '1' ? 20 : 1;

/** Single accesses to the pool, as the door announces them. */
class Bare {
  readonly world: World;
  readonly memory: WriteBackMemory;

  constructor(profile: DeviceProfile['name'], of: number, options: Partial<WriteBackOptions> = {}) {
    this.world = new World({ memory: writeBackMemory({ profile, seed: of, ...options }) });
    this.memory = this.world.memory as WriteBackMemory;
  }

  #do(client: number, machine: number, what: number, offset: number, value = 0): number {
    return this.memory.access(client, machine, what, 2 * 1024 * 1024 + offset, value, 0, 0, 0);
  }

  load = (client: number, machine: number, offset: number) => this.#do(client, machine, kinds.load | (8 << 4) | (1 << 8), offset);
  store = (client: number, machine: number, offset: number, value: number) =>
    this.#do(client, machine, kinds.store | (8 << 4), offset, value);
  publish = (client: number, machine: number, offset: number, value: number) =>
    this.#do(client, machine, kinds.store | (8 << 4) | (1 << 8), offset, value);
  writeBack = (client: number, machine: number, offset: number) =>
    this.#do(client, machine, kinds.writeBack | (8 << 4) | (1 << 8), offset);
  fence = (client: number, machine: number) => this.#do(client, machine, kinds.storeFence | (8 << 4) | (1 << 8), 0);
  invalidate = (client: number, machine: number, offset: number) =>
    this.#do(client, machine, kinds.invalidate | (8 << 4) | (1 << 8), offset);
  fullFence = (client: number, machine: number) => this.#do(client, machine, kinds.fullFence | (8 << 4) | (1 << 8), 0);
  onDevice = (offset: number) => this.world.poolBytes(offset, 1)[0]!;
}

function afterPowerOff(act: (bare: Bare) => void, how: MachineCrash = {}): Set<string> {
  const seen = new Set<string>();
  for (let number = seed; number < seed + 300; number++) {
    const bare = new Bare('COH', number);
    act(bare);
    bare.world.crashMachine(1, how);
    try {
      seen.add(`${bare.load(1, 2, 0)} ${bare.load(1, 2, 64)}`);
    } catch (error) {
      seen.add((error as Error).name);
    }
  }
  return seen;
}

describe('after a power-off', () => {
  test('what was not written back is there in any combination, with any version', () => {
    const seen = afterPowerOff((bare) => {
      bare.publish(0, 1, 0, 1);
      bare.publish(0, 1, 0, 2);
      bare.publish(0, 1, 64, 3);
    });
    expect([...seen].sort()).toEqual(['0 0', '0 3', '1 0', '1 3', '2 0', '2 3']);
  });

  test('what was written back and fenced is there before what was stored later', () => {
    const seen = afterPowerOff((bare) => {
      bare.store(0, 1, 0, 1);
      bare.writeBack(0, 1, 0);
      bare.fence(0, 1);
      bare.publish(0, 1, 64, 3);
    });
    expect([...seen].sort()).toEqual(['1 0', '1 3']);
  });

  test('with a persistent flush everything that left the store buffer is there', () => {
    const seen = afterPowerOff(
      (bare) => {
        bare.publish(0, 1, 0, 1);
        bare.publish(0, 1, 64, 3);
      },
      { persistsCaches: true },
    );
    expect([...seen]).toEqual(['1 3']);
  });

  test('with poison a line is as it was last stored, or faults', () => {
    const seen = afterPowerOff(
      (bare) => {
        bare.publish(0, 1, 0, 1);
        bare.publish(0, 1, 0, 2);
      },
      { poisonsLostLines: true },
    );
    expect([...seen].sort()).toEqual(['2 0', 'MemoryFault']);
  });
});

/** The same, with every answer to what is left open. */
function everyPowerOff(act: (bare: Bare) => void): Set<string> {
  const seen = new Set<string>();
  const choices = new Choices();
  const bare = new Bare('COH', seed, { choose: choices.choose });
  const snapshot = bare.world.snapshot();
  choices.forEvery(() => {
    bare.world.restore(snapshot);
    act(bare);
    bare.world.crashMachine(1);
    seen.add(`${bare.load(1, 2, 0)} ${bare.load(1, 2, 64)}`);
    return [];
  });
  return seen;
}

describe('every way in which a power-off can end', () => {
  test('of three publications on two lines: any version of each', () => {
    const seen = everyPowerOff((bare) => {
      bare.publish(0, 1, 0, 1);
      bare.publish(0, 1, 0, 2);
      bare.publish(0, 1, 64, 3);
    });
    expect([...seen].sort()).toEqual(['0 0', '0 3', '1 0', '1 3', '2 0', '2 3']);
  });

  test('of two stores that still wait: any, because a line that left can be lost', () => {
    const seen = everyPowerOff((bare) => {
      bare.store(0, 1, 0, 1);
      bare.store(0, 1, 64, 3);
    });
    expect([...seen].sort()).toEqual(['0 0', '0 3', '1 0', '1 3']);
  });

  test('of a store that is written back and fenced before the next: the next never alone', () => {
    const seen = everyPowerOff((bare) => {
      bare.store(0, 1, 0, 1);
      bare.writeBack(0, 1, 0);
      bare.fence(0, 1);
      bare.store(0, 1, 64, 3);
    });
    expect([...seen].sort()).toEqual(['0 0', '1 0', '1 3']);
  });

  test('of the same without the fence: the next also alone', () => {
    const seen = everyPowerOff((bare) => {
      bare.store(0, 1, 0, 1);
      bare.writeBack(0, 1, 0);
      bare.store(0, 1, 64, 3);
    });
    expect([...seen].sort()).toEqual(['0 0', '0 3', '1 0', '1 3']);
  });
});

test('a poisoned line is sound again when every byte of it was stored', () => {
  const bare = new Bare('COH', seed, { drainChance: 0, cacheChance: 0 });
  // Two versions, of which the older one is on the device: the newer one is lost.
  for (let number = seed; ; number++) {
    bare.memory.reseed(number);
    bare.publish(0, 1, 0, 1);
    bare.publish(0, 1, 0, 2);
    bare.world.crashMachine(1, { poisonsLostLines: true });
    try {
      bare.load(1, 2, 0);
    } catch {
      break;
    }
  }
  for (let offset = 0; offset < 64; offset += 8) {
    expect(() => bare.load(1, 2, 0)).toThrow('poisoned');
    bare.publish(1, 2, offset, 3);
  }
  expect(bare.load(1, 2, 0)).toBe(3);
});

test('bytes that a test writes after settling are what the core reads', () => {
  const bare = new Bare('NC', seed);
  bare.publish(0, 1, 0, 7);
  bare.world.settle();
  bare.world.poolBytes(0, 1)[0] = 9;
  expect(bare.load(0, 1, 0)).toBe(9);
});

test('a SIGKILL loses nothing that was stored', () => {
  for (let number = seed; number < seed + 50; number++) {
    const bare = new Bare('COH', number);
    bare.store(0, 1, 0, 1);
    bare.store(0, 1, 64, 3);
    bare.memory.endClient(0);
    expect(`${bare.load(1, 2, 0)} ${bare.load(1, 2, 64)}`).toBe('1 3');
  }
});

test('a restore brings back what is on its way and in caches, and the same future', () => {
  for (let number = seed; number < seed + 50; number++) {
    const bare = new Bare('NC', number);
    for (let step = 0; step < 20; step++) bare.store(0, 1, step * 8, step + 1);
    for (let step = 0; step < 20; step++) bare.load(1, 2, step * 8);
    const snapshot = bare.world.snapshot();
    const future = (): string => {
      const values: number[] = [];
      for (let step = 0; step < 20; step++) {
        bare.store(0, 1, step * 8, 100 + step);
        values.push(bare.load(1, 2, step * 8));
      }
      bare.world.crashMachine(1);
      bare.world.settle();
      return `${values} ${Array.from({ length: 20 }, (_, step) => bare.onDevice(step * 8))}`;
    };
    const first = future();
    bare.world.restore(snapshot);
    expect(future()).toBe(first);
  }
});

test('settling shows what a coherent reader would see', () => {
  const bare = new Bare('COH', seed);
  bare.store(0, 1, 0, 7);
  bare.publish(1, 2, 64, 8);
  bare.world.settle();
  expect([bare.onDevice(0), bare.onDevice(64)]).toEqual([7, 8]);
});

test('a line that is invalidated is read from the device again, but only once a full fence has waited for it', () => {
  const quiet = { drainChance: 0, cacheChance: 0 };
  const bare = new Bare('NC', seed, quiet);
  const [reader, writer] = [0, 1];
  expect(bare.load(reader, 1, 0)).toBe(0);
  bare.publish(writer, 2, 0, 7);
  bare.writeBack(writer, 2, 0);
  bare.fullFence(writer, 2);
  expect(bare.onDevice(0)).toBe(7);
  bare.fullFence(reader, 1);
  expect(bare.load(reader, 1, 0)).toBe(0);
  bare.invalidate(reader, 1, 8);
  bare.fence(reader, 1);
  expect(bare.load(reader, 1, 0)).toBe(0);
  bare.fullFence(reader, 1);
  expect(bare.load(reader, 1, 0)).toBe(7);
});

test('what is invalidated is written back first', () => {
  const bare = new Bare('NC', seed, { drainChance: 0, cacheChance: 0 });
  bare.store(0, 1, 64, 5);
  bare.invalidate(0, 1, 64);
  expect(bare.onDevice(64)).toBe(0);
  bare.fullFence(0, 1);
  expect(bare.onDevice(64)).toBe(5);
});

test('lines that the profile does not cover are coherent, and a locked write to them waits for the others', () => {
  const covers = (offset: number): boolean => offset >= 64;
  const bare = new Bare('NC', seed, { drainChance: 0, cacheChance: 0, covers });
  for (const offset of [0, 64]) bare.load(1, 2, offset);
  bare.store(0, 1, 64, 5);
  bare.writeBack(0, 1, 64);
  expect(bare.onDevice(64)).toBe(0);
  bare.publish(0, 1, 0, 3);
  expect([bare.load(1, 2, 0), bare.load(1, 2, 64)]).toEqual([3, 0]);
  expect(bare.onDevice(64)).toBe(5);
});

test('what the device was asked for is counted, and hits are not', () => {
  const world = new World({ memory: writeBackMemory({ profile: 'COH', drainChance: 1, cacheChance: 0 }) });
  const memory = world.memory as WriteBackMemory;
  const client = world.client(1);
  client.core.poolState();
  client.core.poolState();
  expect(memory.deviceAccesses(client.index)).toEqual({ misses: 1, writeBacks: 0, direct: 0, prefetches: 0 });
});

/** A caller on machine 1 and a server on `machine` exchange calls; sentences about what was wrong. */
function callsOver(profile: DeviceProfile['name'], machine: number, of: number): readonly string[] {
  // Formatted and connected coherently, because a device that is not coherent is refused before that.
  const world = new World({ memory: writeBackMemory({ profile, seed: of }) });
  const [caller, server] = [world.client(1), world.client(machine)];
  const problems: string[] = [];
  server.core.format(machine, server.process, 0, 0);
  world.settle();
  if (server.core.join(machine, server.process, 0) !== codes.OK) problems.push('the server could not join');
  world.settle();
  if (caller.core.join(1, caller.process, 0) !== codes.OK) problems.push('the caller could not join');
  listenAs(server, 'echo');
  world.settle();
  const handle = connectTo(caller, 'echo');
  if (handle !== 0) return [...problems, 'the caller could not connect'];
  const calls = 9;
  caller.start(calling(calls, problems));
  server.start(serving(problems));
  try {
    runRandomly(world, of);
  } catch (error) {
    problems.push((error as Error).message);
  }
  world.settle();
  if (server.core.rpcServed(0) !== calls) problems.push(`${server.core.rpcServed(0)} of ${calls} calls were executed`);
  return [...problems, ...world.inspect().problems];
}

function* calling(calls: number, problems: string[]): Program {
  for (let done = 0, polls = 0; done < calls; polls++) {
    const before = yield call('rpcFinished', 0);
    const code = yield call('rpcCallBatch', 0, 1, 16, 1, 3);
    done += (yield call('rpcFinished', 0)) - before;
    if ((code !== codes.OK && code !== codes.PENDING) || polls > 3_000) {
      problems.push(`a call was answered with code ${code}`);
      return;
    }
  }
  yield call('rpcClose', 0);
}

function* serving(problems: string[]): Program {
  for (let polls = 0; polls < 3_000; polls++) {
    const code = yield call('rpcServeLoop', 0, 4, 3);
    if (code === codes.CLOSED) return;
    if (code !== codes.OK && code !== codes.PENDING) problems.push(`serving was answered with code ${code}`);
  }
  problems.push('the caller never closed');
}

describe(`calls of the core over write-back caches, from seed ${seed} (CXLPOD_SEED replays another)`, () => {
  test.each([1, 2])('coherent, the server on machine %d: every call comes back', (machine) => {
    for (let number = seed; number < seed + 60 * depth; number++) {
      expect(callsOver('COH', machine, number), `seed ${number}`).toEqual([]);
    }
  });

  test('not coherent, on one machine: every call comes back', () => {
    for (let number = seed; number < seed + 60 * depth; number++) {
      expect(callsOver('NC', 1, number), `seed ${number}`).toEqual([]);
    }
  });

  test('not coherent, between machines: the core, which flushes nothing, is seen to fail', () => {
    let failed = 0;
    for (let number = seed; number < seed + 20; number++) failed += callsOver('NC', 2, number).length > 0 ? 1 : 0;
    expect(failed).toBeGreaterThan(10);
  });
});
