import type { Topology } from '../config/topology.ts';
import type { Machine, PodPaths } from '../provider/provider.ts';
import { defaultRunsFolder, RunFolder } from '../runs/run-folder.ts';
import { collectLogs } from './collect-logs.ts';

interface Failed {
  readonly topology: Topology;
  readonly machines: readonly Machine[];
  readonly paths: PodPaths;
  say(text: string): void;
}

/** Keeps what the machines of a failed `up` wrote, beside the runs. The folder, with one for each machine; null when there is none. */
export async function saveFailedLogs({ topology, machines, paths, say }: Failed): Promise<string | null> {
  if (machines.length === 0) return null;
  try {
    const folder = RunFolder.create(defaultRunsFolder, `up-${topology.name}`, new Date());
    const kept = folder.join('machines');
    await collectLogs(machines, paths, kept);
    say(`what the machines wrote is kept in ${kept}`);
    return kept;
  } catch (error) {
    // A full or read-only disk must not keep the pod from being taken down.
    say(`what the machines wrote could not be kept: ${String(error)}`);
    return null;
  }
}
