import { describe, expect, test } from 'vitest';
import { parseYaml } from '../../src/config/parse-yaml.ts';
import { scenarioSchema } from '../../src/config/scenario.ts';
import { CxlpodError, formatError } from '../../src/errors/cxlpod-error.ts';
import { concreteScenario } from '../../src/runs/concrete-scenario.ts';

const read = (text: string) => parseYaml(scenarioSchema, { text, fileName: 'mine.yaml', kind: 'scenario' });
const withFaults = (text: string, seed = 1) => read(`name: a\nworkload: { name: calls }\nseed: ${seed}\n${text}`);
const drawn = (text: string, seed: number) => concreteScenario(withFaults(text, seed), ['vm1', 'vm2']).faults;

function refusal(text: string): string {
  try {
    withFaults(text);
  } catch (error) {
    if (error instanceof CxlpodError) return formatError(error);
    throw error;
  }
  throw new Error('nothing was refused');
}

const template = `random:
  faults:
    - killWorker: { on: { oneOf: [vm1, vm2] }, worker: caller, at: { oneOf: [rpc/call/after-write, rpc/serve/after-execute] }, hit: { from: 1, to: 900 } }
    - killWorker: { on: vm1 }
  count: [2, 6]
  within: 3s
`;

describe('a schedule', () => {
  test('is drawn from the seed where it says between: the same for the same seed, within its bounds, others for others', () => {
    const text = 'faults: [{ killWorker: { on: vm1, between: [1s, 8s] } }]\n';

    const moments = Array.from({ length: 50 }, (_, seed) => drawn(text, seed)[0]!.killWorker!);

    for (const moment of moments) {
      expect(moment).toMatchObject({ on: 'vm1', worker: 'server', after: expect.any(Number) });
      expect(moment.between).toBeUndefined();
      expect(moment.after).toBeGreaterThanOrEqual(1000);
      expect(moment.after).toBeLessThanOrEqual(8000);
    }
    expect(new Set(moments.map(({ after }) => after)).size).toBeGreaterThan(40);
    expect(drawn(text, 7)).toEqual(drawn(text, 7));
  });

  test('that was drawn stays as it is when it is drawn again, so that a run can be replayed', () => {
    const once = concreteScenario(withFaults(template, 3), ['vm1', 'vm2']);

    expect(once.random).toBeUndefined();
    expect(concreteScenario({ ...once, seed: 99 }, ['vm1', 'vm2'])).toEqual({ ...once, seed: 99 });
  });

  test.each([
    [
      'two moments',
      '{ on: vm1, after: 2s, atOperations: 5 }',
      'line 4: faults[0].killWorker.atOperations: a fault strikes once: after or atOperations',
    ],
    ['bounds the wrong way round', '{ on: vm1, between: [2s, 1s] }', 'the shorter one first'],
    ['a moment and a crash point', '{ on: vm1, at: rpc/serve/after-execute, after: 1s }', 'dies when it passes there'],
    ['an access and a moment', '{ on: vm1, atAccess: 5, after: 1s }', 'a worker dies once: atAccess or after'],
    ['a passage of nothing', '{ on: vm1, hit: 3 }', 'at is missing'],
    [
      'a hold and a moment',
      '{ on: vm1, held: { at: shm/attach/after-redo }, after: 1s }',
      'says when it dies, and so does after',
    ],
    ['a hold in a call', '{ on: vm1, held: { at: rpc/serve/after-take } }', 'is for crash points of the heap'],
    ['a number without a unit', '{ on: vm1, after: 5 }', 'must be a duration such as 500ms'],
    ['a mistyped key', '{ on: vm1, atOperation: 5 }', 'did you mean atOperations?'],
  ])('with %s is refused', (_, fault, told) => {
    expect(refusal(`faults: [{ killWorker: ${fault} }]\n`)).toContain(told);
  });
});

describe('random faults', () => {
  test('are as many as asked, each of a template, with every alternative drawn sooner or later', () => {
    const runs = Array.from({ length: 60 }, (_, seed) => drawn(template, seed).map(({ killWorker }) => killWorker!));

    expect(new Set(runs.map((faults) => faults.length))).toEqual(new Set([2, 3, 4, 5, 6]));
    const faults = runs.flat();
    expect(new Set(faults.map(({ on }) => on))).toEqual(new Set(['vm1', 'vm2']));
    expect(new Set(faults.map(({ at }) => at))).toEqual(new Set([undefined, 'rpc/call/after-write', 'rpc/serve/after-execute']));
    for (const { at, hit, after } of faults) {
      expect(after === undefined).toBe(at !== undefined);
      if (after !== undefined) expect(after).toBeLessThanOrEqual(3000);
      expect(hit).toBeLessThanOrEqual(900);
    }
  });

  test('are checked in every alternative before anything is drawn, and told with their line', () => {
    expect(refusal(template.replace('rpc/serve/after-execute', 'rpc/serve/after-exectue'))).toMatch(
      /line \d+: random.faults\[0\].killWorker.at: "rpc\/serve\/after-exectue" is not a crash point \(did you mean rpc\/serve\/after-execute\?\)/,
    );
    expect(refusal('random: { faults: [killWorkers] }\n')).toContain('"killWorkers" cannot be drawn');
    expect(refusal('random: { faults: [{ killWorker: { on: vm1 } }], count: [3, 1] }\n')).toContain('the smaller one first');
  });
});
