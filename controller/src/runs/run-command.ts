/** `cxlpod run`: scenarios one after the other on one pod, a report for each, linked with each other. */
import type { CommandContext } from '../cli/command.ts';
import { pickPod } from '../cli/pick-pod.ts';
import type { Pod } from '../cluster/pod.ts';
import { lockPod } from '../cluster/pod-lock.ts';
import { type LoadedScenario, loadScenario } from '../config/load-scenario.ts';
import { exitCodes, usageError } from '../errors/cxlpod-error.ts';
import { describeRun } from '../report/describe-run.ts';
import { writeReport } from '../report/write-report.ts';
import { concreteScenario } from './concrete-scenario.ts';
import { requireRunnable } from './require-runnable.ts';
import { exitCodeOfRun } from './run-error.ts';
import { RunFolder } from './run-folder.ts';
import type { RunRecord } from './run-record.ts';
import { runScenario } from './run-scenario.ts';

interface Options {
  readonly name?: string;
  readonly runs: string;
  readonly up?: boolean;
  readonly keep?: boolean;
  readonly json?: boolean;
}

interface FinishedRun {
  readonly folder: RunFolder;
  readonly record: RunRecord;
}

export async function runCommand(names: readonly string[], options: Options, context: CommandContext): Promise<number> {
  const scenarios = names.map(loadScenario);
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
  return worstExitCode(finished.map(({ record }) => exitCodeOfRun(record)));
}

async function onRunningPod(
  scenarios: readonly LoadedScenario[],
  options: Options,
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

async function onNewPod(scenarios: readonly LoadedScenario[], options: Options, context: CommandContext): Promise<FinishedRun[]> {
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
  { runs }: Options,
  context: CommandContext,
): Promise<FinishedRun[]> {
  for (const { scenario } of scenarios) requireRunnable(concreteScenario(scenario, pod.topology.machines), pod.topology);
  const finished: FinishedRun[] = [];
  for (const loaded of scenarios) {
    const folder = RunFolder.create(runs, loaded.scenario.name, new Date());
    context.say(`run ${loaded.scenario.name} on ${pod.name}: ${folder.path}`);
    const record = await runScenario({ pod, loaded, folder, signal: context.signal, say: context.say });
    const report = writeReport(folder);
    finished.push({ folder, record });
    context.say(describeRun(record));
    context.say(`report: ${report}\n`);
  }
  return finished.length > 1 ? finished.map((run) => linked(run, finished)) : finished;
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
