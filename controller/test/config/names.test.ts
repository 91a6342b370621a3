import { expect, test } from 'vitest';
import { requirePodName } from '../../src/config/names.ts';
import { parseYaml } from '../../src/config/parse-yaml.ts';
import { scenarioSchema } from '../../src/config/scenario.ts';

const scenario = (name: string) =>
  parseYaml(scenarioSchema, { text: `name: ${name}\nworkload: { name: ping }\n`, fileName: 'mine.yaml', kind: 'scenario' });

test('a scenario may be called by a whole sentence', () => {
  const name = 'two-servers-die-one-after-the-other-while-a-third-one-recovers-the-first-of-them';
  expect(scenario(name).name).toBe(name);
});

test('a name that is too long is told as that, with its length', () => {
  expect(() => scenario('a'.repeat(121))).toThrow(
    expect.objectContaining({ cause: expect.objectContaining({ message: expect.stringContaining('it has 121 characters') }) }),
  );
  expect(() => requirePodName('p'.repeat(32))).toThrow(
    expect.objectContaining({ hint: 'a lower-case letter, then up to 30 letters, digits and hyphens; it has 32 characters' }),
  );
});
