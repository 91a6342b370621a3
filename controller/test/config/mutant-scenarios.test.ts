/** Every mistake of the core is shown by a scenario, or it is said why real processes cannot show it. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { builtInScenarios, loadScenario } from '../../src/config/load-scenario.ts';

const read = (path: string): string => readFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)), 'utf8');
const shown = [...builtInScenarios()]
  .filter(([, path]) => path.includes('/scenarios/mutants/'))
  .map(([name]) => loadScenario(name).scenario);
const listed = [...read('docs/mutants.md').matchAll(/^\| (\d+) \|/gm)].map(([, number]) => Number(number));

/** The first column of the table, ranges written out. */
function excused(): Set<number> {
  const rows = [...read('infra/scenarios/mutants/README.md').matchAll(/^\| (\d[^|]*) \|/gm)].map(([, numbers]) => numbers!);
  const numbers = rows.flatMap((row) =>
    row.split(', ').flatMap((part) => {
      const [from, to = from] = part.split(' to ').map(Number);
      return Array.from({ length: to! - from! + 1 }, (_, index) => from! + index);
    }),
  );
  return new Set(numbers);
}

test('each is a negative control, named after its number', () => {
  expect(shown.length).toBeGreaterThan(10);
  for (const { name, core, expect: expected } of shown) {
    expect([name, expected]).toEqual([expect.stringMatching(new RegExp(`^mutant-${core?.mutant}-`)), 'invalid']);
    expect(listed).toContain(core?.mutant);
  }
});

test('none of the list is neither shown nor excused, and none is both', () => {
  const numbers = shown.map(({ core }) => core!.mutant);
  const excuses = excused();
  expect(listed.filter((number) => !numbers.includes(number) && !excuses.has(number))).toEqual([]);
  expect(numbers.filter((number) => excuses.has(number))).toEqual([]);
});
