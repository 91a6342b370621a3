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

/** Keeps what the machines of a failed `up` wrote, where error messages point: `.runs/latest/machines/`. */
export async function saveFailedLogs({ topology, machines, paths, say }: Failed): Promise<void> {
  if (machines.length === 0) return;
  try {
    const folder = RunFolder.create(defaultRunsFolder, `up-${topology.name}`, new Date());
    await collectLogs(machines, paths, folder.join('machines'));
    say(`what the machines wrote is kept in ${folder.join('machines')}`);
  } catch (error) {
    // A full or read-only disk must not keep the pod from being taken down.
    say(`what the machines wrote could not be kept: ${String(error)}`);
  }
}
