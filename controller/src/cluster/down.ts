import { findPods, type PodElsewhere, requireNotElsewhere } from './find-pods.ts';
import { lockPod } from './pod-lock.ts';
import { podPaths } from './pod-paths.ts';
import { readPodState } from './pod-state.ts';
import { removePod } from './remove-pod.ts';

/**
 * Removes a pod of this state folder, whatever state it is in and whoever made it, and says what there was. Nothing there is no failure;
 * something that is still there afterwards is (`LEFT_BEHIND`).
 */
export async function downPod(pod: string): Promise<readonly string[]> {
  const lock = await lockPod(pod, 'down');
  try {
    const state = await readPodState(podPaths(pod)).catch(() => null);
    const engine = state?.topology.provider === 'qemu' ? 'required' : 'optional';
    await requireNotElsewhere(pod, engine);
    return await removePod(pod, engine);
  } finally {
    await lock.release();
  }
}

export interface Downed {
  readonly removed: readonly { readonly pod: string; readonly removed: readonly string[] }[];
  /** Not touched. */
  readonly elsewhere: readonly PodElsewhere[];
  /** One that cannot be removed keeps none of the others. */
  readonly failures: readonly unknown[];
}

/** Every pod of this state folder. */
export async function downAll(): Promise<Downed> {
  const { own, elsewhere } = await findPods();
  const removed: { pod: string; removed: readonly string[] }[] = [];
  const failures: unknown[] = [];
  for (const pod of own) {
    await downPod(pod).then(
      (each) => removed.push({ pod, removed: each }),
      (error: unknown) => failures.push(error),
    );
  }
  return { removed, elsewhere, failures };
}
