/** `cxlpod shrink RUN`: the fewest faults with which a run still comes out wrong; each attempt is a real run on a pod of its own. */
import type { CommandContext } from '../cli/command.ts';
import { exitCodes, usageError } from '../errors/cxlpod-error.ts';
import { readRunRecord } from '../report/report-input.ts';
import { isAsExpected } from '../runs/expected.ts';
import { brokeOff, failsLike, failuresOf } from '../runs/failures.ts';
import type { RunFolder } from '../runs/run-folder.ts';
import { type FinishedRun, runOnce } from '../runs/run-once.ts';
import type { RunRecord } from '../runs/run-record.ts';
import { savedScenario } from '../runs/saved-run.ts';
import { shrinkList } from '../runs/shrink-list.ts';
import { PodShelf } from './pod-shelf.ts';

interface Options {
  readonly runs: string;
  /** A schedule may fail only sometimes: so often each is tried before it counts as good. */
  readonly tries: number;
  readonly json: boolean;
}

type Ran = Pick<RunRecord, 'checks' | 'error' | 'verdict' | 'scenario'>;

export async function shrinkCommand(folder: RunFolder, options: Options, context: CommandContext): Promise<number> {
  const record = readRunRecord(folder);
  const wanted = requireFailures(folder, record);
  const loaded = savedScenario(folder);
  const { faults } = loaded.scenario;
  let runs = 0;
  let last: FinishedRun | null = null;
  await using shelf = new PodShelf(context);
  const fails = async (some: typeof faults): Promise<boolean> => {
    for (let attempt = 0; attempt < options.tries; attempt++) {
      const pod = await shelf.take(loaded.scenario.topology);
      const candidate = { ...loaded, scenario: { ...loaded.scenario, faults: some } };
      const say = (): void => {};
      runs++;
      const finished = await runOnce(pod, candidate, { runs: options.runs, signal: context.signal, say });
      await shelf.putBack(loaded.scenario.topology, finished.record);
      const again = failsLike(wanted, finished.record);
      const outcome = again ? 'fails' : brokeOff(finished.record) ? 'broke off' : 'holds';
      context.say(`${outcome} with ${some.length} of ${faults.length} faults: ${finished.folder.path}`);
      if (again) last = finished;
      if (again) return true;
    }
    return false;
  };
  const least = await shrinkList(faults, (some) => fails([...some]));
  const smallest = last as FinishedRun | null;
  if (least === null || smallest === null) {
    context.say(`\nit did not fail again in ${runs} runs: it depends on more than its faults; try --tries`);
    return exitCodes.unknown;
  }
  context.say(`\n${enough(least.length, faults.length)}, after ${runs} runs:`);
  for (const { sentence } of smallest.record.faults) context.say(`  ${sentence}`);
  context.say(`again: cxlpod replay ${smallest.folder.path}`);
  if (options.json) context.out(JSON.stringify({ run: smallest.folder.path, faults: least, runs }, null, 2));
  else context.out(smallest.folder.path);
  return exitCodes.valid;
}

/** Throws usage errors RUN_BROKE_OFF and RUN_DID_NOT_FAIL. */
export function requireFailures({ path }: RunFolder, record: Ran): readonly string[] {
  if (brokeOff(record)) {
    throw usageError('RUN_BROKE_OFF', `${path} was ended by an error, which fewer faults do not explain`, {
      cause: new Error(record.error!.message),
      hint: record.error!.hint ?? 'run the scenario again, and shrink a run with a check that is invalid',
    });
  }
  const failures = failuresOf(record);
  if (isAsExpected(record) !== 'valid' && failures.length > 0) return failures;
  throw usageError('RUN_DID_NOT_FAIL', `${path} did not fail, so there is nothing to shrink`, {
    cause: new Error(failures.length === 0 ? 'none of its checks is invalid' : 'it was to fail: it is a negative control'),
    hint: 'cxlpod shrink RUN, with the folder of a run that did',
  });
}

function enough(least: number, of: number): string {
  if (least < of) return `${least} of ${of} faults are enough`;
  if (of === 0) return 'it has no faults, and fails';
  return of === 1 ? 'the one fault is needed' : `all ${of} faults are needed`;
}
