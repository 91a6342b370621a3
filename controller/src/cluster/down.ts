import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { sharedFilesFolder } from '../config/fits-host.ts';
import { namePattern } from '../config/names.ts';
import { lockPod } from './pod-lock.ts';
import { knownPods, podPaths } from './pod-paths.ts';
import { readPodState } from './pod-state.ts';
import { orNoneWithoutEngine, removePod } from './remove-pod.ts';

/** Removes a pod, whatever state it is in and whoever made it, and says what there was. Nothing there is no failure. */
export async function downPod(pod: string): Promise<readonly string[]> {
  const lock = await lockPod(pod, 'down');
  try {
    const state = await readPodState(podPaths(pod)).catch(() => null);
    return await removePod(pod, state?.topology.provider === 'qemu' ? 'required' : 'optional');
  } finally {
    await lock.release();
  }
}

/** Every pod that left anything on this host: a folder, shared files, or something with its label. */
export async function findPods(): Promise<readonly string[]> {
  const labelled = await orNoneWithoutEngine('optional', async () =>
    (await import('../provider/qemu/qemu-provider.ts')).labelledPods(),
  );
  return [...new Set([...knownPods(), ...sharedFilesOfPods(), ...labelled])].sort();
}

/** Other users of this host have theirs beside. */
function sharedFilesOfPods(): string[] {
  if (!existsSync(sharedFilesFolder)) return [];
  return readdirSync(sharedFilesFolder)
    .filter((name) => namePattern.test(name))
    .filter((name) => statSync(join(sharedFilesFolder, name), { throwIfNoEntry: false })?.uid === process.getuid?.());
}
