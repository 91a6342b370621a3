/** Whoever recovers dies as well, at any of its own writes: the next one buries both, and every byte comes back. */
import { describe, expect, test } from 'vitest';
import { firstSeed } from '../schedules.ts';
import { aftermath, deathsOf, inTime, isDeep, playUntil, type Stage, sampled, stageOf, writesOf } from './deaths.ts';
import { bury } from './heap-world.ts';
import { lostRaces } from './lost-races.ts';
import { scenes } from './operations.ts';

const seed = firstSeed(1);
const victimDeaths = isDeep ? Number.POSITIVE_INFINITY : 12;
const recovererDeaths = isDeep ? Number.POSITIVE_INFINITY : 16;

describe.each([...scenes, ...lostRaces])('while somebody died who wanted to $title', (scene) => {
  test(`the recoverer may end at every access (seed ${seed})`, () => {
    const stage = stageOf(scene);
    let explored = 0;
    const firstDeaths = sampled(deathsOf(stage), victimDeaths, seed);
    for (const [death, which] of inTime(
      firstDeaths.flatMap((each) => [[each, 0] as const, [each, 1] as const]),
      seed,
    )) {
      for (const second of secondDeaths(stage, death, which)) {
        dieTwice(stage, death, which, second);
        explored++;
      }
    }
    expect(explored).toBeGreaterThan(50);
  });
});

/** `which` of the undertakers: the client of the heap, or the thread that joins only to recover. */
function secondDeaths(stage: Stage, death: number, which: 0 | 1): readonly number[] {
  const { cast, undertakers } = stage;
  const undertaker = undertakers[which];
  playUntil(stage, death);
  const writes = writesOf(undertaker, () => bury(undertaker, [cast.victim]));
  return sampled(writes, recovererDeaths / 2, seed + death + which);
}

function dieTwice(stage: Stage, death: number, which: 0 | 1, second: number): void {
  const { cast, undertakers, heir } = stage;
  const undertaker = undertakers[which];
  playUntil(stage, death);
  undertaker.crashAtAccess(second);
  bury(undertaker, [cast.victim]);
  expect(undertaker.isDead).toBe(true);
  bury(heir, [undertaker, cast.victim]);
  const problems = aftermath(stage);
  if (problems.length > 0) {
    throw new Error(`dead at ${death}, its recoverer ${which} at ${second}: ${problems.slice(0, 5).join('; ')}`);
  }
}
