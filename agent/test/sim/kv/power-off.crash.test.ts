/**
 * The writer's machine loses its power at any access, with whatever its cache had not written back: under the policy that promises this, the
 * store of another machine's clients is whole, each key has its old value or its new one, and all of its bytes.
 */
import { describe, expect, test } from 'vitest';
import { constants } from '../../../src/layout/index.ts';
import { isDeep } from '../heap/deaths.ts';
import { firstSeed } from '../schedules.ts';
import { kvChecks, sweepPower } from './kv-checks.ts';
import { kvScenes } from './scenes.ts';

const seed = firstSeed(1);
const rounds = isDeep ? 20 : 1;

describe.each(kvScenes)('to $title', (scene) => {
  test(`the machine may lose its power at every access (seed ${seed})`, () => {
    const { problems, explored } = sweepPower(scene, rounds, { flushPolicy: constants.FLUSH_HOST });
    expect(problems).toEqual([]);
    expect(explored).toBeGreaterThan(10);
  });
});

test('to claim a partition: it stays claimed until its writer is recovered', () => {
  expect(kvChecks['a claim outlives its machine']!(0)).toEqual([]);
});

test('without the policy it may not: that is what it is for', () => {
  const replace = kvScenes.find(({ title }) => title.startsWith('replace'))!;
  const lost = () => {
    const { problems } = sweepPower(replace, 5, { flushPolicy: constants.FLUSH_NONE });
    if (problems.length > 0) throw new Error(problems[0]);
  };
  expect(lost).toThrow(/power off at access|invariant|an offset was expected|is not that of/);
});
