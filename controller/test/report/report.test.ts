import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { exitCodes } from '../../src/errors/cxlpod-error.ts';
import { escapeHtml, html, showControls } from '../../src/report/html.ts';
import { renderJunit } from '../../src/report/junit.ts';
import { readRunRecord } from '../../src/report/report-input.ts';
import { renderSummary } from '../../src/report/summary.ts';
import { showNs, showRatio } from '../../src/report/units.ts';
import { writeReport } from '../../src/report/write-report.ts';
import type { RunRecord } from '../../src/runs/run-record.ts';
import { crashEvidence, kvEvidence, pingEvidence } from '../checks/evidence-of-a-good-run.ts';
import { environment, hostile, writeRun } from './run-for-report.ts';

const page = (run: ReturnType<typeof writeRun>): string => readFileSync(writeReport(run.folder), 'utf8');

describe('the page', () => {
  test('says on its first screen all that design §7 asks', () => {
    const text = page(writeRun(pingEvidence()));
    const first = text.slice(0, text.indexOf('<section'));

    for (const told of ['TCG (emulated)', '2 host cores', 'over-subscription', 'measured, service time', 'price of the clock']) {
      expect(first).toContain(told);
    }
    expect(first).toContain('TCG times are the emulator’s, not CXL’s');
    expect(first).toContain('<div class="verdict valid" id="verdict">valid</div>');
  });

  test.each([
    ['kvm', 'KVM times are of this host’s memory and caches, not CXL’s'],
    ['none', 'Times of plain processes on this host’s memory, not CXL’s'],
  ] as const)('never states a time under %s as a CXL time', (accelerator, told) => {
    expect(page(writeRun(pingEvidence(), { environment: { ...environment, accelerator } }))).toContain(told);
  });

  test('shows the memory type that the guests set, and what it is worth', () => {
    const registers = { vm1: ['reg01: base=0x110000000 ( 4352MB), size=  256MB, count=1: uncachable'] };
    const run = writeRun(pingEvidence(), { environment: { ...environment, memoryType: { type: 'uncacheable', registers } } });

    const text = page(run);
    expect(text).toContain('uncacheable');
    expect(text).toContain('TCG gives memory types no effect: configuration only. reg01: base=0x110000000');
    expect(renderSummary(run.record)).toContain('TCG gives memory types no effect');
  });

  test('fetches nothing, runs nothing, and leaves no hostile text unescaped', () => {
    const text = page(writeRun(crashEvidence()));

    expect(text).not.toMatch(/<script|<img|<link rel="stylesheet"|<iframe|@import|url\(/i);
    expect(text).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be left
    expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f\u202e]/);
    expect(text).toContain('\\u202e');
    expect(text).toContain('http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;;');
  });

  test('shows the floor, the ratio with its spread, and the floor against itself', () => {
    const text = page(writeRun(pingEvidence()));

    expect(text).toMatch(/data-system="rpc-core"[\s\S]*?2\.00×[\s\S]*?2\.00× – 2\.00×/);
    expect(text).toContain('<tbody class="again">');
  });

  test('draws the operations that have no order, a row for each client', () => {
    const text = page(writeRun(kvEvidence(9)));

    expect(text).toContain('Key 7, with version 1 at first: no order explains these 1.');
    expect(text).toContain('client 4.1 on machine 2');
    expect(text).toMatch(/class="operation get"[\s\S]*?get → 9[\s\S]*?<title>client 4\.1 on machine 2: get → 9, 4 to 5/);
    expect(text).not.toMatch(/NaN|Infinity|undefined/);
  });

  test('marks the fault and the stall on the time line', () => {
    const text = page(writeRun(crashEvidence()));

    expect(text).toContain('SIGKILL at rpc/serve/after-execute');
    expect(text).toContain('class="mark fault"');
    expect(text).toContain('class="stallband"');
    expect(text).toContain('id="timeline-closeup"');
  });

  test('has commands that can be copied where the run was started', () => {
    const { provenance } = writeRun(crashEvidence()).record;
    const text = page(
      writeRun(crashEvidence(), { provenance: { ...provenance, program: 'npx cxlpod', scenarioFile: 'my tests/mine.yaml' } }),
    );

    expect(text).toContain('npx cxlpod campaign &#39;my tests/mine.yaml&#39; --seeds 20');
    expect(text).toMatch(/>npx cxlpod replay \.runs\/\S+ --up</);
    expect(text).not.toContain('git checkout');
  });

  test('of a run that failed says why, and is not green', () => {
    const error = { code: 'X', message: 'vm2 is gone', because: hostile, hint: 'look at its console', violation: false };
    const text = page(writeRun(pingEvidence(), { verdict: 'unknown', error }));

    expect(text).toContain('error: vm2 is gone');
    expect(text).toContain('<div class="verdict unknown" id="verdict">');
  });

  test('is made again from the folder alone, the same', () => {
    const run = writeRun(crashEvidence());
    writeReport(run.folder);
    const again = page(run);

    expect(page(run)).toBe(again);
  });

  test('of a folder without a finished run is a usage error', () => {
    const { folder } = writeRun(crashEvidence());
    folder.write('run.json', '');

    expect(() => readRunRecord(folder)).toThrow(expect.objectContaining({ code: 'NOT_A_RUN', exitCode: exitCodes.usage }));
  });
});

describe('junit.xml', () => {
  test('counts what failed and what is unknown, and has no character that XML forbids', () => {
    const { record } = writeRun(crashEvidence({ pool: null, exits: crashEvidence().exits.slice(1) }));
    const xml = renderJunit({ ...record, error: { code: 'X', message: hostile, because: hostile, hint: null, violation: true } });

    expect(xml).toMatch(/<testsuites name="cxlpod" tests="4" failures="1" errors="1"/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be left
    expect(xml).not.toMatch(/[\u0000-\u0008\u000b-\u001f\ufffe\uffff]/);
    expect(unbalanced(xml)).toEqual([]);
  });

  test('of a negative control fails where the control is not invalid, and nowhere else', () => {
    const { record } = writeRun(crashEvidence({ exits: crashEvidence().exits.slice(1) }));
    const control = (verdict: 'valid' | 'invalid') =>
      renderJunit({ ...record, verdict, scenario: { ...record.scenario, expect: 'invalid' } });

    expect(control('invalid')).toMatch(/failures="0" .*<testcase [^>]*name="expected-invalid" time="0"><.testcase>/s);
    expect(control('valid')).toMatch(
      /failures="1" .*name="expected-invalid" time="0"><failure message="The run is VALID, where/s,
    );
  });

  test('the check for well-formedness above sees a tag left open', () => {
    expect(unbalanced('<a><b></a>')).not.toEqual([]);
  });
});

describe('summary.md', () => {
  test('says of a negative control whether it is as it must be', () => {
    const { record } = writeRun(crashEvidence());
    const control = (verdict: 'valid' | 'invalid') =>
      renderSummary({ ...record, verdict, scenario: { ...record.scenario, expect: 'invalid' } }).split('\n', 1)[0];

    expect(control('invalid')).toBe('# INVALID, as expected: dies');
    expect(control('valid')).toBe('# VALID, where invalid was expected: dies');
  });

  test('has verdict, warning, figures and checks, and keeps its tables whole', () => {
    const text = renderSummary(writeRun(crashEvidence()).record);

    expect(text).toMatch(/^# VALID: dies\n/);
    expect(text).toContain('TCG times are the emulator’s');
    expect(text).toContain('fault-fired');
    const table = text.slice(text.indexOf('| check |')).split('\n\n', 1)[0]!;
    for (const line of table.split('\n')) expect(line.replaceAll('\\|', '').split('|')).toHaveLength(5);
  });
});

test('summary.md does not say that nobody went on where nobody could see it', () => {
  const at = { clock: 'vm1', ns: 1e9 };
  const death = { id: 3, incarnation: 1, machine: 'vm2', lastSeenAt: at, recoveredAt: at, longestStall: null } as const;
  const told = (deaths: RunRecord['deaths']): string => renderSummary(writeRun(crashEvidence(), { deaths }).record);

  expect(told([death])).toContain('nobody went on');
  expect(told([{ ...death, unmeasured: true }])).toContain('not measured: no survivor wrote a history');
});

test('summary.md shows no control character of a guest to a terminal, whatever it is said about', () => {
  const error = { code: 'X', message: hostile, because: hostile, hint: null, violation: false };
  const text = renderSummary(writeRun(crashEvidence(), { error }).record);

  expect(text).toContain('Failed: ');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be left
  expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f\u202e]/);
});

describe('text from anywhere', () => {
  test('is escaped wherever it is put, and html is not escaped twice', () => {
    expect(html`<p title="${'"<'}">${['<b>', html`<i>${'&'}</i>`]}</p>`.text).toBe(
      '<p title="&quot;&lt;">&lt;b&gt;<i>&amp;</i></p>',
    );
  });

  test('keeps line ends and tabs, and shows every other control character', () => {
    expect(showControls('a\tb\nc\u0000\u001b\u202e\ud800')).toBe('a\tb\nc\\u0000\\u001b\\u202e\\ud800');
    expect(escapeHtml('<&>\'"')).toBe('&lt;&amp;&gt;&#39;&quot;');
  });
});

test.each([
  [0.4, '0.40 ns'],
  [999, '999 ns'],
  [999.6, '1.00 µs'],
  [12_345, '12.3 µs'],
  [1_500_000, '1.50 ms'],
  [2e9, '2.00 s'],
])('%f ns is shown as %s', (ns, shown) => {
  expect(showNs(ns)).toBe(shown);
});

test('ratios have three digits', () => {
  expect([0.456, 1.234, 12.34, 158.4, 12_345].map(showRatio)).toEqual(['0.46×', '1.23×', '12.3×', '158×', '12,345×']);
});

/** Tags that are closed in another order than they were opened, or not at all. */
function unbalanced(xml: string): string[] {
  const open: string[] = [];
  const wrong: string[] = [];
  for (const [, close, name, rest] of xml.matchAll(/<(\/?)([a-z]+)([^>]*)>/g)) {
    if (close === '/') {
      if (open.pop() !== name) wrong.push(name!);
    } else if (!rest!.endsWith('/')) open.push(name!);
  }
  return [...wrong, ...open];
}
