/** Pods for measuring: named so that they meet nobody's, removed however the measurement ends. */
import { downPod } from '../cluster/down.ts';
import type { Pod } from '../cluster/pod.ts';
import { upPod } from '../cluster/up.ts';
import { loadTopology } from '../config/load-topology.ts';
import type { BenchContext } from './bench-item.ts';

export const benchPod = 'bench';

export interface Cycle {
  readonly upS: number;
  readonly downS: number;
  readonly accelerator: string;
}

/** Up, `act`, down. */
export async function onPod<T>(topology: string, context: BenchContext, act: (pod: Pod) => Promise<T>): Promise<T> {
  await downPod(benchPod);
  const { pod } = await bringUp(topology, context);
  try {
    await using opened = pod;
    return await act(opened);
  } finally {
    await downPod(benchPod);
  }
}

/** How long up and down take; the pod is empty in between. */
export async function cycle(topology: string, context: BenchContext): Promise<Cycle> {
  await downPod(benchPod);
  const upStartMs = performance.now();
  const { pod } = await bringUp(topology, context);
  const upS = (performance.now() - upStartMs) / 1000;
  const { accelerator } = pod.environment;
  await pod[Symbol.asyncDispose]();
  const downStartMs = performance.now();
  await downPod(benchPod);
  return { upS, downS: (performance.now() - downStartMs) / 1000, accelerator };
}

function bringUp(topology: string, { signal, say }: BenchContext) {
  return upPod({ topology: loadTopology(topology, { name: benchPod }), signal, quiet: true, say });
}
