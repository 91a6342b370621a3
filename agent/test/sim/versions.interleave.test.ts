/**
 * Rule 10 of memory-model.md: deciding what a power-off left when somebody looks, instead of at each moment before, changes nothing
 * about what can be seen. Random litmus programs with a power-off are searched both ways.
 */
import { expect, test } from 'vitest';
import { type LitmusThread, outcomesOf } from './memory/litmus.ts';
import { firstSeed, randomFrom } from './schedules.ts';

const seed = firstSeed(1);
const depth = process.env.CXLPOD_DEEP === '1' ? 20 : 1;

const steps = ['x=1', 'x=2', 'x2=1', 'y=1', 'clwb x', 'sfence', 'clflushopt x', 'xchg x=3', 'p=x'];

/**
 * The survivor does something before the power-off, or only looks after it. In half of the programs it waits until the other is
 * through: else every version can also be what was stored so far.
 */
function randomThreads(random: () => number, before: number, fresh: readonly string[] = []): readonly LitmusThread[] {
  const some = (count: number): string[] => Array.from({ length: count }, () => steps[Math.floor(random() * steps.length)]!);
  const [tail, wait] = random() < 0.5 ? [['mfence'], ['after 0']] : [[], []];
  return [
    { machine: 1, program: [...some(3), ...tail].join('; ') },
    { machine: 2, program: [...wait, ...some(before), 'crash 1', ...fresh, 'r=x', 's=y', 't=x2'].join('; ') },
  ];
}

const sorted = (outcomes: ReadonlySet<string>): string[] => [...outcomes].sort();

test(`with versions or without, the same can be seen after a power-off, from seed ${seed}`, () => {
  for (let number = 0; number < 5 * depth; number++) {
    const random = randomFrom(seed + number);
    const threads = randomThreads(random, 1);
    for (const profile of ['COH', 'NC'] as const) {
      for (const crash of [{}, { poisonsLostLines: true }]) {
        if (profile === 'NC' && 'poisonsLostLines' in crash) continue;
        const searched = outcomesOf({ profile, threads, crash });
        const decided = outcomesOf({ profile, threads, crash, versionLimit: 8 });
        const what = `seed ${seed + number}, ${profile}: ${threads.map(({ program }) => program).join(' || ')}`;
        expect(sorted(decided.registers), what).toEqual(sorted(searched.registers));
        expect(sorted(decided.final), what).toEqual(sorted(searched.final));
      }
    }
  }
});

/** What it fetched by itself, before the power-off, is older than what the device was left with, and nobody decides about it afterwards. */
const lookAtTheDevice = ['clflushopt x', 'clflushopt y', 'mfence'];

test(`versions alone, without a write-back before the power-off, show all that the device can be left with, from seed ${seed}`, () => {
  for (let number = 0; number < 20 * depth; number++) {
    const threads = randomThreads(randomFrom(seed + number), 0, lookAtTheDevice);
    for (const profile of ['COH', 'NC'] as const) {
      const searched = outcomesOf({ profile, threads });
      const decided = outcomesOf({ profile, threads, versionLimit: 8, keepsDirtyLines: true });
      const what = `seed ${seed + number}, ${profile}: ${threads.map(({ program }) => program).join(' || ')}`;
      expect(sorted(decided.registers), what).toEqual(sorted(searched.registers));
    }
  }
});

test('an older version cannot have been written back when the device was seen to be older still, afterwards', () => {
  const threads = [
    { machine: 1, program: 'x=1; x=2; mfence' },
    { machine: 2, program: 'after 0; clflushopt x; mfence; p=x; crash 1; r=x' },
  ];
  const searched = outcomesOf({ profile: 'NC', threads });
  expect(searched.registers).not.toContain('p=0 r=1');
  expect(sorted(outcomesOf({ profile: 'NC', threads, versionLimit: 8 }).registers)).toEqual(sorted(searched.registers));
});
