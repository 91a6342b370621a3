/** What must hold whoever makes the next step. */
import { describe, expect, test } from 'vitest';
import {
  aConnectionIsPreparedBeforeItListens,
  aSlotUsedAgainIsAnother,
  aSlowRecovererHarmsNobody,
  everyCallComesBack,
  liesAreRefused,
  nobodyIsAnsweredWithoutCredit,
  oneEntryPerName,
  onlyOneConnects,
  onlyOneFormats,
  onlyOneGetsTheLastSlot,
  onlyTwoStatusesAreBelieved,
} from './checks.ts';
import { firstSeed } from './schedules.ts';

const none = 0;
const seed = firstSeed(1);
/** How many times more schedules `make test-deep` draws. */
const depth = process.env.CXLPOD_DEEP === '1' ? 20 : 1;

describe('in every schedule', () => {
  test('of two formatters, one formats, and nobody is told of a pool that is not written', () => {
    expect(onlyOneFormats(none)).toEqual([]);
  });

  test('of two joiners of the last slot, one gets it', () => {
    expect(onlyOneGetsTheLastSlot(none)).toEqual([]);
  });

  test('of two callers of one listening server, one connects', () => {
    expect(onlyOneConnects(none)).toEqual([]);
  });

  test('a caller finds a connection that is used again prepared', () => {
    expect(aConnectionIsPreparedBeforeItListens(none)).toEqual([]);
  });
});

describe(`in random schedules from seed ${seed} (CXLPOD_SEED replays another)`, () => {
  test('every call is executed once and comes back as it was sent', () => {
    expect(everyCallComesBack(150 * depth, seed)(none)).toEqual([]);
  });

  test('two servers of one name share its entry', () => {
    expect(oneEntryPerName(200 * depth, seed)(none)).toEqual([]);
  });

  test('a slow recoverer closes nothing that is not the dead one’s', () => {
    expect(aSlowRecovererHarmsNobody(300 * depth, seed)(none)).toEqual([]);
  });
});

describe('in order', () => {
  test('a slot that is used again is another incarnation', () => {
    expect(aSlotUsedAgainIsAnother(none)).toEqual([]);
  });

  test('a server refuses references and lengths that lie', () => {
    expect(liesAreRefused(none)).toEqual([]);
  });

  test('a caller believes no status but the two that a server may send', () => {
    expect(onlyTwoStatusesAreBelieved(none)).toEqual([]);
  });

  test('a server answers nobody without credit', () => {
    expect(nobodyIsAnsweredWithoutCredit(none)).toEqual([]);
  });
});
