/** Decides who makes the next access: random schedules, each replayable from its seed; every schedule is in every-schedule.ts. */
import type { World } from './simulator.ts';

export { type CrashChoice, type Exploration, explore, forEverySchedule, prepared } from './every-schedule.ts';

/** Accesses in one run, at most: a program that does not end is wrong. */
export const stepLimit = 200_000;

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
