/** Figures as the table of a terminal, or of docs/measuring.md. */
import { table } from '../cli/table.ts';
import { digits } from '../report/units.ts';
import type { BenchFigure } from './bench-item.ts';

const head = ['figure', 'measured', 'bar', 'holds', 'how'] as const;

export function printBench(figures: readonly BenchFigure[]): string {
  return table([head, ...figures.map(cells)]);
}

export function printBenchMarkdown(figures: readonly BenchFigure[]): string {
  const line = (row: readonly string[]): string => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), '|---|---|---|---|---|', ...figures.map((figure) => line(cells(figure)))].join('\n');
}

function cells({ name, value, unit, bar, barIs, holds, spread, provider, accelerator }: BenchFigure): string[] {
  const measured = value === null ? 'not measured' : `${digits(value)} ${unit}`;
  const where = provider === 'local' ? 'local' : `${provider}, ${accelerator}`;
  return [
    name,
    measured,
    bar === null ? '' : `${barIs === 'at least' ? '>=' : '<='} ${bar} ${unit}`,
    holds === null ? '' : holds ? 'yes' : 'NO',
    `${spread} (${where})`,
  ];
}
