import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseYaml } from '../../src/config/parse-yaml.ts';
import { scenarioSchema } from '../../src/config/scenario.ts';
import { pointsInProgram, pointsNamedBy, tellMissingPoint } from '../../src/workload/program-points.ts';

test('crash points of a program are the strings in its file that are names of some', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cxlpod-points-'));
  try {
    const file = join(folder, 'program');
    writeFileSync(
      file,
      `\x7fELF\0program/push/half-done\0other\0program/turn\0// program/workload.ts\n/my/program/b"pod.crashPoint("program/turn"); at('program/a-0')`,
    );
    expect(pointsInProgram(file)).toEqual(['program/a-0', 'program/push/half-done', 'program/turn']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('one that is missing is told with the one that was meant, or with all', () => {
  const known = ['program/pop/middle', 'program/turn'];
  expect(tellMissingPoint('program/turn', known)).toBe('');
  expect(tellMissingPoint('shm/attach/after-link', known)).toBe('');
  expect(tellMissingPoint('program/pop/midle', known)).toMatch(/did you mean program\/pop\/middle\?/);
  expect(tellMissingPoint('program/something/quite-else', known)).toMatch(/\(there are program\/pop\/middle, program\/turn\)/);
  expect(tellMissingPoint('program/turn', [])).toMatch(/no name of a crash point/);
});

test('a scenario names them in its faults and in those that a seed draws', () => {
  const text = `name: named
workload: { exec: ./mine }
faults: [{ killWorker: { on: vm1, worker: program-1, at: program/a } }, { killWorker: { on: vm1, worker: program-1, at: shm/attach/after-link } }]
random: { faults: [{ killWorker: { on: vm1, worker: program-1, at: { oneOf: [program/b, program/c] } } }] }
`;
  const scenario = parseYaml(scenarioSchema, { text, fileName: 'named.yaml', kind: 'scenario' });
  expect(pointsNamedBy(scenario)).toEqual(['program/a', 'program/b', 'program/c']);
});
