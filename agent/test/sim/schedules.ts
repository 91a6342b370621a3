/** Decides who makes the next access: every schedule of small programs, random ones of large, each replayable from its seed. */
import { isWrite } from './memory-profile.ts';
import type { SimulatedClient, World } from './simulator.ts';

/** Accesses in one run, at most: a program that does not end is wrong. */
const stepLimit = 200_000;

/** A small generator that gives the same numbers for the same seed everywhere (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seed that CXLPOD_SEED names, or the one given; a failing test prints it. */
export function firstSeed(fallback: number): number {
  return Number(process.env.CXLPOD_SEED ?? fallback);
}

/** Runs started clients in bursts of random length until all are done or dead. */
export function runRandomly(world: World, seed: number): void {
  const random = randomFrom(seed);
  for (let steps = 0; steps < stepLimit; ) {
    const running = world.clients.filter((client) => client.isRunning);
    if (running.length === 0) return;
    const client = running[Math.floor(random() * running.length)]!;
    const burst = 1 + Math.floor(random() ** 3 * 40);
    for (let step = 0; step < burst && client.isRunning; step++, steps++) client.step();
  }
  throw new Error(`seed ${seed}: the programs did not end within ${stepLimit} accesses`);
}

type Accessors = Map<number, { readonly readers: Set<SimulatedClient>; readonly writers: Set<SimulatedClient> }>;

/**
 * Runs every schedule of what `start` starts in the world that `prepare` makes. Clients change places only before accesses to words
 * that one of them writes and another touches; which words these are is learnt on the way, and the search starts over when a new
 * one is found. Ends with the first schedule in which `check` finds problems, and returns them.
 */
export function forEverySchedule(
  prepare: () => World,
  start: (world: World) => void,
  check: (world: World) => readonly string[],
  limits: { readonly schedules: number } = { schedules: 20_000 },
): readonly string[] {
  const conflicts = new Set<number>();
  for (;;) {
    const before = conflicts.size;
    let choices: { readonly options: number; taken: number }[] = [];
    for (let schedules = 1; ; schedules++) {
      if (schedules > limits.schedules) throw new Error(`there are more than ${limits.schedules} schedules`);
      const world = prepare();
      runChosen(world, start, choices, conflicts);
      if (conflicts.size > before) break;
      const problems = check(world);
      if (problems.length > 0) return problems;
      while (choices.length > 0 && choices.at(-1)!.taken + 1 === choices.at(-1)!.options) choices = choices.slice(0, -1);
      if (choices.length === 0) return [];
      choices.at(-1)!.taken++;
    }
  }
}

/** Follows the choices, then takes the first option each time and notes how many there were. Learns conflicts. */
function runChosen(
  world: World,
  start: (world: World) => void,
  choices: { readonly options: number; taken: number }[],
  conflicts: Set<number>,
): void {
  const accessors: Accessors = new Map();
  const known = new Set(conflicts);
  world.mayRunOn = (client, what, address) => {
    const word = address & ~7;
    const entry = accessors.get(word) ?? { readers: new Set(), writers: new Set() };
    accessors.set(word, entry);
    (isWrite(what) ? entry.writers : entry.readers).add(client);
    return !known.has(word);
  };
  start(world);
  for (let decided = 0; decided < stepLimit; decided++) {
    const running = world.clients.filter((client) => client.isRunning);
    if (running.length === 0) {
      learn(accessors, conflicts);
      return;
    }
    if (decided === choices.length) choices.push({ options: running.length, taken: 0 });
    running[choices[decided]!.taken]!.step();
  }
  throw new Error(`the programs did not end within ${stepLimit} accesses`);
}

function learn(accessors: Accessors, conflicts: Set<number>): void {
  for (const [word, { readers, writers }] of accessors) {
    if (writers.size > 0 && new Set([...readers, ...writers]).size > 1) conflicts.add(word);
  }
}
