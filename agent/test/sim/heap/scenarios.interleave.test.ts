/** Two at the same words: every schedule of what they do, and drawn schedules in which they and their recoverers die. */
import { describe, expect, test } from 'vitest';
import { firstSeed } from '../schedules.ts';
import { isDeep } from './deaths.ts';
import * as all from './scenarios.ts';
import { drawScenario, exploreScenario, scenarios } from './scenarios.ts';

const seed = firstSeed(1);
const seeds = isDeep ? 4_000 : 120;

/** Too many schedules to try them all: these allocate, or are three. */
const onlyDrawn: readonly all.Scenario[] = [all.allocateAndFreeAndSweep, all.adoptAndAdopt, all.hugeAndCollect, all.leaveAndLook];
/** Few enough that also every moment of a death, with the recovery beside what the others do, can be tried. */
const everyDeath: readonly all.Scenario[] = isDeep
  ? scenarios.filter((scenario) => !onlyDrawn.includes(scenario))
  : [all.linkChangeUnlink];

/** The longest of them takes two minutes on a busy host. */
const exhaustiveMs = isDeep ? 7_200_000 : 600_000;

describe.each(scenarios)('$title', (scenario) => {
  test(`in drawn schedules with deaths (seed ${seed})`, () => {
    expect(drawScenario(scenario, 0, seeds, seed)).toEqual([]);
  });

  test.skipIf(onlyDrawn.includes(scenario))('in every schedule', () => {
    const { problems, ends } = exploreScenario({ ...scenario, mortal: [] });
    expect(problems).toEqual([]);
    expect(ends).toBeGreaterThan(0);
  });

  test.runIf(everyDeath.includes(scenario))(
    'in every schedule, with a death at every moment',
    () => {
      const { problems, ends } = exploreScenario(scenario);
      expect(problems).toEqual([]);
      expect(ends).toBeGreaterThan(0);
    },
    exhaustiveMs,
  );
});
