/** What must hold whoever makes the next step. */
import { describe, expect, test } from 'vitest';
import {
  aCallInFlightKeepsItsSlot,
  aConnectionIsPreparedBeforeItListens,
  anOfferIsHeard,
  aRequestSentTwiceIsExecutedOnce,
  aSlotUsedAgainIsAnother,
  aSlowRecovererHarmsNobody,
  everyCallComesBack,
  liesAreRefused,
  oneEntryPerName,
  onlyOneConnects,
  onlyOneFormats,
  onlyOneGetsTheLastSlot,
  onlyStatusesAreBelieved,
  responsesComeInAnyOrder,
  versionsAreKeptApart,
  whoSendsBeyondItsWindowWaits,
} from './checks.ts';
import { aFencedClientClosesNothing } from './fence-checks.ts';
import { firstSeed } from './schedules.ts';
import {
  aConnectionUsedAgainIsFresh,
  aLookIsFresh,
  anOfferCrossesTheDevice,
  anOfferIsReadFresh,
  everyCallCrossesTheDevice,
  whatIsSentAgainArrives,
  whatProgramsWriteArrives,
  whatTheDeadDidNotSendHarmsNobody,
  whatWasNotSentHarmsNobody,
} from './sharing-checks.ts';

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

  test('of a caller that sends its calls again, each is executed once', () => {
    expect(aRequestSentTwiceIsExecutedOnce(none)).toEqual([]);
  });
});

describe(`in random schedules from seed ${seed} (CXLPOD_SEED replays another)`, () => {
  test('every call is executed once and comes back as it was sent', () => {
    expect(everyCallComesBack(150 * depth, seed)(none)).toEqual([]);
  });

  test('responses that come in any order reach their calls', () => {
    expect(responsesComeInAnyOrder(150 * depth, seed)(none)).toEqual([]);
  });

  test('every call crosses a device that keeps nothing coherent but the words of connections', () => {
    expect(everyCallCrossesTheDevice(200 * depth, seed)(none)).toEqual([]);
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

  test('a caller believes no response but those that a server may send', () => {
    expect(onlyStatusesAreBelieved(none)).toEqual([]);
  });

  test('a client that is fenced and comes back neither listens nor connects, and closes nothing', () => {
    expect(aFencedClientClosesNothing(none)).toEqual([]);
  });

  test('a call in flight keeps its slot, whatever becomes of later ones', () => {
    expect(aCallInFlightKeepsItsSlot(none)).toEqual([]);
  });

  test('who sends beyond its window waits, and harms nobody', () => {
    expect(whoSendsBeyondItsWindowWaits(none)).toEqual([]);
  });

  test('a caller that wants another version is refused', () => {
    expect(versionsAreKeptApart(none)).toEqual([]);
  });

  test('how many calls a server wants in flight is heard within a lap', () => {
    expect(anOfferIsHeard(none)).toEqual([]);
  });
});

describe('where nothing leaves a cache by itself', () => {
  test('a look is answered by the device', () => {
    expect(aLookIsFresh(none)).toEqual([]);
  });

  test('what programs write into buffers arrives', () => {
    expect(whatProgramsWriteArrives(none)).toEqual([]);
  });

  test('a request that is sent again reaches the device again', () => {
    expect(whatIsSentAgainArrives(none)).toEqual([]);
  });

  test('a connection that is used again has nothing of its last use', () => {
    expect(aConnectionUsedAgainIsFresh(none)).toEqual([]);
  });

  test('what a server wants is heard, in the lap that begins then', () => {
    expect(anOfferCrossesTheDevice(none)).toEqual([]);
    expect(anOfferIsReadFresh(none)).toEqual([]);
  });

  test('what was written and not sent is not in the way of the next use of its place', () => {
    expect(whatWasNotSentHarmsNobody(none)).toEqual([]);
  });

  test('nor is what a dead side had written, once it is recovered on its machine', () => {
    expect(whatTheDeadDidNotSendHarmsNobody(none)).toEqual([]);
  });
});
