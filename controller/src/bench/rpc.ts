/** What HydraRPC costs beside what else there is, between plain processes: window, layouts, sockets, memory. Runs like any other, with reports. */
import { constants } from '@cxlpod/agent/layout';
import type { Pod } from '../cluster/pod.ts';
import { loadScenario } from '../config/load-scenario.ts';
import { showNs, showRatio } from '../report/units.ts';
import { writeReport } from '../report/write-report.ts';
import { RunFolder } from '../runs/run-folder.ts';
import { runScenario } from '../runs/run-scenario.ts';
import { medianOf } from '../workload/compare.ts';
import type { LatencyTableResult } from '../workload/latency-table.ts';
import { modelledCall, modelledReceiver } from '../workload/modelled.ts';
import type { VariantsResult } from '../workload/variants.ts';
import type { WindowSweepResult } from '../workload/window-sweep.ts';
import { type BenchContext, type BenchFigure, type BenchItem, figure } from './bench-item.ts';
import { onPod } from './on-pod.ts';
import { requireValid } from './ping.ts';

const where = { provider: 'local', accelerator: '' };

export const calls: BenchItem = {
  names: ['calls'],
  group: 'rpc',
  sentence: 'calls with a window, in both layouts, beside sockets and gRPC (provider local)',
  onlyWhenNamed: false,
  measure: (context) =>
    onPod('local', context, async (pod) => [
      accesses(),
      fastMode(),
      memory(),
      windowFigure((await run('window-sweep', pod, context)) as WindowSweepResult),
      layoutsFigure((await run('layouts', pod, context)) as VariantsResult),
      ...socketFigures((await run('latency-table', pod, context)) as LatencyTableResult),
    ]),
};

async function run(scenario: string, pod: Pod, context: BenchContext): Promise<unknown> {
  context.say(`bench calls: ${scenario}`);
  const folder = RunFolder.create(context.runs, `bench-${scenario}`, new Date());
  const { signal, say } = context;
  const record = await runScenario({ pod, loaded: loadScenario(scenario), folder, signal, say });
  writeReport(folder);
  requireValid(record, folder.join('summary.md'));
  return record.workload!.result;
}

/** The paper's ratio. */
const windowBar = 2.06;

/** Both at their best: the best round with 16 calls in flight over the best round with one. */
export function windowFigure({ perSecond, again }: Pick<WindowSweepResult, 'perSecond' | 'again'>): BenchFigure {
  const bestOf = (depth: number): number => Math.max(...perSecond.find((each) => each.depth === depth)!.rounds);
  const [one, many] = [perSecond[0]!, perSecond.find(({ depth }) => depth === 16)!];
  const inRounds = medianOf(many.rounds.map((rate, round) => rate / one.rounds[round]!));
  const noise = `A/A ${showRatio(again.low)} to ${showRatio(again.high)}`;
  return figure({
    name: '64 B calls, 16 in flight over one at a time, both at their best',
    value: bestOf(16) / bestOf(one.depth),
    unit: '×',
    bar: windowBar,
    barIs: 'at least',
    spread: `best of ${one.rounds.length} rounds: ${millions(bestOf(16))} over ${millions(bestOf(one.depth))}; inside rounds ${showRatio(inRounds)}, ${noise}`,
    ...where,
  });
}

function millions(perSecond: number): string {
  return `${(perSecond / 1e6).toFixed(2)} million/s`;
}

const layoutBar = 1.15;

/** The bar is widened by what the same layout differs from itself by in a round, in the middle. */
export function layoutsFigure({ comparison }: Pick<VariantsResult, 'comparison'>): BenchFigure {
  const [faithful, hardened, again] = comparison.entries;
  const deviations = again!.perRoundP50Ns.map((ns, round) => Math.abs(ns / faithful!.perRoundP50Ns[round]! - 1));
  const noise = Math.round(medianOf(deviations) * 100) / 100;
  const { median, low, high } = hardened!.ratio;
  return figure({
    name: '64 B call, hardened layout over the faithful one',
    value: median,
    unit: '×',
    bar: Math.round((layoutBar + noise) * 100) / 100,
    spread: `${comparison.rounds} rounds, ${showRatio(low)} to ${showRatio(high)}; p50 ${showNs(hardened!.p50Ns)} over ${showNs(faithful!.p50Ns)}; bar ${layoutBar} plus the A/A spread, ${noise}`,
    ...where,
  });
}

/** Reported, and nothing asked of them: an emulated network card would flatter us, and a kernel's socket is no memory. */
function socketFigures({ comparison }: LatencyTableResult): BenchFigure[] {
  const names = { unix: '64 B echo over a unix socket', tcp: '64 B echo over TCP', grpc: '64 B echo over gRPC' } as const;
  return Object.entries(names).flatMap(([tag, name]) => {
    const entry = comparison.entries.find((each) => each.tag === tag);
    const ours = comparison.entries.find((each) => each.tag === 'rpc-core');
    if (entry === undefined || ours === undefined) return [];
    const ratios = entry.perRoundP50Ns.map((ns, round) => ns / ours.perRoundP50Ns[round]!);
    return [
      figure({
        name: `${name}, over a call core to core`,
        value: medianOf(ratios),
        unit: '×',
        spread: `${comparison.rounds} rounds, ${showRatio(Math.min(...ratios))} to ${showRatio(Math.max(...ratios))}; p50 ${showNs(entry.p50Ns)} over ${showNs(ours.p50Ns)}`,
        ...where,
      }),
    ];
  });
}

const memoryBarKib = 40;

function memory(): BenchFigure {
  const { CONNECTION_BYTES: bytes, DEFAULT_WINDOW_LOG2: windowLog2, DEFAULT_PAYLOAD_BYTES: payloadBytes } = constants;
  return figure({
    name: 'pool of an idle connection',
    value: bytes / 1024,
    unit: 'KiB',
    bar: memoryBarKib,
    spread: `${bytes} bytes: window ${2 ** windowLog2}, buffers of ${payloadBytes} bytes for both directions`,
    ...where,
  });
}

function accesses(): BenchFigure {
  return figure({
    name: 'device accesses that a 64 B call waits for',
    value: modelledCall.accesses,
    unit: 'accesses',
    bar: 4,
    spread: 'counted by the simulator on a coherent device, caller and server on two machines: docs/rpc-cost.md',
    ...where,
  });
}

const fastModeBar = 10;

/** The lower end decides: that what is fetched ahead has come when it is needed is the better case. In the widest window, whose ring has lines to fetch. */
function fastMode(): BenchFigure {
  const wide = modelledReceiver(64);
  const { factor: usual } = modelledReceiver(2 ** constants.DEFAULT_WINDOW_LOG2);
  return figure({
    name: 'throughput of references, fast mode over looks past the cache, window 64, modelled',
    value: wide.factor.low,
    unit: '×',
    bar: fastModeBar,
    barIs: 'at least',
    spread: `${wide.factor.low.toFixed(1)} to ${wide.factor.high}, or ${wide.factor.ignored} where processors ignore prefetches; window 16: ${usual.low} to ${usual.high}; software not counted; published ${wide.publishedFactor} (Oasis): docs/rpc-cost.md`,
    ...where,
  });
}
