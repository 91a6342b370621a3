import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Engine, podLabel } from '../../engine/engine.ts';
import { environmentError } from '../../errors/cxlpod-error.ts';

interface ShortRun {
  readonly image: string;
  readonly command: readonly string[];
  readonly devices: readonly string[];
  readonly deadlineMs: number;
  /** Output that settles the matter, though the container would run on. */
  readonly enough?: RegExp;
  readonly signal?: AbortSignal;
}

/** What is on containers that belong to no pod yet; `cxlpod down --all` finds them by it. */
const noPod = 'none';
const outputLines = 200;

const lookAgainAfterMs = 100;

/** Runs a container of the machine image to its end, or until it wrote enough, and removes it. Throws `CONTAINER_SLOW`. */
export async function runToEnd(engine: Engine, run: ShortRun): Promise<string> {
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
    const endMs = performance.now() + run.deadlineMs;
    for (;;) {
      const state = await container.inspect();
      const output = await container.logTail(outputLines);
      if (state?.running !== true || run.enough?.test(output) === true) return output;
      if (performance.now() > endMs) {
        throw environmentError(
          'CONTAINER_SLOW',
          `${run.command[0]} in the machine image did not end within ${run.deadlineMs / 1000} s`,
          {
            cause: new Error(output.trim() || 'it wrote nothing'),
          },
        );
      }
      await delay(lookAgainAfterMs, undefined, run.signal === undefined ? {} : { signal: run.signal });
    }
  } finally {
    await container.remove();
  }
}
