/** The checks notice every deliberate mistake: a test of the tests. */
import { expect, test } from 'vitest';
import {
  aConnectionIsPreparedBeforeItListens,
  aSlotUsedAgainIsAnother,
  aSlowRecovererHarmsNobody,
  type Check,
  everyCallComesBack,
  liesAreRefused,
  nobodyIsAnsweredWithoutCredit,
  onlyOneConnects,
  onlyOneFormats,
  onlyOneGetsTheLastSlot,
  onlyTwoStatusesAreBelieved,
} from './checks.ts';
import { type MutantNumber, mutants } from './mutants.ts';

const seed = 1;

const killers: Readonly<Record<MutantNumber, Check>> = {
  1: onlyOneFormats,
  2: aSlotUsedAgainIsAnother,
  3: onlyOneGetsTheLastSlot,
  4: aSlowRecovererHarmsNobody(3_000, seed),
  5: everyCallComesBack(150, seed),
  6: everyCallComesBack(150, seed),
  7: liesAreRefused,
  8: aConnectionIsPreparedBeforeItListens,
  9: onlyOneConnects,
  10: nobodyIsAnsweredWithoutCredit,
  11: everyCallComesBack(150, seed),
  12: everyCallComesBack(150, seed),
  13: onlyTwoStatusesAreBelieved,
};

test.each(mutants)('mutant $number, $mistake, is noticed', ({ number }) => {
  let problems: readonly string[];
  try {
    problems = killers[number](number);
  } catch (error) {
    // An invariant of the core, or the simulator's own bounds, may be what notices; a broken test must not.
    problems = [(error as Error).message];
    expect(problems[0]).toMatch(/invariant|did not end|outside the memory|nobody's|not aligned/);
  }
  expect(problems).not.toEqual([]);
});
