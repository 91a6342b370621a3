/** One run with its folder and its report. */
import { showDuration, timeLeft } from '../cli/time-left.ts';
import type { Pod } from '../cluster/pod.ts';
import type { LoadedScenario } from '../config/load-scenario.ts';
import type { Scenario } from '../config/scenario.ts';
import type { Topology } from '../config/topology.ts';
import { describeRun } from '../report/describe-run.ts';
import { writeReport } from '../report/write-report.ts';
import { howLong, noteHowLong, shortHash } from '../steps/took.ts';
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

const tellEveryMs = 10_000;
const leastMs = 2_000;

function keyOf({ provider, machines }: PlaceOfRun, { name, workload, faults, random }: Scenario): string {
  return `run ${name} on ${provider}, ${machines.length} machines, ${shortHash({ workload, faults, random })}`;
}

type PlaceOfRun = Pick<Topology, 'provider' | 'machines'>;

/** On this host, by the last times; null: never. */
export function howLongRun(topology: PlaceOfRun, scenario: Scenario): number | null {
  return howLong(keyOf(topology, scenario))?.run ?? null;
}

/** By how long the same took the last times; once it takes longer than those, nothing more is said. */
function tellTimeLeft(pod: Pod, scenario: Scenario, say: (text: string) => void): Disposable {
  const known = howLongRun(pod.topology, scenario);
  if (known === null) {
    say('the first time here: nobody knows how long it takes');
    return { [Symbol.dispose]: () => {} };
  }
  if (known >= leastMs) say(`takes about ${showDuration(known)}, by the last times`);
  const startMs = performance.now();
  const timer = setInterval(() => {
    const left = timeLeft(known - (performance.now() - startMs));
    if (left !== '') say(left);
  }, tellEveryMs).unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

export async function runOnce(pod: Pod, loaded: LoadedScenario, { runs, signal, say }: RunOnceOptions): Promise<FinishedRun> {
  const folder = RunFolder.create(runs, loaded.scenario.name, new Date());
  say(`run ${loaded.scenario.name} on ${pod.name}: ${folder.path}`);
  using _ = tellTimeLeft(pod, loaded.scenario, say);
  const record = needsSupervision(loaded.scenario)
    ? await superviseRun(pod.name, loaded, folder, { signal, say })
    : await runScenario({ pod, loaded, folder, signal, say });
  if (record.error === null) noteHowLong(keyOf(pod.topology, loaded.scenario), { run: record.tookMs });
  const report = writeReport(folder);
  say(describeRun(record));
  say(`report: ${report}\n`);
  return { folder, record };
}
