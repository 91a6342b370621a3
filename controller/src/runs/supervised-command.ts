/** The process of a run that is to lose its controller. Whoever started it has the pod's lock, and writes the report. */
import type { CommandContext } from '../cli/command.ts';
import { openPod } from '../cluster/open-pod.ts';
import { exitCodeOfRun } from './run-error.ts';
import { RunFolder } from './run-folder.ts';
import { runScenario } from './run-scenario.ts';
import { readWanted } from './supervise-run.ts';

export async function supervisedCommand(run: string, pod: string, { signal, say }: CommandContext): Promise<number> {
  const folder = RunFolder.open('', run);
  await using opened = await openPod(pod, { signal });
  return exitCodeOfRun(await runScenario({ pod: opened, loaded: readWanted(folder), folder, signal, say }));
}
