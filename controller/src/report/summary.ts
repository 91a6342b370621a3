/** `summary.md`: the report for a terminal, a pull request, or a mail. */
import { verdictInWords } from '../runs/expected.ts';
import type { RunRecord } from '../runs/run-record.ts';
import type { Chart } from '../workload/chart.ts';
import { chartsOf, comparisonOf, latencyTableOf } from '../workload/result-of.ts';
import { deathHead, deathRows } from './death-rows.ts';
import { factsOf, warningOf } from './facts.ts';
import { showControls } from './html.ts';
import { keyFigures } from './key-figures.ts';
import { headline } from './render-report.ts';
import { showByUnit, showCount, showNs, showRatio } from './units.ts';

export function renderSummary(record: RunRecord): string {
  const comparison = comparisonOf(record.workload);
  const parts = [
    `# ${verdictInWords(record)}: ${record.scenario.name}`,
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
    latencies(record),
    ...chartsOf(record.workload).map(chart),
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
    table(deathHead, deathRows(record)),
    record.missing.length === 0 ? null : `Could not be collected: ${record.missing.join('; ')}`,
    `Again: \`${[`cd .runs/${record.run}`, ...record.provenance.commands].join(' && ')}\`, with cxlpod at ${record.provenance.gitRevision ?? 'an unknown revision'}, seed ${record.seed}.`,
  ];
  return showControls(`${parts.filter((part) => part !== null && part !== '').join('\n\n')}\n`);
}

/** Published figures stand in columns of their own, named so. */
function latencies({ workload }: RunRecord): string | null {
  const result = latencyTableOf(workload);
  if (result === null) return null;
  const { rows, published, publishedAlone } = result.table;
  const show = (ns: number | null | undefined): string => (ns === null || ns === undefined ? '' : showNs(ns));
  const theirs = (tag: string) => published[tag];
  const head = ['system', 'avg', 'p50', 'p95', 'p99', 'p99.9', 'published avg', 'published p95', 'published p99'];
  const { lowNs, highNs, accesses } = result.modelled;
  const ours = rows.map(({ tag, label, ...row }) => [
    label,
    ...[row.avgNs, row.p50Ns, row.p95Ns, row.p99Ns, row.p999Ns].map(show),
    ...[theirs(tag)?.avgNs, theirs(tag)?.p95Ns, theirs(tag)?.p99Ns].map(show),
  ]);
  const alone = publishedAlone.map((each) => [
    each.system,
    '',
    '',
    '',
    '',
    '',
    ...[each.avgNs, each.p95Ns, each.p99Ns].map(show),
  ]);
  return `${table(head, [...ours, ...alone])}\n\nModelled, not measured: ${showNs(lowNs)} to ${showNs(highNs)} on a CXL device, ${accesses} accesses (docs/rpc-cost.md).`;
}

function chart({ title, x, y, series }: Chart): string {
  const xs = [...new Set(series.flatMap(({ points }) => points.map((point) => point.x)))].sort((a, b) => a - b);
  const cellAt = (at: number) => (each: Chart['series'][number]) => {
    const point = each.points.find((one) => one.x === at);
    return point === undefined ? '' : showByUnit(point.y, y.unit);
  };
  const rows = xs.map((at) => [showByUnit(at, x.unit), ...series.map(cellAt(at))]);
  return `${title} (${y.label}):\n\n${table([x.label, ...series.map(({ label }) => label)], rows)}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string | null {
  if (rows.length === 0) return null;
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

function cell(text: string): string {
  return showControls(text).replaceAll('\n', ' ').replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
