/**
 * Crash tests on machines: how long each takes from its start to its verdict, how soon the clients of a machine that died are recovered,
 * and how soon it is back. The scenarios are those of `crash`, without the twins for provider local.
 */
import { PodShelf } from '../campaign/pod-shelf.ts';
import { timeLeft } from '../cli/time-left.ts';
import { type LoadedScenario, loadScenarios } from '../config/load-scenario.ts';
import { loadTopology } from '../config/load-topology.ts';
import { createFaults } from '../faults/index.ts';
import { isAsExpected } from '../runs/expected.ts';
import { RunFolder } from '../runs/run-folder.ts';
import { howLongRun, runOnce } from '../runs/run-once.ts';
import type { RunRecord } from '../runs/run-record.ts';
import { PartsClock } from '../steps/parts-clock.ts';
import { medianOf, spreadOf } from '../workload/compare.ts';
import { type BenchContext, type BenchFigure, type BenchItem, figure } from './bench-item.ts';

const topology = 'three';
const verdictBarS = 15;
const recoveredBarS = 3;
const backBarS = 20;
const powerOffs = 5;
/** Their machines end, and boot again. */
const ending = ['powerOff', 'killContainer'];

export const crash: BenchItem = {
  names: ['crash'],
  sentence: 'every crash test on a pod of three machines, from its start to its verdict',
  onlyWhenNamed: true,
  measure: async (context) => {
    const scenarios = loadScenarios('crash').filter(
      ({ scenario }) => !scenario.name.endsWith('-local') && suits(scenario.topology),
    );
    const records = await runAll(scenarios, context);
    const seconds = records.map(({ tookMs }) => tookMs / 1000);
    return [of(records, 'crash test on a pod of three, start to verdict', seconds, verdictBarS)];
  },
};

export const recovery: BenchItem = {
  names: ['recovery'],
  sentence: 'a machine of three is powered off under load, recovered, and boots again',
  onlyWhenNamed: true,
  measure: async (context) => {
    const [scenario] = loadScenarios('power-off');
    const records = await runAll(
      Array.from({ length: powerOffs }, () => scenario!),
      context,
    );
    return [
      of(records, 'powered-off machine, end seen to recovered', records.flatMap(recoveredAfterS), recoveredBarS),
      of(records, 'powered-off machine, power on to its workers at work again', records.flatMap(backAfterS), backBarS),
    ];
  },
};

/** Who joins later finds a pod without it. */
function suits(name: string): boolean {
  return loadTopology(name).joinLater.length === 0;
}

async function runAll(scenarios: readonly LoadedScenario[], context: BenchContext): Promise<RunRecord[]> {
  await using shelf = new PodShelf(context);
  const folder = RunFolder.create(context.runs, 'bench-crash', new Date(), { isLatest: false });
  const records: RunRecord[] = [];
  const place = loadTopology(topology);
  const clock = new PartsClock(scenarios.map(({ scenario }) => howLongRun(place, scenario)));
  for (const [index, loaded] of scenarios.entries()) {
    const left = timeLeft(clock.leftMs(performance.now()));
    const which = `${loaded.scenario.name}, ${index + 1} of ${scenarios.length}`;
    context.say(`bench crash: ${which}${left === '' ? '' : ` (${left})`}`);
    const pod = await shelf.take(topology);
    clock.start(index, performance.now());
    const { record } = await runOnce(pod, loaded, { runs: folder.join('runs'), signal: context.signal, say: () => {} });
    await shelf.putBack(topology, record);
    clock.finish(index, performance.now());
    records.push(record);
  }
  return records;
}

/** From the end of a machine, as its fault saw it, to the last of its clients that was recovered. */
export function recoveredAfterS({ faults, recoveries }: Pick<RunRecord, 'faults' | 'recoveries'>): number[] {
  return faults.flatMap(({ kind, struckAt }) => {
    const recovered = recoveries.flatMap(({ recoveredAt }) => (recoveredAt === null ? [] : [recoveredAt.ns]));
    if (!ending.includes(kind) || struckAt === null || recovered.length === 0) return [];
    return [(Math.max(...recovered) - struckAt.ns) / 1e9];
  });
}

/** Without the time that it was left off on purpose. */
export function backAfterS({ faults, scenario }: Pick<RunRecord, 'faults' | 'scenario'>): number[] {
  const offMs = createFaults(scenario).map(({ healAfterMs }) => healAfterMs ?? 0);
  return faults.flatMap(({ kind, struckAt, healedAt }, index) => {
    if (!ending.includes(kind) || struckAt === null || healedAt === null) return [];
    return [(healedAt.ns - struckAt.ns) / 1e9 - offMs[index]! / 1000];
  });
}

/** A run that is not as its scenario expects makes the figure one that does not hold. */
function of(records: readonly RunRecord[], name: string, seconds: readonly number[], bar: number): BenchFigure {
  const others = records.filter((record) => isAsExpected(record) !== 'valid').map(({ run, verdict }) => `${run} is ${verdict}`);
  const isMeasured = seconds.length > 0;
  const { low, high } = isMeasured ? spreadOf(seconds) : { low: 0, high: 0 };
  const verdicts = others.length === 0 ? 'all with the verdict that they expect' : others.join(', ');
  const { provider, accelerator } = records[0]!.environment;
  const measured = figure({
    ...{ name, value: isMeasured ? medianOf(seconds) : null, unit: 's', bar, provider, accelerator },
    spread: `median of ${seconds.length}, ${low.toFixed(1)} to ${high.toFixed(1)}; ${records.length} runs, ${verdicts}`,
  });
  return others.length === 0 ? measured : { ...measured, holds: false };
}
