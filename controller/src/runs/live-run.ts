/**
 * What a run is at, while it runs: a file in the pod's folder that whoever looks at the pod may read. It stays when the run is over, and
 * tells which one was the last on the pod (`last-on-pod.ts`).
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PodPaths } from '../provider/provider.ts';
import type { RecoveryOutcome } from '../recovery/index.ts';
import type { FaultOutcome } from './evidence.ts';
import type { Verdict } from './verdict.ts';

export interface LiveRun {
  readonly run: string;
  readonly scenario: string;
  readonly seed: number;
  readonly startedAt: string;
  /** When this was written; a run that was killed writes no more. */
  readonly toldAt: string;
  /** `over`: with a verdict, or without one when it was interrupted. */
  readonly phase: 'at work' | 'fencing and recovering' | 'collecting and judging' | 'over';
  /** That have ended; null where nobody counts them. */
  readonly operations: number | null;
  readonly faults: readonly FaultOutcome[];
  readonly recoveries: readonly RecoveryOutcome[];
  readonly verdict: Verdict | null;
}

const everyMs = 500;

/** Tells now and then until it is stopped, and once more then. */
export function tellLiveRun({ podFolder }: Pick<PodPaths, 'podFolder'>, read: () => Omit<LiveRun, 'toldAt'>): { stop(): void } {
  const path = fileOf(podFolder);
  const tell = (): void => {
    try {
      writeFileSync(`${path}.next`, JSON.stringify({ ...read(), toldAt: new Date().toISOString() }));
      renameSync(`${path}.next`, path);
    } catch {
      // The pod's folder is gone or full: the run itself finds out, and says so.
    }
  };
  tell();
  const timer = setInterval(tell, everyMs).unref();
  return {
    stop: () => {
      clearInterval(timer);
      tell();
    },
  };
}

/** Null when no run has told anything yet. */
export function readLiveRun({ podFolder }: Pick<PodPaths, 'podFolder'>): LiveRun | null {
  try {
    return JSON.parse(readFileSync(fileOf(podFolder), 'utf8')) as LiveRun;
  } catch {
    return null;
  }
}

/** The pod is made as new: no run is the last one on it. */
export function forgetLiveRun({ podFolder }: Pick<PodPaths, 'podFolder'>): void {
  rmSync(fileOf(podFolder), { force: true });
}

function fileOf(podFolder: string): string {
  return join(podFolder, 'live-run.json');
}
