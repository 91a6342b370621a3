/** `junit.xml`: one test case a check, for CI systems. `unknown` is an error there, `invalid` a failure. */
import { isAsExpected, verdictInWords } from '../runs/expected.ts';
import type { RunRecord } from '../runs/run-record.ts';
import { escapeHtml } from './html.ts';

/** Of a negative control, a check that fails is what was wanted: that one did is a case of its own. */
function judged(record: RunRecord): Pick<RunRecord, 'checks' | 'error'> {
  const { checks, scenario, error, verdict } = record;
  if (scenario.expect !== 'invalid') return { checks, error };
  const control = {
    ...{ name: 'expected-invalid', claim: 'The run is invalid: it is a negative control.', verdict: isAsExpected(record) },
    ...{ sentence: `The run is ${verdictInWords(record)}.`, evidence: { verdict } },
  };
  const others = checks.map((check) => (check.verdict === 'invalid' ? { ...check, verdict: 'valid' as const } : check));
  return { checks: [...others, control], error: error?.violation === true ? null : error };
}

export function renderJunit(record: RunRecord): string {
  const { scenario, startedAt, tookMs } = record;
  const { checks, error } = judged(record);
  const cases = checks.map(({ name, verdict, sentence, evidence }) => {
    const inside = outcome(verdict, sentence, JSON.stringify(evidence, null, 2));
    return `    <testcase classname="${escapeHtml(scenario.name)}" name="${escapeHtml(name)}" time="0">${inside}</testcase>`;
  });
  if (error !== null) {
    const inside = outcome(error.violation ? 'invalid' : 'unknown', error.message, error.because ?? '');
    cases.push(`    <testcase classname="${escapeHtml(scenario.name)}" name="workload" time="0">${inside}</testcase>`);
  }
  const failures = checks.filter(({ verdict }) => verdict === 'invalid').length + (error?.violation === true ? 1 : 0);
  const errors = checks.filter(({ verdict }) => verdict === 'unknown').length + (error?.violation === false ? 1 : 0);
  const counts = `tests="${cases.length}" failures="${failures}" errors="${errors}" time="${(tookMs / 1000).toFixed(3)}"`;
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="cxlpod" ${counts}>
  <testsuite name="${escapeHtml(scenario.name)}" timestamp="${escapeHtml(startedAt)}" ${counts}>
${cases.join('\n')}
  </testsuite>
</testsuites>
`;
}

function outcome(verdict: 'valid' | 'invalid' | 'unknown', message: string, text: string): string {
  if (verdict === 'valid') return '';
  const tag = verdict === 'invalid' ? 'failure' : 'error';
  return `<${tag} message="${escapeHtml(message)}">${escapeHtml(text)}</${tag}>`;
}
