/** A 64-byte call over the floor: on machines, and between plain processes. Both are runs like any other, with a report. */
import { loadScenario } from '../config/load-scenario.ts';
import { environmentError } from '../errors/cxlpod-error.ts';
import { showNs, showRatio } from '../report/units.ts';
import { writeReport } from '../report/write-report.ts';
import { RunFolder } from '../runs/run-folder.ts';
import type { RunRecord } from '../runs/run-record.ts';
import { runScenario } from '../runs/run-scenario.ts';
import type { Comparison, ComparisonEntry } from '../workload/compare.ts';
import { comparisonOf } from '../workload/result-of.ts';
import { type BenchContext, type BenchFigure, type BenchItem, figure } from './bench-item.ts';
import { onPod } from './on-pod.ts';

export const pingOnMachines: BenchItem = {
  names: ['ping'],
  group: 'rpc',
  sentence: 'a 64-byte call between two machines, over the floor in C',
  onlyWhenNamed: false,
  measure: (context) => measureOn('two', 'across two machines', { core: 1.5 }, context),
};

export const pingLocal: BenchItem = {
  names: ['local'],
  group: 'rpc',
  sentence: 'the same between two processes of this host (provider local)',
  onlyWhenNamed: false,
  measure: (context) => measureOn('local', 'local', { core: 1.3, javascript: 2.5 }, context),
};

/** Over the floor, at most; without one a figure is reported only. */
interface Bars {
  readonly core: number;
  readonly javascript?: number;
}

function measureOn(topology: string, where: string, bars: Bars, context: BenchContext): Promise<BenchFigure[]> {
  return onPod(topology, context, async (pod) => {
    context.say(`bench ping: ${where}`);
    const loaded = loadScenario('ping-long');
    const folder = RunFolder.create(context.runs, `bench-ping-${topology}`, new Date());
    const record = await runScenario({ pod, loaded, folder, signal: context.signal, say: context.say });
    writeReport(folder);
    requireValid(record, folder.join('summary.md'));
    const comparison = comparisonOf(record.workload);
    if (comparison === null) {
      throw environmentError('BENCH_FAILED', `the run ${folder.name} compared nothing`, {
        hint: `read ${folder.join('summary.md')}`,
      });
    }
    return figuresOf(comparison, where, bars, pod.environment);
  });
}

/** Figures of a run that was not shown to be right are no figures. */
export function requireValid({ run, verdict, checks, error }: Judged, summary: string): void {
  if (verdict === 'valid') return;
  const why = error?.message ?? checks.find((check) => check.verdict !== 'valid')?.sentence;
  throw environmentError('BENCH_FAILED', `the run ${run} is ${verdict}`, {
    ...(why === undefined ? {} : { cause: new Error(why) }),
    hint: `read ${summary}`,
  });
}

type Judged = Pick<RunRecord, 'run' | 'verdict' | 'checks' | 'error'>;

function figuresOf(
  comparison: Comparison,
  where: string,
  bars: Bars,
  { provider, accelerator }: { readonly provider: string; readonly accelerator: string },
): BenchFigure[] {
  const again = comparison.entries.find((entry) => entry.again);
  const noise = again === undefined ? '' : `, A/A ${showRatio(again.ratio.low)} to ${showRatio(again.ratio.high)}`;
  const ratio = (tag: string, name: string, limit?: number): BenchFigure[] => {
    const entry = comparison.entries.find((each) => each.tag === tag);
    if (entry === undefined) return [];
    const spread = `${comparison.rounds} rounds, ${showRatio(entry.ratio.low)} to ${showRatio(entry.ratio.high)}${noise}; p50 ${showNs(entry.p50Ns)}`;
    const common = { unit: '× floor', baseline: floorOf(comparison.entries), spread, provider, accelerator };
    return [
      figure({ name: `${name}, ${where}`, value: entry.ratio.median, ...common, ...(limit === undefined ? {} : { bar: limit }) }),
    ];
  };
  return [
    ...ratio('rpc-core', '64 B call, core to core', bars.core),
    ...ratio('rpc-javascript', '64 B call, JavaScript to JavaScript', bars.javascript),
    ...ratio('word-ping-pong', 'one word back and forth'),
    ...ratio('tcp', '64 B echo over TCP'),
  ];
}

function floorOf(entries: readonly ComparisonEntry[]): string {
  const floor = entries[0]!;
  return `${floor.label}, p50 ${showNs(floor.p50Ns)}`;
}
