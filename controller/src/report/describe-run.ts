/** A run for a terminal. */
import { table } from '../cli/table.ts';
import { verdictInWords } from '../runs/expected.ts';
import type { RunRecord } from '../runs/run-record.ts';
import { comparisonOf } from '../workload/result-of.ts';
import { warningOf } from './facts.ts';
import { showControls } from './html.ts';
import { keyFigures } from './key-figures.ts';
import { showCount, showNs, showRatio } from './units.ts';

const marks = { valid: 'ok  ', invalid: 'FAIL', unknown: '?   ' } as const;

export function describeRun(record: RunRecord): string {
  const { accelerator, provider } = record.environment;
  const on = accelerator === 'none' ? `provider ${provider}` : accelerator;
  const lines = [
    '',
    `${verdictInWords(record)}  ${record.scenario.name}  (${on}, ${(record.tookMs / 1000).toFixed(1)} s)`,
    ...(record.error === null
      ? []
      : [`  error: ${record.error.message}${record.error.because === null ? '' : ` (${record.error.because})`}`]),
    ...keyFigures(record).map(({ name, value, detail }) => `  ${name}: ${value}, ${detail}`),
    ...describeComparison(record),
    ...record.checks.map(({ name, verdict, sentence }) => `  ${marks[verdict]} ${name}: ${sentence}`),
    `  ${warningOf(record)}`,
  ];
  return showControls(lines.join('\n'));
}

/** Rows for `table`. */
export function describeLatencies({ latencies }: RunRecord): string[][] {
  return [
    ['system', 'p50', 'p90', 'p99', 'p99.9', 'max', 'samples', 'calls a sample'],
    ...latencies.map((each) => [
      each.label,
      ...[each.p50Ns, each.p90Ns, each.p99Ns, each.p999Ns, each.maxNs].map(showNs),
      showCount(each.samples),
      String(each.callsPerSample),
    ]),
  ];
}

function describeComparison(record: RunRecord): string[] {
  const comparison = comparisonOf(record.workload);
  if (comparison === null) return [];
  const rows = [
    ['system', 'p50', `over ${comparison.baseline.label}`, `spread of ${comparison.rounds} rounds`],
    ...comparison.entries.map(({ label, p50Ns, ratio }) => [
      label,
      showNs(p50Ns),
      showRatio(ratio.median),
      `${showRatio(ratio.low)} to ${showRatio(ratio.high)}`,
    ]),
  ];
  return table(rows)
    .split('\n')
    .map((line) => `  ${line}`);
}
