/** Only the last run on a pod can be gone on with: whoever used the pod after it has ended its workers, and written into its pool. */
import { ownCommand } from '../cli/own-command.ts';
import { environmentError } from '../errors/cxlpod-error.ts';
import type { PodPaths } from '../provider/provider.ts';
import { quoteCommand } from '../ssh/quote.ts';
import type { BegunRun } from './begun-run.ts';
import { readLiveRun } from './live-run.ts';
import type { RunFolder } from './run-folder.ts';

/** Throws `POD_USED_SINCE`. Changes nothing. */
export function requireLastOnPod({ pod, startedAt }: BegunRun, folder: RunFolder, paths: PodPaths): void {
  const last = readLiveRun(paths);
  if (last?.startedAt === startedAt) return;
  const since =
    last === null ? `pod ${pod} was reset, or taken down and brought up again, since` : `run ${last.run} used pod ${pod} since`;
  throw environmentError('POD_USED_SINCE', `run ${folder.name} cannot be gone on with`, {
    cause: new Error(since),
    hint: `run the scenario again: ${quoteCommand(['cd', folder.path])} && ${ownCommand(folder.path)} run scenario.yaml --name ${pod}`,
  });
}

/** For the run that comes after one whose controller is gone. */
export function tellOfUnended(paths: PodPaths, say: (text: string) => void): void {
  const last = readLiveRun(paths);
  if (last === null || last.phase === 'over') return;
  say(`run ${last.run} on this pod was never ended; from now on nobody can go on with it`);
}
