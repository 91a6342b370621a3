/** `cxlpod replay RUN`: the same scenario, seed and faults as drawn, on a running pod or on one of its own. */
import type { CommandContext } from '../cli/command.ts';
import { type RunOptions, runLoaded } from './run-command.ts';
import { RunFolder } from './run-folder.ts';
import { savedScenario } from './saved-run.ts';

export async function replayCommand(run: string | undefined, options: RunOptions, context: CommandContext): Promise<number> {
  return runLoaded([savedScenario(RunFolder.open(options.runs, run))], options, context);
}
