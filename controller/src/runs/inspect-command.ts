/** `cxlpod inspect`: what is in a pool, read from its bytes. Exits 1 when something is wrong with them. */
import { inspectPoolFile, type PoolInspection } from '@cxlpod/agent/inspect';
import type { CommandContext } from '../cli/command.ts';
import { requireUp } from '../cluster/open-pod.ts';
import { podPaths } from '../cluster/pod-paths.ts';
import { readPodState } from '../cluster/pod-state.ts';
import { exitCodes, usageError } from '../errors/cxlpod-error.ts';
import { showControls } from '../report/html.ts';
import { describePool } from './describe-pool.ts';

/** Raised with every change of what `--json` prints. */
const inspectionFormat = 2;

export async function inspectCommand(
  what: string | { readonly pod: string },
  json: boolean,
  context: CommandContext,
): Promise<number> {
  const path = typeof what === 'string' ? what : await poolFileOf(what.pod);
  const inspection = inspect(path);
  if (json) context.out(JSON.stringify({ format: inspectionFormat, pool: path, ...inspection }, null, 2));
  else for (const part of describePool(inspection)) context.out(showControls(part));
  return inspection.problems.length > 0 ? exitCodes.invalid : exitCodes.valid;
}

/** Also of a pod that is half up, or whose machines have all ended: the file is there until `down`. */
export async function poolFileOf(pod: string): Promise<string> {
  const paths = podPaths(pod);
  if ((await readPodState(paths)) === null) await requireUp(pod);
  return paths.poolFile;
}

function inspect(path: string): PoolInspection {
  try {
    return inspectPoolFile(path);
  } catch (error) {
    throw usageError('POOL_UNREADABLE', `${path} cannot be inspected`, {
      cause: error,
      hint: 'give the file of a pool: pool.raw',
    });
  }
}
