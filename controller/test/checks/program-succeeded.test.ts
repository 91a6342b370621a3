import { expect, test } from 'vitest';
import { judge } from '../../src/checks/judge.ts';
import { programSucceeded } from '../../src/checks/program-succeeded.ts';
import type { Evidence } from '../../src/runs/evidence.ts';
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

test('it says what whoever failed printed last', () => {
  const failed = { failure: 'ended with exit code 1', output: 'one\nmoney is 15999, not 16000.\n\n' };
  const sentenceOf = (result: Partial<ProgramResult>): string => {
    const whole: ProgramResult = { program: 'bank', workers: 2, ends: [], problems: null, ...result };
    return programSucceeded.check({ ...crashEvidence(), workload: { name: 'program', result: whole } }).sentence;
  };
  expect(sentenceOf({ ends: [{ ...drove, ...failed }] })).toBe(
    'program-1 on vm1, drive: it ended with exit code 1, and said last: money is 15999, not 16000.',
  );
  expect(sentenceOf({ ends: [drove, { ...checked, ...failed }], problems: ['ended with exit code 1', 'one …'] })).toBe(
    "The program's own check: ended with exit code 1, and said last: money is 15999, not 16000.",
  );
});

test('every run of a program is judged by it, once, and no other run is', () => {
  const judged = (name: string, checks: readonly string[]): readonly string[] => {
    const evidence = crashEvidence();
    const scenario = { ...evidence.scenario, checks, workload: { ...evidence.scenario.workload, name } };
    return judge({ ...evidence, scenario } as Evidence)
      .map((each) => each.name)
      .filter((each) => each === 'program-succeeded');
  };
  expect(judged('program', ['pool-sound'])).toHaveLength(1);
  expect(judged('program', ['pool-sound', 'program-succeeded'])).toHaveLength(1);
  expect(judged('calls', ['pool-sound'])).toHaveLength(0);
});

test('it knows nothing where no process came to its end, or nothing ran', () => {
  expect(verdict({ ends: [checked] })).toBe('unknown');
  expect(verdict(null)).toBe('unknown');
});
