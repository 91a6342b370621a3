import { expect, test } from 'vitest';
import { ofProvider } from '../../src/campaign/of-provider.ts';
import { loadScenario } from '../../src/config/load-scenario.ts';
import { CxlpodError, formatError } from '../../src/errors/cxlpod-error.ts';

const onProcesses = loadScenario('power-off-local');
const onLater = loadScenario('join-machine-local');
const onMachines = loadScenario('power-off');
const all = [onProcesses, onMachines, onLater];

test('all run where no provider is named', () => {
  expect(ofProvider(all, undefined)).toEqual({ scenarios: all, leftOut: null });
});

test('those of another provider are left out, in every topology, and it is said how many', () => {
  const { scenarios, leftOut } = ofProvider(all, 'local');
  expect(scenarios).toEqual([onProcesses, onLater]);
  expect(leftOut).toBe('1 of 3 scenarios is left out: its topology is of provider qemu');
  expect(ofProvider(all, 'qemu')).toMatchObject({ scenarios: [onMachines], leftOut: expect.stringMatching(/^2 of 3 .* are /) });
  expect(ofProvider([onProcesses], 'local').leftOut).toBeNull();
});

test('none left is refused before anything is started', () => {
  const act = () => ofProvider([onMachines], 'local');
  expect(act).toThrow(CxlpodError);
  try {
    act();
  } catch (error) {
    expect((error as CxlpodError).exitCode).toBe(2);
    expect(formatError(error)).toMatch(/provider local[\s\S]*try: --provider qemu/);
  }
});
