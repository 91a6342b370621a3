import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { tmpfsFolder } from '../config/fits-host.ts';
import { namePattern } from '../config/names.ts';
import { CxlpodError } from '../errors/cxlpod-error.ts';
import { findProvider } from '../provider/find-provider.ts';
import { lockPod } from './pod-lock.ts';
import { knownPods, podPaths } from './pod-paths.ts';
import { readPodState } from './pod-state.ts';

/**
 * Removes all that carries the pod's name, whatever state it is in and whoever made it, and says what that was. Needs no state:
 * containers and networks are found by label, processes by their environment, files by their place.
 */
export async function downPod(pod: string): Promise<readonly string[]> {
  const lock = await lockPod(pod, 'down');
  try {
    const state = await readPodState(podPaths(pod)).catch(() => null);
    const removed: string[] = [];
    // Containers first: machines that still run must not lose their files below them.
    removed.push(...(await removeContainers(pod, state?.topology.provider === 'qemu')));
    removed.push(...(await (await findProvider('local')).removeAll(pod)));
    return removed;
  } finally {
    await lock.release();
  }
}

/** Every pod that left anything on this host: a folder, shared files, or something with its label. */
export async function findPods(): Promise<readonly string[]> {
  const labelled = await orNothingWithoutEngine(false, async () =>
    (await import('../provider/qemu/qemu-provider.ts')).labelledPods(),
  );
  return [...new Set([...knownPods(), ...sharedFilesOfPods(), ...labelled])].sort();
}

function sharedFilesOfPods(): string[] {
  const folder = join(tmpfsFolder, 'cxlpod');
  return existsSync(folder) ? readdirSync(folder).filter((name) => namePattern.test(name)) : [];
}

function removeContainers(pod: string, mustHaveEngine: boolean): Promise<readonly string[]> {
  return orNothingWithoutEngine(mustHaveEngine, async () => (await findProvider('qemu')).removeAll(pod));
}

/** Without an engine there are no containers, unless a pod is known to have some. */
async function orNothingWithoutEngine(
  mustHaveEngine: boolean,
  ask: () => Promise<readonly string[]>,
): Promise<readonly string[]> {
  try {
    return await ask();
  } catch (error) {
    const noEngine = error instanceof CxlpodError && ['NO_ENGINE', 'ENGINE_FORBIDDEN', 'ENGINE_DOWN'].includes(error.code);
    if (noEngine && !mustHaveEngine) return [];
    throw error;
  }
}
