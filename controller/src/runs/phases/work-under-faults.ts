/** The workload, and beside it the faults: each struck when it is due, and healed at the latest when the workload is over. */
import { workloads } from '../../workload/index.ts';
import type { Workload, WorkloadContext } from '../../workload/workload.ts';
import { orAborted } from '../or-aborted.ts';
import { openProgress } from '../progress.ts';
import { recordPace } from '../record-pace.ts';
import { bringBack } from './past-run.ts';
import type { Run } from './run.ts';

export async function workUnderFaults(run: Run): Promise<void> {
  const { scenario, strikes, options, timeline } = run;
  const context = contextOf(run);
  const workload: Workload = workloads[scenario.workload.name] as unknown as Workload;
  const progress = openProgress(options.pod.paths, run.firstTicket);
  strikes.begin(context, progress);
  // Whoever measures how fast something is gets nobody who reads beside it.
  const stopPace = scenario.faults.length > 0 ? recordPace(progress, timeline) : null;
  if (stopPace !== null) run.progress = progress;
  try {
    const back = bringBack(run, context);
    const [result] = await orAborted(Promise.all([workload.run(scenario.workload, context), back]), options.signal);
    run.workload = { name: workload.name, result };
  } finally {
    await context.endFaults();
    run.endedAt = timeline.now();
    stopPace?.();
    run.progress = null;
    progress.close();
  }
}

function contextOf(run: Run): WorkloadContext {
  const { crew, timeline, latencies, strikes, firstTicket, startedAt } = run;
  const { pod, folder, signal, say } = run.options;
  return {
    ...{ pod, crew, timeline, latencies, seed: run.scenario.seed, firstTicket, signal, say },
    tokenBase: startedAt.getTime(),
    faults: () => strikes.outcomes,
    endFaults: async () => {
      const failed = await strikes.end();
      if (failed !== null) run.fail(failed.error);
    },
    keep: (from, to) => folder.copy(from, to),
  };
}
