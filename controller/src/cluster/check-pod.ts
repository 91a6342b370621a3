import type { GateReport } from './gate.ts';
import { openPod } from './open-pod.ts';
import { lockPod } from './pod-lock.ts';
import { noteGate } from './pod-state.ts';
import { runGate } from './run-gate.ts';

/** The coherence gate on a pod that is up. Throws what `up` would throw. */
export async function checkPod(name: string, options: { signal: AbortSignal; say(text: string): void }): Promise<GateReport> {
  const { signal, say } = options;
  const lock = await lockPod(name, 'doctor');
  try {
    const pod = await openPod(name, { signal });
    try {
      const { topology, environment, machines, paths } = pod;
      return await runGate({ topology, environment, machines, signal, note: say, decided: (report) => noteGate(paths, report) });
    } finally {
      await pod[Symbol.asyncDispose]();
    }
  } finally {
    await lock.release();
  }
}
