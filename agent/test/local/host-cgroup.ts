import { mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';

/** A folder for cgroups, where this host lets us make one; null where it does not. */
export function hostCgroup(name: string): { readonly folder: string; remove(): void } | null {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '));
  const mounted = mounts.find(([, , type]) => type === 'cgroup2')?.[1];
  if (mounted === undefined) return null;
  const folder = join(mounted, `cxlpod-test-${process.pid}-${name}`);
  try {
    mkdirSync(folder);
  } catch {
    return null;
  }
  return { folder, remove: () => rmdirSync(folder) };
}
