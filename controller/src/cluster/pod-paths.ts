/**
 * Where a pod lives on this host. Its folder is `$XDG_STATE_HOME/cxlpod/<pod>` (by default `~/.local/state`), the same from
 * every working directory; its two shared files are on the tmpfs, since memory is what they are.
 */
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { sharedFilesFolder } from '../config/fits-host.ts';
import { namePattern } from '../config/names.ts';
import { usageError } from '../errors/cxlpod-error.ts';
import type { PodPaths } from '../provider/provider.ts';

/** sun_path of a unix socket, without its terminating zero. */
const socketPathLimitBytes = 107;

/** What every pod that is made here is marked with, and what XDG_STATE_HOME must be for whoever is to take it down. */
export function stateFolder(): string {
  const base = process.env.XDG_STATE_HOME;
  return resolve(base === undefined || base === '' ? join(homedir(), '.local', 'state') : base);
}

function stateRoot(): string {
  return join(stateFolder(), 'cxlpod');
}

export function podPaths(pod: string): PodPaths {
  const shared = join(sharedFilesFolder, pod);
  return {
    podFolder: join(stateRoot(), pod),
    poolFile: join(shared, 'pool.raw'),
    historyFile: join(shared, 'history.raw'),
  };
}

/** Logs, sockets and process marks of one machine. */
export function machineFolder(paths: PodPaths, machine: string): string {
  return join(paths.podFolder, 'machines', machine);
}

/** Refuses a state folder so deep that no socket can be made in it. */
export function requireShortPaths(paths: PodPaths, machines: readonly string[]): void {
  for (const machine of machines) {
    const longest = join(machineFolder(paths, machine), 'agent.sock');
    if (Buffer.byteLength(longest) > socketPathLimitBytes) {
      throw usageError('PATH_TOO_LONG', `the folder of ${machine} is too deep for a unix socket`, {
        cause: new Error(`${longest} is longer than ${socketPathLimitBytes} bytes`),
        hint: 'shorter names, or XDG_STATE_HOME=/some/short/folder',
      });
    }
  }
}

/** Pods that have a folder, whatever their state. */
export function knownPods(): string[] {
  const root = stateRoot();
  if (!existsSync(root)) return [];
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && namePattern.test(entry.name))
    .map((entry) => entry.name)
    .sort();
}
