/** `cxlpod check RUN`: the verdict again, from the files of the run alone. */
import { judge } from '../checks/judge.ts';
import type { CommandContext } from '../cli/command.ts';
import { describeRun } from '../report/describe-run.ts';
import { readRunRecord } from '../report/report-input.ts';
import { exitCodeOfRun } from './run-error.ts';
import type { RunFolder } from './run-folder.ts';
import { savedEvidence } from './saved-run.ts';
import { worst } from './verdict.ts';

export function checkCommand(folder: RunFolder, { json }: { readonly json: boolean }, context: CommandContext): number {
  const record = readRunRecord(folder);
  const checks = judge(savedEvidence(folder));
  const ofError = record.error === null ? [] : [record.error.violation ? ('invalid' as const) : ('unknown' as const)];
  const again = { ...record, checks, verdict: worst([...checks.map(({ verdict }) => verdict), ...ofError]) };
  context.say(describeRun(again));
  if (again.verdict !== record.verdict)
    context.say(`\nit was ${record.verdict} when it ran: the checks have changed since, or its files`);
  if (json) context.out(JSON.stringify({ run: folder.path, verdict: again.verdict, before: record.verdict, checks }, null, 2));
  else context.out(again.verdict);
  return exitCodeOfRun(again);
}
