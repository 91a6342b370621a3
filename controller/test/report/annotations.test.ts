import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { annotate, annotationsOf, printAnnotation } from '../../src/report/annotations.ts';
import type { RunRecord } from '../../src/runs/run-record.ts';
import { crashEvidence } from '../checks/evidence-of-a-good-run.ts';
import { writeRun } from './run-for-report.ts';

const good = (): RunRecord => {
  const { record } = writeRun(crashEvidence());
  return { ...record, checks: record.checks.filter(({ name }) => name !== 'hostile') };
};
const spoilt = (verdict: 'invalid' | 'unknown'): RunRecord => {
  const record = good();
  const [first, ...others] = record.checks;
  return { ...record, verdict, checks: [{ ...first!, verdict, sentence: 'Two of 100 %\nare wrong.' }, ...others] };
};

describe('annotations of a run', () => {
  test('are an error for each check that is wrong, a warning for each that is not known', () => {
    expect(annotationsOf(good())).toEqual([]);
    expect(annotationsOf(spoilt('invalid'))).toMatchObject([{ level: 'error', title: expect.stringMatching(/^dies: /) }]);
    expect(annotationsOf(spoilt('unknown'))).toMatchObject([{ level: 'warning' }]);
  });

  test('tell the failure of the run itself with its hint', () => {
    const error = { code: 'X', message: 'vm2 is gone', because: 'it ended', hint: 'read its console', violation: false };
    expect(annotationsOf({ ...good(), verdict: 'unknown', error })).toEqual([
      { level: 'error', title: 'dies: the run failed', message: 'vm2 is gone\nbecause: it ended\ntry: read its console' },
    ]);
  });

  test('praise a negative control that was found invalid with silence, and blame one that was not', () => {
    const control = (record: RunRecord): RunRecord => ({ ...record, scenario: { ...record.scenario, expect: 'invalid' } });
    expect(annotationsOf(control(spoilt('invalid')))).toEqual([]);
    expect(annotationsOf(control(good()))).toMatchObject([{ level: 'error', title: 'dies: not found invalid' }]);
  });

  test('are one line each, whatever a guest said, and nothing of it ends a property or begins a command', () => {
    const said = 'a%0A::error title=x,y:z::\r\n::set-env name=PATH::evil\u001b[31m';
    const line = printAnnotation({ level: 'error', title: said, message: said });

    expect(line).not.toMatch(/[\r\n]/);
    const [, title, message] = /^::error title=([^,:]*)::(.*)$/.exec(line)!;
    expect(decode(title!)).toBe(decode(message!));
    expect(decode(message!)).toContain('a%0A::error title=x,y:z::');
  });
});

function decode(text: string): string {
  const escaped: Readonly<Record<string, string>> = { '%25': '%', '%0D': '\r', '%0A': '\n', '%3A': ':', '%2C': ',' };
  return text.replace(/%(25|0D|0A|3A|2C)/g, (each) => escaped[each]!);
}

describe('annotating', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cxlpod-annotations-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const run = (asked: 'github' | 'none' | undefined, environment: NodeJS.ProcessEnv): string => {
    const written: string[] = [];
    const what = { annotations: annotationsOf(spoilt('invalid')), summary: '# INVALID' };
    annotate(asked, what, { environment, write: (text) => written.push(text) });
    return written.join('');
  };

  test('is for GitHub, or who asks for it', () => {
    expect(run(undefined, {})).toBe('');
    expect(run('none', { GITHUB_ACTIONS: 'true' })).toBe('');
    expect(run(undefined, { GITHUB_ACTIONS: 'true' })).toMatch(/^::error title=dies%3A .*::Two of 100 %25%0Aare wrong\.\n$/);
    expect(run('github', {})).toMatch(/^::error /);
  });

  test('adds the summary to what is there, unless nobody would show it', () => {
    const GITHUB_STEP_SUMMARY = join(folder, 'summary');
    writeFileSync(GITHUB_STEP_SUMMARY, 'before\n');
    run('github', { GITHUB_STEP_SUMMARY });
    expect(readFileSync(GITHUB_STEP_SUMMARY, 'utf8')).toBe('before\n# INVALID\n');

    writeFileSync(GITHUB_STEP_SUMMARY, 'x'.repeat(1024 * 1024 - 5));
    run('github', { GITHUB_STEP_SUMMARY });
    expect(readFileSync(GITHUB_STEP_SUMMARY, 'utf8')).not.toContain('INVALID');
  });
});
