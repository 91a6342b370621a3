import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { CxlpodError } from '../errors/cxlpod-error.ts';
import { findProvider } from '../provider/find-provider.ts';
import { removeSharedFiles } from '../provider/shared-files.ts';
import { podPaths } from './pod-paths.ts';

/** `required`: an engine that does not answer is a failure; `optional`: then there can be no containers; `no`: it is not asked. */
export type EngineNeed = 'required' | 'optional' | 'no';

/**
 * Removes all that carries the pod's name, and says what that was. Needs no state: containers and networks are found by label,
 * processes by their environment, files by their place.
 */
export async function removePod(pod: string, engine: EngineNeed): Promise<readonly string[]> {
  const paths = podPaths(pod);
  const removed: string[] = [];
  // Machines first: what still runs must not lose its files below it.
  if (engine !== 'no') {
    removed.push(...(await orNoneWithoutEngine(engine, async () => (await findProvider('qemu')).removeAll(pod))));
  }
  removed.push(...(await (await findProvider('local')).removeAll(pod)));
  if (await removeSharedFiles(paths)) removed.push('pool and history');
  if (existsSync(paths.podFolder)) {
    await rm(paths.podFolder, { recursive: true, force: true });
    removed.push(paths.podFolder);
  }
  return removed;
}

export async function orNoneWithoutEngine(engine: EngineNeed, ask: () => Promise<readonly string[]>): Promise<readonly string[]> {
  try {
    return await ask();
  } catch (error) {
    const noEngine = error instanceof CxlpodError && ['NO_ENGINE', 'ENGINE_FORBIDDEN', 'ENGINE_DOWN'].includes(error.code);
    if (noEngine && engine === 'optional') return [];
    throw error;
  }
}
