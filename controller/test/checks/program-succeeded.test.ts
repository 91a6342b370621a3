import { expect, test } from 'vitest';
import { programSucceeded } from '../../src/checks/program-succeeded.ts';
import type { EndedProgram, ProgramResult } from '../../src/workload/program.ts';
import { crashEvidence } from './evidence-of-a-good-run.ts';

const drove: EndedProgram = {
  machine: 'vm1',
  worker: 'program-1',
  attempt: 1,
  phase: 'drive',
  failure: null,
  elapsedNs: 1,
  output: '',
};
const checked: EndedProgram = { ...drove, phase: 'check' };

function verdict(result: Partial<ProgramResult> | null): string {
  const whole: ProgramResult = { program: 'queue', workers: 2, ends: [drove, checked], problems: [], ...result };
  return programSucceeded.check({ ...crashEvidence(), workload: result === null ? null : { name: 'program', result: whole } })
    .verdict;
}

test('program-succeeded holds where every process came to its end, and its own check found nothing, or there is none', () => {
  expect(verdict({})).toBe('valid');
  expect(verdict({ ends: [drove], problems: null })).toBe('valid');
});

test.each<[string, Partial<ProgramResult>]>([
  ['a process failed', { ends: [{ ...drove, failure: 'ended with exit code 1' }] }],
  [
    'a process failed after a check that did',
    {
      ends: [
        { ...checked, failure: 'died by SIGKILL' },
        { ...drove, failure: 'died by SIGSEGV' },
      ],
    },
  ],
  ['its own check found something', { problems: ['an item is lost'] }],
])('it fails where %s', (_, result) => expect(verdict(result)).toBe('invalid'));

test('it knows nothing where no process came to its end, or nothing ran', () => {
  expect(verdict({ ends: [checked] })).toBe('unknown');
  expect(verdict(null)).toBe('unknown');
});
