/**
 * Policy host crash: a machine loses its power before any access of any operation, then that of its recoverer; what operations returned
 * holds, and every byte comes back. Long scenes are drawn from, short ones are tried with everything that the caches allow.
 */
import { afterAll, describe, expect, test } from 'vitest';
import { constants } from '../../../../src/layout/index.ts';
import { firstSeed } from '../../schedules.ts';
import { isDeep } from '../deaths.ts';
import { scenes } from '../operations.ts';
import { exactScenes, exploreAll } from './exact.ts';
import { formatterIsLost } from './formatter.ts';
import { moreScenes } from './more-scenes.ts';
import { type Extent, plots, sweep } from './sweep.ts';

const seed = firstSeed(1);
const flushPolicy = constants.FLUSH_HOST;
const all = [...scenes, ...moreScenes];
let explored = 0;

function extentOf(losesRecoverer: boolean): Extent {
  if (isDeep) return { seed, deaths: Number.POSITIVE_INFINITY, recoveries: 40, rounds: losesRecoverer ? 2 : 10 };
  return losesRecoverer ? { seed, deaths: 6, recoveries: 4, rounds: 1 } : { seed, deaths: 30, recoveries: 0, rounds: 1 };
}

const powerOffs = [plots.split, plots.recoverer, plots.together, plots.atHome];

/** Each plot with all scenes; in `make test` each scene with every other plot, once with a loss of the recoverer. */
const playedIn = (plot: (typeof powerOffs)[number]) => {
  const turn = powerOffs.indexOf(plot) >> 1;
  return isDeep ? all : all.filter((_, index) => index % 2 === turn);
};

describe.each(powerOffs)('somebody works, and $title', (plot) => {
  test.each(playedIn(plot))(`to $title (seed ${seed})`, (scene) => {
    const { runs, problems } = sweep(scene, plot, extentOf(plot.losesRecoverer), { flushPolicy });
    explored += runs;
    expect(problems).toEqual([]);
    expect(runs).toBeGreaterThan(10);
  });

  test.runIf(isDeep).each(all)(`to $title, in used memory (seed ${seed})`, (scene) => {
    const { runs, problems } = sweep(scene, plot, { ...extentOf(plot.losesRecoverer), rounds: 1 }, { flushPolicy, used: true });
    explored += runs;
    expect(problems).toEqual([]);
  });
});

describe('a power-off in the middle of one operation, with every outcome that the caches allow', () => {
  test.each(isDeep ? exactScenes : exactScenes.slice(0, 6))('$title', (scene) => {
    const { runs, problems } = exploreAll(scene, { flushPolicy });
    explored += runs;
    expect(problems).toEqual([]);
    expect(runs).toBeGreaterThan(50);
  });
});

test('a pool outlives its formatter, who was the only one to have seen it', () => {
  expect(formatterIsLost(0)).toEqual([]);
  expect(formatterIsLost(0, constants.FLUSH_NONE)).not.toEqual([]);
});

afterAll(() => console.log(`${explored} power-offs`));
