import { randomBytes } from 'node:crypto';
import { type Engine, podLabel } from '../../engine/engine.ts';
import { environmentError } from '../../errors/cxlpod-error.ts';

interface ShortRun {
  readonly image: string;
  readonly command: readonly string[];
  readonly devices: readonly string[];
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
}

/** What is on containers that belong to no pod yet; `cxlpod down --all` finds them by it. */
const noPod = 'none';
const outputLines = 200;

/** Runs a container of the machine image to its end and removes it. Throws `CONTAINER_SLOW` past the deadline. */
export async function runToEnd(engine: Engine, run: ShortRun): Promise<{ exitCode: number; output: string }> {
  const container = await engine.createContainer({
    name: `cxlpod-look-${randomBytes(6).toString('hex')}`,
    image: run.image,
    command: run.command,
    labels: { [podLabel]: noPod },
    network: null,
    binds: [],
    devices: run.devices,
    capabilities: [],
    publish: [],
  });
  try {
    await container.start();
    const deadline = AbortSignal.timeout(run.deadlineMs);
    const stop = run.signal === undefined ? deadline : AbortSignal.any([run.signal, deadline]);
    try {
      const exitCode = await container.ended(stop);
      return { exitCode, output: await container.logTail(outputLines) };
    } catch (error) {
      if (!deadline.aborted) throw error;
      throw environmentError(
        'CONTAINER_SLOW',
        `${run.command[0]} in the machine image did not end within ${run.deadlineMs / 1000} s`,
        {
          cause: new Error((await container.logTail(outputLines)).trim() || 'it wrote nothing'),
        },
      );
    }
  } finally {
    await container.remove();
  }
}
