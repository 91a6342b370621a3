/** `cxlpod run`: scenarios one after the other on one pod, a report for each, linked with each other. */
import { campaignOf, entryOf } from '../campaign/campaign-record.ts';
import { writeCampaign } from '../campaign/write-campaign.ts';
import type { CommandContext } from '../cli/command.ts';
import { pickPod } from '../cli/pick-pod.ts';
import { timeLeft } from '../cli/time-left.ts';
import type { Pod } from '../cluster/pod.ts';
import { lockPod } from '../cluster/pod-lock.ts';
import { type LoadedScenario, loadScenarios } from '../config/load-scenario.ts';
import { exitCodes, usageError } from '../errors/cxlpod-error.ts';
import { type AnnotationStyle, annotate, annotationsOf } from '../report/annotations.ts';
import { describeRun } from '../report/describe-run.ts';
import { renderSummary } from '../report/summary.ts';
import { writeReport } from '../report/write-report.ts';
import { PartsClock } from '../steps/parts-clock.ts';
import { readBegunRun } from './begun-run.ts';
import { concreteScenario } from './concrete-scenario.ts';
import { requirePrograms } from './require-programs.ts';
import { requireRunnable } from './require-runnable.ts';
import { resumeRun } from './resume-run.ts';
import { exitCodeOfRun } from './run-error.ts';
import { RunFolder } from './run-folder.ts';
import { type FinishedRun, howLongRun, runOnce } from './run-once.ts';

export interface RunOptions {
  readonly name?: string;
  readonly runs: string;
  readonly up?: boolean;
  readonly resume?: string;
  readonly keep?: boolean;
  readonly json?: boolean;
  readonly seed?: number;
  readonly annotations?: AnnotationStyle;
}

export async function runCommand(names: readonly string[], options: RunOptions, context: CommandContext): Promise<number> {
  const { seed } = options;
  if (names.length === 0) {
    throw usageError('NO_SCENARIO', 'run what?', { hint: 'cxlpod run ping, or cxlpod run --resume .runs/latest' });
  }
  const scenarios = names.flatMap(loadScenarios);
  return runLoaded(seed === undefined ? scenarios : scenarios.map((loaded) => withSeed(loaded, seed)), options, context);
}

/** Ends a run that was begun by a controller which is gone. */
export async function resumeCommand(
  run: string,
  scenarios: readonly string[],
  options: RunOptions,
  context: CommandContext,
): Promise<number> {
  if (scenarios.length > 0 || options.up === true) {
    throw usageError('RESUME_ALONE', '--resume ends a run that was begun, so it takes no scenario and no --up', {
      hint: 'cxlpod run --resume .runs/latest',
    });
  }
  const folder = RunFolder.open(options.runs, run);
  const { pod } = readBegunRun(folder);
  const lock = await lockPod(pod, `run --resume ${folder.name}`);
  try {
    const record = await resumeRun(folder, { signal: context.signal, say: context.say });
    const report = writeReport(folder);
    context.say(describeRun(record));
    context.say(`report: ${report}\n`);
    context.out(options.json === true ? JSON.stringify([record], null, 2) : folder.path);
    return exitCodeOfRun(record);
  } finally {
    await lock.release();
  }
}

export async function runLoaded(
  scenarios: readonly LoadedScenario[],
  options: RunOptions,
  context: CommandContext,
): Promise<number> {
  await requirePrograms(scenarios, context.say);
  const finished =
    options.up === true ? await onNewPod(scenarios, options, context) : await onRunningPod(scenarios, options, context);
  if (options.json === true)
    context.out(
      JSON.stringify(
        finished.map(({ record }) => record),
        null,
        2,
      ),
    );
  else for (const { folder } of finished) context.out(folder.path);
  for (const { record } of finished) {
    annotate(options.annotations, { annotations: annotationsOf(record), summary: renderSummary(record) });
  }
  return worstExitCode(finished.map(({ record }) => exitCodeOfRun(record)));
}

function withSeed(loaded: LoadedScenario, seed: number): LoadedScenario {
  return { ...loaded, scenario: { ...loaded.scenario, seed } };
}

async function onRunningPod(
  scenarios: readonly LoadedScenario[],
  options: RunOptions,
  context: CommandContext,
): Promise<FinishedRun[]> {
  const { openPod, requireProved } = await import('../cluster/open-pod.ts');
  const name = pickPod(options.name);
  const lock = await lockPod(name, `run ${scenarios.map(({ scenario }) => scenario.name).join(' ')}`);
  try {
    await requireProved(name);
    await using pod = await openPod(name, { signal: context.signal });
    return await runAll(pod, scenarios, options, context);
  } finally {
    await lock.release();
  }
}

async function onNewPod(
  scenarios: readonly LoadedScenario[],
  options: RunOptions,
  context: CommandContext,
): Promise<FinishedRun[]> {
  const { loadTopology } = await import('../config/load-topology.ts');
  const { upPod } = await import('../cluster/up.ts');
  const { downPod } = await import('../cluster/down.ts');
  const [wanted = '', ...others] = new Set(scenarios.map(({ scenario }) => scenario.topology));
  if (others.length > 0) {
    throw usageError('TOPOLOGIES_DIFFER', `--up brings up one pod, but the scenarios want ${[wanted, ...others].join(' and ')}`, {
      hint: 'run them one by one, or bring a pod up that suits all, and leave --up out',
    });
  }
  const topology = loadTopology(wanted, { name: options.name });
  for (const { scenario } of scenarios) requireRunnable(concreteScenario(scenario, topology.machines), topology);
  RunFolder.requireWritable(options.runs);
  const { pod } = await upPod({ topology, signal: context.signal, quiet: context.quiet(), say: context.say });
  try {
    await using opened = pod;
    return await runAll(opened, scenarios, options, context);
  } finally {
    if (options.keep !== true) await downPod(topology.name);
  }
}

async function runAll(
  pod: Pod,
  scenarios: readonly LoadedScenario[],
  { runs }: RunOptions,
  context: CommandContext,
): Promise<FinishedRun[]> {
  for (const { scenario } of scenarios) requireRunnable(concreteScenario(scenario, pod.topology.machines), pod.topology);
  const finished: FinishedRun[] = [];
  const clock = new PartsClock(scenarios.map(({ scenario }) => howLongRun(pod.topology, scenario)));
  for (const [done, loaded] of scenarios.entries()) {
    const left = timeLeft(clock.leftMs(performance.now()));
    if (scenarios.length > 1) context.say(`${done + 1} of ${scenarios.length}${left === '' ? '' : ` (${left})`}`);
    clock.start(done, performance.now());
    finished.push(await runOnce(pod, loaded, { runs, signal: context.signal, say: context.say }));
    clock.finish(done, performance.now());
  }
  if (finished.length < 2) return finished;
  writeIndex(runs, finished, context);
  return finished.map((run) => linked(run, finished));
}

/** One page for all of them, beside their folders. */
function writeIndex(runs: string, finished: readonly FinishedRun[], context: CommandContext): void {
  const startedAt = new Date(finished[0]!.record.startedAt);
  const folder = RunFolder.create(runs, 'index', new Date(), { isLatest: false });
  const entries = finished.map(({ folder: each, record }) => entryOf(record, `../${each.name}`));
  const record = campaignOf(`${entries.length} scenarios`, startedAt, Date.now() - startedAt.getTime(), entries);
  context.say(`index: ${writeCampaign(folder, record)}`);
}

/** Each report leads to the others of the same command. */
function linked({ folder, record }: FinishedRun, all: readonly FinishedRun[]): FinishedRun {
  const siblings = all.map(({ record: each }) => ({ run: each.run, scenario: each.scenario.name, verdict: each.verdict }));
  const withSiblings = { ...record, siblings };
  folder.writeJson('run.json', withSiblings);
  writeReport(folder);
  return { folder, record: withSiblings };
}

/** A wrong system first, then a failure around it, then ignorance. */
function worstExitCode(codes: readonly number[]): number {
  const order: readonly number[] = [exitCodes.invalid, exitCodes.environment, exitCodes.unknown];
  return order.find((code) => codes.includes(code)) ?? exitCodes.valid;
}
