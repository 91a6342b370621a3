/** From the evidence of a run to its verdict and `run.json`, whichever controller collected it. */
import { judge } from '../checks/judge.ts';
import { readPodState } from '../cluster/pod-state.ts';
import type { Environment, PodPaths } from '../provider/provider.ts';
import { alignClocks } from '../traces/align-clocks.ts';
import { alignTimeline } from '../traces/align-timeline.ts';
import { toChromeTrace } from '../traces/chrome-trace.ts';
import type { Timeline } from '../traces/timeline.ts';
import { workloads } from '../workload/index.ts';
import type { Evidence } from './evidence.ts';
import { overSubscriptionOf, provenanceOf } from './provenance.ts';
import type { RunFolder } from './run-folder.ts';
import { type ControllerGone, type RunRecord, runRecordFormat } from './run-record.ts';
import { savePool } from './save-pool.ts';
import { worst } from './verdict.ts';

export interface RunParts extends Pick<RunRecord, 'topology' | 'environment' | 'error' | 'latencies' | 'deaths'> {
  readonly folder: RunFolder;
  readonly pod: string;
  readonly paths: PodPaths;
  readonly environment: Environment;
  readonly scenarioFile: string;
  readonly loadBefore: number;
  readonly startedAt: Date;
  readonly timeline: Timeline;
  readonly evidence: Evidence;
  readonly restarts: Omit<RunRecord['restarts'], 'machines'>;
  /** What could not be collected; the image of the pool may be added. */
  readonly missing: string[];
  readonly controllerGone?: ControllerGone;
}

export async function writeRunRecord(parts: RunParts): Promise<RunRecord> {
  const { folder, pod, paths, topology, environment, timeline, evidence, error, missing } = parts;
  const alignment = alignClocks({ reference: topology.machines[0]!, ...timeline });
  const trace = toChromeTrace(alignTimeline(timeline, topology.machines, alignment), {
    run: folder.name,
    clock: `of ${topology.machines[0]}`,
  });
  folder.write('trace.json', JSON.stringify(trace));
  const checks = judge(evidence);
  const ofError = error === null ? [] : [error.violation ? ('invalid' as const) : ('unknown' as const)];
  const verdict = worst([...checks.map((check) => check.verdict), ...ofError]);
  if (verdict !== 'valid') {
    await savePool(paths.poolFile, folder).catch((failure: unknown) => {
      missing.push(`the image of the pool: ${failure instanceof Error ? failure.message : String(failure)}`);
    });
  }
  const state = await readPodState(paths);
  const { scenario, workload, faults, exits, recoveries, leftovers } = evidence;
  const record: RunRecord = {
    format: runRecordFormat,
    run: folder.name,
    verdict,
    checks,
    error,
    scenario,
    sentences: {
      workload: workloads[scenario.workload.name].sentence,
      faults: faults.map(({ sentence }) => sentence),
    },
    pod,
    topology,
    environment,
    overSubscription: overSubscriptionOf(environment, topology.machines.length, parts.loadBefore),
    provenance: await provenanceOf(pod, parts.scenarioFile, folder.path),
    startedAt: parts.startedAt.toISOString(),
    tookMs: Date.now() - parts.startedAt.getTime(),
    seed: scenario.seed,
    restarts: { machines: Object.values(state?.bootRestarts ?? {}).reduce((sum, times) => sum + times, 0), ...parts.restarts },
    gate: state?.gate ?? null,
    clocks: alignment.clocks,
    latencies: parts.latencies,
    workload,
    faults,
    exits,
    recoveries,
    deaths: parts.deaths,
    leftovers,
    missing,
    ...(parts.controllerGone === undefined ? {} : { controllerGone: parts.controllerGone }),
    siblings: [],
  };
  folder.writeJson('run.json', record);
  return record;
}
