import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CxlpodError, environmentError } from '../errors/cxlpod-error.ts';
import { findProvider } from '../provider/find-provider.ts';
import type { Provider } from '../provider/provider.ts';
import { removeSharedFiles } from '../provider/shared-files.ts';
import { podPaths } from './pod-paths.ts';

/** `required`: an engine that does not answer is a failure; `optional`: then there can be no containers; `no`: it is not asked. */
export type EngineNeed = 'required' | 'optional' | 'no';

/**
 * Removes all that carries the pod's name, and says what that was. Needs no state: containers and networks are found by label,
 * processes by their environment, files by their place. Looks again afterwards, and throws `LEFT_BEHIND` for what is still there.
 */
export async function removePod(pod: string, engine: EngineNeed): Promise<readonly string[]> {
  const paths = podPaths(pod);
  const removed: string[] = [];
  // Machines first: what still runs must not lose its files below it.
  removed.push(...(await ofProviders(engine, (provider) => provider.removeAll(pod))));
  if (await removeSharedFiles(paths)) removed.push('pool and history');
  if (existsSync(paths.podFolder)) {
    await rm(paths.podFolder, { recursive: true, force: true });
    removed.push(paths.podFolder);
  }
  await requireGone(pod, engine);
  return removed;
}

/** By another look at all of it: whoever was asked to remove something may have said so too early, or made it again meanwhile. */
export async function requireGone(pod: string, engine: EngineNeed): Promise<void> {
  const paths = podPaths(pod);
  const left = await ofProviders(engine, (provider) => provider.whatIsLeft(pod));
  const files = [dirname(paths.poolFile), paths.podFolder].filter((path) => existsSync(path));
  if (left.length === 0 && files.length === 0) return;
  throw environmentError('LEFT_BEHIND', `pod ${pod} was removed, and something of it is left`, {
    cause: new Error([...left, ...files].join(', ')),
    hint: `cxlpod down --name ${pod} once more; if it stays, whoever uses it (docker inspect, ps -p PID, fuser -v PATH) keeps it`,
  });
}

export async function orNoneWithoutEngine<T>(engine: EngineNeed, ask: () => Promise<T>, none: T): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    const noEngine = error instanceof CxlpodError && ['NO_ENGINE', 'ENGINE_FORBIDDEN', 'ENGINE_DOWN'].includes(error.code);
    if (noEngine && engine === 'optional') return none;
    throw error;
  }
}

async function ofProviders(
  engine: EngineNeed,
  ask: (provider: Provider) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  const ofEngine =
    engine === 'no'
      ? []
      : await orNoneWithoutEngine(engine, async () => ask(await findProvider('qemu')), [] as readonly string[]);
  return [...ofEngine, ...(await ask(await findProvider('local')))];
}
