/** `cxlpod shrink RUN`: the fewest faults with which a run still comes out wrong; each attempt is a real run on a pod of its own. */
import type { CommandContext } from '../cli/command.ts';
import { exitCodes, usageError } from '../errors/cxlpod-error.ts';
import { readRunRecord } from '../report/report-input.ts';
import { isAsExpected } from '../runs/expected.ts';
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

export async function shrinkCommand(folder: RunFolder, options: Options, context: CommandContext): Promise<number> {
  const record = readRunRecord(folder);
  const wanted = failuresOf(record);
  if (isAsExpected(record) === 'valid' || wanted.length === 0) {
    throw usageError('RUN_DID_NOT_FAIL', `${folder.path} came out as expected, so there is nothing to shrink`);
  }
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
      const again = failuresOf(finished.record).some((name) => wanted.includes(name));
      context.say(`${again ? 'fails' : 'holds'} with ${some.length} of ${faults.length} faults: ${finished.folder.path}`);
      if (again) last = finished;
      if (again) return true;
    }
    return false;
  };
  const least = await shrinkList(faults, (some) => fails([...some]));
  const smallest = last as FinishedRun | null;
  if (smallest === null) {
    context.say(`\nit did not fail again in ${runs} runs: it depends on more than its faults; try --tries`);
    return exitCodes.unknown;
  }
  context.say(`\n${least.length} of ${faults.length} faults are enough, after ${runs} runs:`);
  for (const { sentence } of smallest.record.faults) context.say(`  ${sentence}`);
  context.say(`again: cxlpod replay ${smallest.folder.path}`);
  if (options.json) context.out(JSON.stringify({ run: smallest.folder.path, faults: least, runs }, null, 2));
  else context.out(smallest.folder.path);
  return exitCodes.valid;
}

/** Checks that do not hold, faults that did not fire aside: another schedule has other faults. */
function failuresOf({ checks, error }: RunRecord): string[] {
  const named = checks.filter(({ name, verdict }) => verdict !== 'valid' && !name.startsWith('fault-fired'));
  return [...named.map(({ name }) => name), ...(error === null ? [] : [error.code])];
}
