/** `scenario.yaml` of a run folder runs again what ran there. */
import { expect, test } from 'vitest';
import { builtInScenarios, loadScenario } from '../../src/config/load-scenario.ts';
import { parseYaml } from '../../src/config/parse-yaml.ts';
import { printScenario } from '../../src/config/print-scenario.ts';
import { scenarioSchema } from '../../src/config/scenario.ts';
import { keptScenario } from '../../src/runs/kept-scenario.ts';

const read = (text: string) => parseYaml(scenarioSchema, { text, fileName: 'scenario.yaml', kind: 'scenario' });

test('every scenario of cxlpod is read back from its print as it was, and kept as it was written', () => {
  for (const name of builtInScenarios().keys()) {
    const loaded = loadScenario(name);
    expect(read(printScenario(loaded.scenario)), name).toEqual(loaded.scenario);
    if (loaded.scenario.workload.name !== 'program') expect(keptScenario(loaded), name).toBe(loaded.text);
  }
});

test('a program is named where the folder has it, compiled or bundled', () => {
  const kept = (workload: string): unknown => {
    const text = `name: mine\nworkload: ${workload}\n`;
    return read(keptScenario({ scenario: read(text), text, fileName: 'mine.yaml' })).workload;
  };
  expect(kept('{ exec: /far/queue.c, limit: 90s }')).toMatchObject({ exec: './program/queue', limit: 90_000 });
  expect(kept('{ exec: /far/run.sh }')).toMatchObject({ exec: './program/run.sh' });
  expect(kept('{ module: /far/workload.ts }')).toMatchObject({ module: './program/workload.mjs' });
});

test('what ran otherwise than it was written is told as it ran: fewer faults, another seed, a topology of its own', () => {
  const faults = '[{ powerOff: { machine: vm1, after: 10ms } }, { powerOff: { machine: vm2, after: 20ms } }]';
  const text = `name: mine\ntopology: ./far/mine.yaml\nworkload: { name: calls }\nfaults: ${faults}\n`;
  const written = read(text);
  const scenario = { ...written, seed: 7, faults: written.faults.slice(1) };

  expect(read(keptScenario({ scenario, text, fileName: 'mine.yaml' }))).toEqual({ ...scenario, topology: './topology.yaml' });
});

test('a text that is gone is written anew', () => {
  const { scenario } = loadScenario('ping');
  expect(read(keptScenario({ scenario, text: '', fileName: 'gone.yaml' }))).toEqual(scenario);
});
