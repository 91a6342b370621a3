/** Either side of a conversation with references dies at every shared access of its own: the audit is exact, every reference and byte comes back. */
import { describe, expect, test } from 'vitest';
import { isDeep, sampled } from '../heap/deaths.ts';
import { firstSeed, randomFrom } from '../schedules.ts';
import { type Burial, type Death, type Play, play, type Side, stageOf, writesOf } from './conversation.ts';
import { drawConversation } from './drawn-conversation.ts';
import { type MistakeName, mistakes } from './mistakes.ts';

const seed = firstSeed(1);
const draws = isDeep ? 2_000 : 150;

const sides: readonly (readonly [Side, Burial])[] = [
  ['caller', 'at once'],
  ['caller', 'last'],
  ['server', 'at once'],
  ['server', 'last'],
];

describe.each(sides)('a %s that ends, recovered %s', (side, burial) => {
  test(isDeep ? 'may end at every access of calls with references' : 'may end at every write of calls with references', () => {
    const stage = stageOf();
    const { accesses } = play(stage, { side, burial, access: 0 });
    const deaths = isDeep ? numbersTo(accesses) : writesOf(stage, side, burial);
    for (const access of deaths) expectNothing(stage, { side, burial, access });
    expect(deaths.length).toBeGreaterThan(300);
  });

  test(`and so may its recoverer (seed ${seed})`, () => {
    const stage = stageOf();
    let explored = 0;
    const { accesses } = play(stage, { side, burial, access: 0 });
    for (const access of sampled(numbersTo(accesses), isDeep ? 200 : 12, seed)) {
      const { recoveryAccesses } = play(stage, { side, burial, access });
      for (const second of sampled(numbersTo(recoveryAccesses), isDeep ? 100 : 12, seed + access)) {
        expectNothing(stage, { side, burial, access, second });
        explored++;
      }
    }
    expect(explored).toBeGreaterThan(50);
  });
});

const numbersTo = (last: number): readonly number[] => Array.from({ length: last }, (_, index) => index + 1);

function expectNothing(stage: ReturnType<typeof stageOf>, death: Death, options?: Play): void {
  const { problems } = play(stage, death, options);
  if (problems.length > 0) throw new Error(`with ${JSON.stringify(death)}: ${problems.slice(0, 5).join('; ')}`);
}

test(`in drawn conversations every reference reaches its own call, and a death in them leaves nothing (seed ${seed})`, () => {
  const stage = stageOf();
  for (let draw = seed; draw < seed + draws; draw++) {
    const random = randomFrom(draw);
    const [side, burial] = sides[Math.floor(random() * sides.length)]!;
    try {
      const { accesses } = play(stage, { side, burial, access: 0 }, { steps: drawConversation(draw, 120) });
      const access = 1 + Math.floor(random() * accesses);
      expectNothing(stage, { side, burial, access: 0 }, { steps: drawConversation(draw, 120) });
      expectNothing(stage, { side, burial, access }, { steps: drawConversation(draw, 120) });
    } catch (error) {
      throw new Error(`CXLPOD_SEED=${draw}: ${(error as Error).message}`, { cause: error });
    }
  }
});

test.each(Object.keys(mistakes) as MistakeName[])('a mistake is noticed: %s', (name) => {
  const stage = stageOf();
  const found = sides.some(([side, burial]) =>
    [0, ...sampled(writesOf(stage, side, burial), 40, seed)].some((access) => {
      try {
        return play(stage, { side, burial, access }, { mistake: mistakes[name] }).problems.length > 0;
      } catch (error) {
        expect((error as Error).message).toMatch(/expected that|invariant/);
        return true;
      }
    }),
  );
  expect(found).toBe(true);
});
