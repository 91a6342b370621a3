/** `summary.md`: the report for a terminal, a pull request, or a mail. */
import type { RunRecord } from '../runs/run-record.ts';
import { comparisonOf } from '../workload/result-of.ts';
import { factsOf, warningOf } from './facts.ts';
import { showControls } from './html.ts';
import { keyFigures } from './key-figures.ts';
import { headline } from './render-report.ts';
import { showCount, showNs, showRatio } from './units.ts';

export function renderSummary(record: RunRecord): string {
  const comparison = comparisonOf(record.workload);
  const parts = [
    `# ${record.verdict.toUpperCase()}: ${record.scenario.name}`,
    headline(record),
    `**${warningOf(record)}**`,
    record.error === null
      ? null
      : `Failed: ${record.error.message}${record.error.because === null ? '' : ` (${record.error.because})`}`,
    keyFigures(record)
      .map(({ name, value, detail }) => `- **${name}: ${value}**, ${detail}`)
      .join('\n'),
    table(
      ['fact', 'value', ''],
      factsOf(record).map(({ name, value, detail }) => [name, value, detail]),
    ),
    comparison === null
      ? null
      : table(
          ['system', 'p50', 'p99', `over ${comparison.baseline.label}`, 'spread over rounds'],
          comparison.entries.map(({ label, p50Ns, p99Ns, ratio }) => [
            label,
            showNs(p50Ns),
            showNs(p99Ns),
            showRatio(ratio.median),
            `${showRatio(ratio.low)} to ${showRatio(ratio.high)}`,
          ]),
        ),
    table(
      ['latency of', 'p50', 'p90', 'p99', 'p99.9', 'max', 'samples'],
      record.latencies.map((each) => [
        each.label,
        ...[each.p50Ns, each.p90Ns, each.p99Ns, each.p999Ns, each.maxNs].map(showNs),
        `${showCount(each.samples)} of ${each.callsPerSample} calls`,
      ]),
    ),
    table(
      ['check', 'verdict', 'evidence'],
      record.checks.map(({ name, verdict, sentence }) => [name, verdict, sentence]),
    ),
    record.missing.length === 0 ? null : `Could not be collected: ${record.missing.join('; ')}`,
    `Again: \`${record.provenance.commands.join(' && ')}\` at ${record.provenance.gitRevision ?? 'an unknown revision'}, seed ${record.seed}.`,
  ];
  return showControls(`${parts.filter((part) => part !== null && part !== '').join('\n\n')}\n`);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string | null {
  if (rows.length === 0) return null;
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

function cell(text: string): string {
  return showControls(text).replaceAll('\n', ' ').replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
