import { knownPods } from '../cluster/pod-paths.ts';
import { requirePodName } from '../config/names.ts';
import { usageError } from '../errors/cxlpod-error.ts';

export const nameOption = ['-n, --name <pod>', 'the pod; may be left out when there is only one'] as const;

/** The pod that is meant: the named one, or the only one. */
export function pickPod(name: string | undefined): string {
  if (name !== undefined) return requirePodName(name);
  const pods = knownPods();
  if (pods.length === 1) return pods[0]!;
  if (pods.length === 0) throw usageError('POD_NOT_UP', 'there is no pod', { hint: 'cxlpod up' });
  throw usageError('POD_AMBIGUOUS', 'there is more than one pod', {
    hint: `--name (POD= of make) with one of ${pods.join(', ')}`,
  });
}
