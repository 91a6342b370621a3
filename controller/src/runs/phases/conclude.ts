/** The last phase: the verdict, and `run.json`. */
import { writeRunRecord } from '../conclude-run.ts';
import { harmSpans, recoverySpans } from '../lifelines.ts';
import type { RunRecord } from '../run-record.ts';
import type { Run } from './run.ts';
import { type Telling, topologyOf } from './tell-run.ts';

export async function conclude(run: Run, telling: Telling): Promise<RunRecord> {
  const { timeline, strikes, recoveries, evidence, loadBefore, startedAt, error, missing, past } = run;
  const { pod, loaded, folder } = run.options;
  const { topology, environment } = pod;
  timeline.spans.push(
    ...harmSpans(strikes.outcomes, topology.machines, run.endedAt ?? timeline.now()),
    ...recoverySpans(recoveries),
  );
  const record = await writeRunRecord({
    ...{ folder, pod: pod.name, paths: pod.paths, scenarioFile: loaded.fileName, environment, topology: topologyOf(pod) },
    ...{ loadBefore, startedAt, timeline, evidence, error, missing, latencies: run.latencies.series() },
    deaths: run.stalls?.deaths(recoveries) ?? [],
    restarts: {
      workers: run.crew.restarts,
      channels: pod.machines.reduce((sum, { agent }) => sum + agent.reattachCount, 0),
      stubbornWorkers: run.stubborn,
    },
    ...(past === null ? {} : { controllerGone: past.gone.at(-1)! }),
  });
  run.verdict = record.verdict;
  telling.forget();
  return record;
}
