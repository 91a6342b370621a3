/** Others work on between a death and its recovery, and during it; die with it; and recover the same dead at the same time. */
import { describe, expect, test } from 'vitest';
import { firstSeed, runRandomly } from '../schedules.ts';
import { aftermath, burying, deathsOf, inTime, isDeep, playUntil, type Stage, sampled, stageOf } from './deaths.ts';
import { bury } from './heap-world.ts';
import { type Neighbour, neighbours, runAlone } from './neighbours.ts';
import { type Scene, scenes } from './operations.ts';

const seed = firstSeed(1);
const deaths = isDeep ? 200 : 8;
const schedules = isDeep ? 20 : 1;

type Note = (problem: string) => void;

/** Sees to it that a neighbour's complaint, or anything else that is thrown, says where it happened. */
function at(where: string, act: (note: Note) => readonly string[]): void {
  const problems: string[] = [];
  try {
    problems.push(...act((problem) => problems.push(problem)));
  } catch (error) {
    throw new Error(`${where}: ${[...problems, (error as Error).message].join('; ')}`, { cause: error });
  }
  if (problems.length > 0) throw new Error(`${where}: ${problems.slice(0, 5).join('; ')}`);
}

/** `act` at each of the deaths that the seed draws, with every neighbour. */
function forDeaths(
  scene: Scene,
  act: (stage: Stage, neighbour: Neighbour, turn: number, note: Note) => readonly string[],
): number {
  const stage = stageOf(scene);
  const drawn = sampled(deathsOf(stage), deaths, seed);
  let turn = seed;
  for (const death of inTime(drawn, seed)) {
    for (const neighbour of neighbours) {
      for (let schedule = 0; schedule < schedules; schedule++, turn++) {
        at(`dead at ${death}, a neighbour ${neighbour.title}, seed ${turn}`, (note) => {
          playUntil(stage, death);
          return act(stage, neighbour, turn, note);
        });
      }
    }
  }
  return turn - seed;
}

describe.each(scenes)('somebody died who wanted to $title', (scene) => {
  test(`others work on before anybody recovers it (seed ${seed})`, () => {
    const explored = forDeaths(scene, (stage, neighbour, _turn, note) => {
      const { cast, undertakers } = stage;
      runAlone(cast.bystander, neighbour.run(cast.bystander, note));
      bury(undertakers[0], [cast.victim]);
      return aftermath(stage);
    });
    expect(explored).toBeGreaterThan(20);
  });

  test(`others work on while two recover it at the same time (seed ${seed})`, () => {
    forDeaths(scene, (stage, neighbour, turn, note) => {
      const { cast, undertakers } = stage;
      cast.bystander.start(neighbour.run(cast.bystander, note));
      for (const undertaker of undertakers) undertaker.start(burying(cast.world, [cast.victim], note));
      runRandomly(cast.world, turn);
      return aftermath(stage);
    });
  });

  test(`another one dies too, and the recoverers race (seed ${seed})`, () => {
    forDeaths(scene, (stage, neighbour, turn, note) => {
      const { cast, undertakers } = stage;
      cast.bystander.crashAtAccess(1 + ((turn * 7919) % 400));
      runAlone(cast.bystander, neighbour.run(cast.bystander, note));
      cast.bystander.kill();
      const dead = [cast.victim, cast.bystander];
      undertakers[0].start(burying(cast.world, dead, note));
      undertakers[1].start(burying(cast.world, dead.toReversed(), note));
      runRandomly(cast.world, turn);
      return aftermath(stage);
    });
  });
});
