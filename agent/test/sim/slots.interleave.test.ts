/** Slots, offers and counters of a connection; its checks stand in call-checks.ts, where their mutants run as well. */
import { describe, expect, test } from 'vitest';
import {
  aBatchHonoursTheOffer,
  aBatchIsAlone,
  aSlotStaysUntilItsCallEnds,
  countersWrap,
  theLongestPayloadFits,
  whatMayBeginMayBeSent,
} from './call-checks.ts';
import { firstSeed } from './schedules.ts';

const none = 0;
const seed = firstSeed(1);
const depth = process.env.CXLPOD_DEEP === '1' ? 20 : 1;

describe('a connection', () => {
  test('gives a slot back when its call has ended, not when its caller is done with it', () => {
    expect(aSlotStaysUntilItsCallEnds(none)).toEqual([]);
  });

  test('has no more calls of a batch in flight than its server wants', () => {
    expect(aBatchHonoursTheOffer(none)).toEqual([]);
  });

  test('sends what may begin', () => {
    expect(whatMayBeginMayBeSent(none)).toEqual([]);
  });

  test('takes a batch when it has no other calls', () => {
    expect(aBatchIsAlone(none)).toEqual([]);
  });

  test('takes messages as long as the limit says', () => {
    expect(theLongestPayloadFits(none)).toEqual([]);
  });

  test(`goes on when its counters wrap, in random schedules from seed ${seed} (CXLPOD_SEED replays another)`, () => {
    expect(countersWrap(120 * depth, seed)(none)).toEqual([]);
  });
});
