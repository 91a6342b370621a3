import { setTimeout as delay } from 'node:timers/promises';
import type { Pod } from '../cluster/pod.ts';
import { connectEngine } from '../engine/docker.ts';
import { podLabel } from '../engine/engine.ts';
import { environmentError } from '../errors/cxlpod-error.ts';
import { type BenchItem, figure } from './bench-item.ts';
import { processesOf } from './container-processes.ts';
import { benchPod, onPod } from './on-pod.ts';

const memoryBarMib = 500;
const cpuBarPercent = 10;
/** Let the guests finish what a boot leaves behind, before they are called idle. */
const settleMs = 5_000;
/** Between two looks; an agent that is asked all the time has no time to start its spare workers. */
const lookMs = 3_000;
const sparesWithinMs = 120_000;
const watchMs = 10_000;
const bytesPerMib = 1024 ** 2;

export const idle: BenchItem = {
  names: ['memory', 'idle'],
  sentence: 'what a pod of two costs the host while its agents have nothing to do',
  onlyWhenNamed: false,
  measure: (context) =>
    onPod('two', context, async (pod) => {
      context.say('bench idle: watching an idle pod');
      const containers = await connectEngine().listContainers(podLabel, benchPod);
      const ids = containers.map(({ id }) => id);
      const { accelerator } = pod.environment;
      await sparesLoaded(pod, context.signal);
      await delay(settleMs, undefined, { signal: context.signal });
      const before = processesOf(ids, 'qemu-system');
      const startMs = performance.now();
      await delay(watchMs, undefined, { signal: context.signal });
      const after = processesOf(ids, 'qemu-system');
      const elapsedS = (performance.now() - startMs) / 1000;
      const usedS = after.reduce((sum, { pid, cpuS }) => sum + cpuS - (before.find((each) => each.pid === pid)?.cpuS ?? 0), 0);
      const resident = after.map(({ residentBytes }) => residentBytes / bytesPerMib);
      const shared = after.map(({ sharedBytes }) => (sharedBytes / bytesPerMib).toFixed(0));
      const common = { provider: 'qemu', accelerator };
      return [
        figure({
          name: 'resident memory of a machine, idle agent',
          value: Math.max(...resident),
          unit: 'MiB',
          bar: memoryBarMib,
          spread: `the larger of ${resident.map((mib) => mib.toFixed(0)).join(' and ')}; of it shared ${shared.join(' and ')}`,
          ...common,
        }),
        figure({
          name: 'host CPU of an idle pod of two',
          value: (100 * usedS) / elapsedS,
          unit: '% of a core',
          bar: cpuBarPercent,
          spread: `all QEMU threads over ${elapsedS.toFixed(0)} s`,
          ...common,
        }),
      ];
    }),
};

/** Agents have nothing to do only when all their spare workers stand ready. */
async function sparesLoaded({ machines }: Pod, signal: AbortSignal): Promise<void> {
  const endsAtMs = performance.now() + sparesWithinMs;
  for (;;) {
    const spares = await Promise.all(machines.map(async ({ agent }) => (await agent.request('status', {})).spareWorkers));
    if (spares.every(({ loaded, wanted }) => loaded === wanted)) return;
    if (performance.now() > endsAtMs) {
      const loaded = spares.map((each) => `${each.loaded} of ${each.wanted}`).join(', ');
      throw environmentError(
        'NO_SPARE_WORKERS',
        `the agents had ${loaded} spare workers loaded after ${sparesWithinMs / 1000} s`,
        {
          hint: 'the pod is never idle then: see `cxlpod logs`',
        },
      );
    }
    await delay(lookMs, undefined, { signal });
  }
}
