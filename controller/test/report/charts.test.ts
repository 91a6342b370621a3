import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parseYaml } from '../../src/config/parse-yaml.ts';
import { scenarioSchema } from '../../src/config/scenario.ts';
import { spreadOut } from '../../src/report/chart-section.ts';
import { renderSummary } from '../../src/report/summary.ts';
import { showByUnit } from '../../src/report/units.ts';
import { writeReport } from '../../src/report/write-report.ts';
import type { Evidence } from '../../src/runs/evidence.ts';
import { type Chart, pointOf } from '../../src/workload/chart.ts';
import { compare } from '../../src/workload/compare.ts';
import type { LatencyTableResult } from '../../src/workload/latency-table.ts';
import { rowOf } from '../../src/workload/latency-table.ts';
import { modelledCall } from '../../src/workload/modelled.ts';
import { publishedLatencies } from '../../src/workload/published.ts';
import { pingEvidence } from '../checks/evidence-of-a-good-run.ts';
import { environment, hostile, writeRun } from './run-for-report.ts';

const scenario = (name: string) =>
  parseYaml(scenarioSchema, { text: `name: x\nworkload: { name: ${name} }\n`, fileName: 'x.yaml', kind: 'scenario' });

function evidenceOf(name: string, result: unknown): Evidence {
  return { ...pingEvidence(), scenario: scenario(name), workload: { name, result } };
}

const chart: Chart = {
  id: 'sizes',
  title: `Time by size ${hostile}`,
  lead: `As measured ${hostile}`,
  x: { label: 'request', unit: 'bytes', scale: 'log' },
  y: { label: 'time of a call', unit: 'ns', scale: 'log' },
  series: [
    {
      tag: 'reference',
      label: 'reference only',
      points: [pointOf(64, [100, 300, 200]), pointOf(1024, [210]), pointOf(16384, [205])],
    },
    { tag: 'touch', label: 'every line touched', points: [pointOf(64, [220]), pointOf(1024, [900]), pointOf(16384, [9000])] },
    { tag: 'published', label: 'published', published: true, points: [pointOf(64, [1470])] },
    { tag: 'empty', label: 'nothing', points: [] },
  ],
};

const swept = { charts: [chart], checked: { what: 'answers', count: 5 }, figures: [], clockReadNs: [] };

const page = (evidence: Evidence, changes = {}): string => readFileSync(writeReport(writeRun(evidence, changes).folder), 'utf8');
const chartOf = (text: string): string => /<svg[^>]*data-chart="sizes"[\s\S]*?<\/svg>/.exec(text)![0];
/** Of a line: [x, y] in pixels. */
const pointsOf = (svg: string, tag: string): number[][] =>
  new RegExp(`data-series="${tag}">[\\s\\S]*?<polyline points="([^"]+)"`)
    .exec(svg)![1]!
    .split(' ')
    .map((pair) => pair.split(',').map(Number));

describe('a chart', () => {
  const text = page(evidenceOf('size-sweep', swept));
  const svg = chartOf(text);

  test('has a line for each series that has points, at the places of its values', () => {
    const [reference, touch] = [pointsOf(svg, 'reference'), pointsOf(svg, 'touch')];
    expect([reference.length, touch.length]).toEqual([3, 3]);
    expect(svg).not.toContain('data-series="empty"');
    // Logarithmic: 64 to 1,024 is as far as 1,024 to 16,384.
    const [first, second, third] = reference.map(([x]) => x!);
    expect(second! - first!).toBeCloseTo(third! - second!, 0);
    // Larger is higher up, where y is smaller.
    expect(touch.map(([, y]) => y!)).toEqual([...touch.map(([, y]) => y!)].sort((a, b) => b - a));
    expect(reference[0]![1]).toBeGreaterThan(touch[1]![1]!);
  });

  test('shows the spread over rounds, ticks at the values, and both labels', () => {
    expect(svg).toContain('>64 B</text>');
    expect(svg).toContain('>16 KiB</text>');
    expect(svg).toContain('request (logarithmic)');
    const bar = /data-series="reference">\s*<line x1="([\d.]+)" x2="\1" y1="([\d.]+)" y2="([\d.]+)"/.exec(svg)!;
    expect(Number(bar[2])).toBeGreaterThan(Number(bar[3]));
    expect(text).toMatch(/200 ns<span class="dim"> \(100 ns – 300 ns\)<\/span>/);
  });

  test('draws what was published apart', () => {
    expect(svg).toMatch(/data-series="published">[\s\S]*?stroke-dasharray="5 4"/);
    expect(svg).toMatch(/data-series="touch">[\s\S]*?stroke-dasharray="none"/);
  });

  test('says provider, accelerator and whose times they are, and escapes what it is told', () => {
    const section = text.slice(text.indexOf('<section id="charts">'));
    expect(section).toContain('Provider qemu, accelerator TCG (emulated).');
    expect(section).toContain('TCG times are the emulator’s, not CXL’s');
    expect(
      page(evidenceOf('size-sweep', swept), { environment: { ...environment, provider: 'local', accelerator: 'none' } }),
    ).toContain('Provider local, accelerator none: processes.');
    expect(text).not.toMatch(/<script|<img/i);
    expect(text).toContain('&lt;img src=');
  });

  test('of nothing is no section', () => {
    expect(page(evidenceOf('size-sweep', { ...swept, charts: [{ ...chart, series: [chart.series[3]!] }] }))).not.toContain(
      'id="charts"',
    );
  });

  test('can show what did not happen at all, on either scale', () => {
    for (const scale of ['log', 'linear'] as const) {
      const flat = {
        ...chart,
        y: { ...chart.y, scale },
        series: [{ tag: 'a', label: 'a', points: [pointOf(1, [0]), pointOf(2, [0])] }],
      };
      expect(chartOf(page(evidenceOf('size-sweep', { ...swept, charts: [flat] })))).not.toMatch(/NaN|Infinity/);
    }
  });

  test('is a table in summary.md', () => {
    const text = renderSummary(writeRun(evidenceOf('size-sweep', swept)).record);
    expect(text).toContain('| request | reference only | every line touched | published | nothing |');
    expect(text).toContain('| 16 KiB | 205 ns | 9 µs |  |  |');
  });
});

test('labels that would overlap are moved apart and stay inside', () => {
  const placed = spreadOut([{ at: 90 }, { at: 91 }, { at: 95 }, { at: 10 }], 15, 100).map(({ at }) => at);
  expect(placed).toEqual([10, 70, 85, 100]);
});

test.each([
  [64, 'bytes', '64 B'],
  [9_664, 'bytes', '9.44 KiB'],
  [1_000, 'ns', '1 µs'],
  [1_234_567, 'perSecond', '1.23 M/s'],
  [100_000, 'perSecond', '100 k/s'],
  [2.06, 'ratio', '2.06×'],
  [16, 'count', '16'],
  [4.5, 'percent', '4.50 %'],
] as const)('%f in %s is shown as %s', (value, unit, shown) => {
  expect(showByUnit(value, unit)).toBe(shown);
});

describe('the latency table', () => {
  const round = (ns: number) => ({
    unit: 'ns' as const,
    callsPerSample: 100,
    counts: [
      [ns, 9],
      [10 * ns, 1],
    ] as const,
  });
  const systems = [
    { tag: 'floor', label: 'floor in C', sentence: 'The floor.' },
    { tag: 'rpc-core', label: 'RPC, core to core', sentence: 'The RPC.' },
    { tag: 'grpc', label: 'gRPC', sentence: 'The other.' },
  ];
  const measured = [100, 200, 90_000].map((ns) => Array.from({ length: 5 }, () => round(ns)));
  const result: LatencyTableResult = {
    comparison: compare(systems, measured),
    table: {
      rows: systems.map((system, index) => rowOf(system, measured[index]!)),
      published: { 'rpc-core': publishedLatencies.hydraRpc, grpc: publishedLatencies.grpc },
      publishedAlone: [publishedLatencies.mrpc],
    },
    modelled: modelledCall,
    served: 10,
    ...swept,
    charts: [],
  };
  const run = writeRun(evidenceOf('latency-table', result));
  const text = readFileSync(writeReport(run.folder), 'utf8');
  const section = /<section id="latency-table">[\s\S]*?<\/section>/.exec(text)![0];

  test('has the mean and the quantiles of what was measured', () => {
    expect(result.table.rows[1]).toMatchObject({ avgNs: 380, p50Ns: 200, samples: 50, callsPerSample: 100 });
    expect(result.table.rows[1]!.p99Ns).toBeGreaterThanOrEqual(1990);
    expect(section).toMatch(/data-row="rpc-core">[\s\S]*?<td class="n">380 ns<\/td>/);
  });

  test('keeps what was published in columns and rows of their own', () => {
    const row = /<tr data-row="rpc-core">[\s\S]*?<\/tr>/.exec(section)![0];
    const cells = [...row.matchAll(/<td class="([^"]*)"[^>]*>([^<]*)<\/td>/g)].map(([, name, value]) => [
      name!.includes('published'),
      value,
    ]);
    expect(cells.filter(([published]) => published)).toEqual([
      [true, '1.47 µs'],
      [true, '1.73 µs'],
      [true, '2.00 µs'],
    ]);
    expect(cells.filter(([published, value]) => !published && value === '1.47 µs')).toEqual([]);
    const alone = /<tr class="alone"><td>mRPC over RDMA[\s\S]*?<\/tr>/.exec(section)![0];
    expect(alone.match(/<td class="n dim">–<\/td>/g)).toHaveLength(6);
  });

  test('says of the modelled figure that it is modelled, and the first screen says that there is one', () => {
    expect(section).toContain('Modelled, not measured');
    expect(section).toMatch(/<b>500 ns to 3\.00 µs<\/b>/);
    const first = text.slice(0, text.indexOf('<section'));
    expect(first).toContain('One figure is modelled and one column published');
    expect(first).not.toContain('Nothing on this page is modelled');
    expect(renderSummary(run.record)).toContain('Modelled, not measured: 500 ns to 3.00 µs');
  });

  test('models as many accesses as the simulator counts', () => {
    const document = readFileSync(fileURLToPath(new URL('../../../docs/rpc-cost.md', import.meta.url)), 'utf8');
    const [, counted] = /\| 64 bytes, one call at a time \| ([\d.]+) \(/.exec(document)!;
    expect(modelledCall.accesses).toBe(Number(counted));
  });
});

test('open-loop figures are not called service time', () => {
  const first = (name: string): string => page(evidenceOf(name, swept)).split('<section')[0]!;
  expect(first('cpu-rate')).toContain('measured, from the intended start');
  expect(first('window-sweep')).toContain('measured, service time');
});
