/** One run with its folder and its report. */
import type { Pod } from '../cluster/pod.ts';
import type { LoadedScenario } from '../config/load-scenario.ts';
import { describeRun } from '../report/describe-run.ts';
import { writeReport } from '../report/write-report.ts';
import { RunFolder } from './run-folder.ts';
import type { RunRecord } from './run-record.ts';
import { runScenario } from './run-scenario.ts';
import { needsSupervision, superviseRun } from './supervise-run.ts';

export interface FinishedRun {
  readonly folder: RunFolder;
  readonly record: RunRecord;
}

export interface RunOnceOptions {
  /** The folder of folders. */
  readonly runs: string;
  readonly signal: AbortSignal;
  say(text: string): void;
}

export async function runOnce(pod: Pod, loaded: LoadedScenario, { runs, signal, say }: RunOnceOptions): Promise<FinishedRun> {
  const folder = RunFolder.create(runs, loaded.scenario.name, new Date());
  say(`run ${loaded.scenario.name} on ${pod.name}: ${folder.path}`);
  const record = needsSupervision(loaded.scenario)
    ? await superviseRun(pod.name, loaded, folder, { signal, say })
    : await runScenario({ pod, loaded, folder, signal, say });
  const report = writeReport(folder);
  say(describeRun(record));
  say(`report: ${report}\n`);
  return { folder, record };
}
