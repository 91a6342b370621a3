/** One execution of a scenario on a pod that is up: from its run folder to its verdict, phase by phase. */
import { printTopology } from '../config/print-topology.ts';
import { concreteScenario } from './concrete-scenario.ts';
import { keptScenario } from './kept-scenario.ts';
import { tellOfUnended } from './last-on-pod.ts';
import { collect } from './phases/collect.ts';
import { conclude } from './phases/conclude.ts';
import { execute } from './phases/execute.ts';
import type { PastRun } from './phases/past-run.ts';
import { Run, type RunOptions } from './phases/run.ts';
import { tellRun } from './phases/tell-run.ts';
import { requireRunnable } from './require-runnable.ts';
import type { RunRecord } from './run-record.ts';

/** Writes everything but the report. Throws when the run folder cannot be written, or the operator interrupts. */
export async function runScenario(options: RunOptions): Promise<RunRecord> {
  const scenario = concreteScenario(options.loaded.scenario, options.pod.topology.machines);
  requireRunnable(scenario, options.pod.topology);
  tellOfUnended(options.pod.paths, options.say);
  options.folder.write('scenario.yaml', keptScenario(options.loaded));
  options.folder.write('topology.yaml', printTopology(options.pod.topology));
  return finish(new Run(options, scenario, null));
}

/**
 * Goes on with a run where a controller that is gone stood: through the same workload again, in which only what nobody has asked for is asked for, and
 * with the faults that are not over.
 */
export async function continueScenario(options: RunOptions, past: PastRun): Promise<RunRecord> {
  return finish(new Run(options, past.begun.scenario, past));
}

async function finish(run: Run): Promise<RunRecord> {
  const telling = tellRun(run);
  try {
    await execute(run, telling);
    await collect(run);
    return await conclude(run, telling);
  } finally {
    telling.stop();
  }
}
