/** Every flush and every fence of the heap is needed: without it, something is lost. */
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { firstRuns } from './first-runs.ts';
import { flushChecks, flushMutants, foundRuns } from './flush-mutants.ts';

test.each(flushMutants)('mutant $number, $mistake, is noticed: $killedBy', ({ number, killedBy }) => {
  expect(flushChecks[killedBy]!(number)).not.toEqual([]);
});

describe('no flush and no fence', () => {
  const folder = new URL('../../../../core/shm/', import.meta.url);
  const sources = readdirSync(folder)
    .filter((file) => file !== 'flush.ts')
    .map((file) => ({ file, text: readFileSync(new URL(file, folder), 'utf8') }));

  test('stands in the source without a mutant', () => {
    const bare = sources.flatMap(({ file, text }) =>
      text
        .split('\n')
        .filter((line) => /\b(flush|flushEvidence|flushFence|flushRange|fence|fenceEvidence|writeBackRange)\(/.test(line))
        .filter((line) => !/mutant\(\d+\)/.test(line))
        .map((line) => `${file}: ${line.trim()}`),
    );
    expect(bare).toEqual([]);
  });
});

afterAll(() => {
  const others = [...foundRuns].filter(
    ([mutant, { death, second, seed }]) => `${firstRuns[mutant]}` !== `${[death, second, seed]}`,
  );
  const lines = others.map(([mutant, { death, second, seed }]) => `  ${mutant}: [${death}, ${second}, ${seed}],`);
  if (lines.length > 0) console.log(`found in other runs than first-runs.ts says:\n${lines.join('\n')}`);
});
