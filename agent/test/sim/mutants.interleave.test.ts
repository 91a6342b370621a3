/** The checks notice every deliberate mistake: a test of the tests. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  aBatchHonoursTheOffer,
  aBatchIsAlone,
  aSlotStaysUntilItsCallEnds,
  countersWrap,
  whatMayBeginMayBeSent,
} from './call-checks.ts';
import {
  aCallInFlightKeepsItsSlot,
  aConnectionIsPreparedBeforeItListens,
  aSlotUsedAgainIsAnother,
  aSlowRecovererHarmsNobody,
  type Check,
  everyCallComesBack,
  liesAreRefused,
  onlyOneConnects,
  onlyOneFormats,
  onlyOneGetsTheLastSlot,
  onlyStatusesAreBelieved,
  whoSendsBeyondItsWindowWaits,
} from './checks.ts';
import { aFencedClientClosesNothing } from './fence-checks.ts';
import { flushMutants } from './heap/cache/flush-mutants.ts';
import { heapChecks } from './heap/heap-checks.ts';
import { kvChecks } from './kv/kv-checks.ts';
import { type Mutant, mutants, mutantsDocument } from './mutants.ts';
import {
  aConnectionUsedAgainIsFresh,
  aLookIsFresh,
  anOfferIsReadFresh,
  everyCallCrossesTheDevice,
  whatIsSentAgainArrives,
  whatProgramsWriteArrives,
  whatTheDeadDidNotSendHarmsNobody,
  whatWasNotSentHarmsNobody,
} from './sharing-checks.ts';
import { searchCalls } from './two-calls.ts';

const seed = 1;

const checks: Readonly<Record<string, Check>> = {
  'one formats': onlyOneFormats,
  'a slot that is used again is another': aSlotUsedAgainIsAnother,
  'one gets the last slot': onlyOneGetsTheLastSlot,
  'a slow recoverer harms nobody': aSlowRecovererHarmsNobody(3_000, seed),
  'every call comes back': everyCallComesBack(150, seed),
  'lies are refused': liesAreRefused,
  'a connection is prepared before it listens': aConnectionIsPreparedBeforeItListens,
  'one connects': onlyOneConnects,
  'a call in flight keeps its slot': aCallInFlightKeepsItsSlot,
  'only statuses are believed': onlyStatusesAreBelieved,
  'who sends beyond its window waits': whoSendsBeyondItsWindowWaits,
  'a fenced client closes nothing': aFencedClientClosesNothing,
  'a look is fresh': aLookIsFresh,
  'what programs write arrives': whatProgramsWriteArrives,
  'what is sent again arrives': whatIsSentAgainArrives,
  'what is given up is executed once at most': (mutant) =>
    searchCalls({ mutant, calls: 3, answers: 'in order', dies: [], abandons: true, cancels: true }).problems,
  'a connection used again is fresh': aConnectionUsedAgainIsFresh,
  'every call crosses the device': everyCallCrossesTheDevice(200, seed),
  'a slot stays until its call ends': aSlotStaysUntilItsCallEnds,
  'a batch honours the offer': aBatchHonoursTheOffer,
  'a batch is alone': aBatchIsAlone,
  'what may begin may be sent': whatMayBeginMayBeSent,
  'counters wrap': countersWrap(120, seed),
  'an offer is read fresh': anOfferIsReadFresh,
  'what was not sent harms nobody': whatWasNotSentHarmsNobody,
  'what the dead did not send harms nobody': whatTheDeadDidNotSendHarmsNobody,
  ...heapChecks,
  ...kvChecks,
};

test.each<Mutant>(mutants)('mutant $number, $mistake, is noticed: $killedBy', ({ number, killedBy }) => {
  let problems: readonly string[];
  try {
    problems = checks[killedBy]!(number);
  } catch (error) {
    // An invariant of the core, the simulator's own bounds, or a refusal may be what notices; a broken test must not.
    problems = [(error as Error).message];
    expect(problems[0]).toMatch(/invariant|did not end|outside the memory|nobody's|not aligned|answered|an offset was expected/);
  }
  expect(problems).not.toEqual([]);
});

describe('without a mistake', () => {
  // Those that draw many schedules are run without one by their own tests.
  const quick = Object.entries(heapChecks).filter(([name]) => !/^(one|two|blocks|the |a slot|a full queue is)/.test(name));

  test.each(quick)('nothing is noticed: %s', (_name, check) => {
    expect(check(0)).toEqual([]);
  });
});

test('every mistake that the heap, its store and the client table can make is in the list', () => {
  const asked = new Set<number>();
  for (const folder of ['shm', 'client-table', 'format', 'rpc', 'kv']) {
    const path = new URL(`../../core/${folder}/`, import.meta.url);
    for (const file of readdirSync(path)) {
      for (const [, number] of readFileSync(new URL(file, path), 'utf8').matchAll(/\bmutant\((\d+)\)/g))
        asked.add(Number(number));
    }
  }
  // Those of flushes and fences have tests of their own: heap/cache/flush-mutants.crash.test.ts.
  const listed = [...mutants, ...flushMutants].map(({ number }) => number);
  expect([...asked].sort((a, b) => a - b)).toEqual(listed.sort((a, b) => a - b));
});

test('docs/mutants.md is what the list says (if not: vitest run -u on this file)', async () => {
  await expect(mutantsDocument()).toMatchFileSnapshot('../../../docs/mutants.md');
});
