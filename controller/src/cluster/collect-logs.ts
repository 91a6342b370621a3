import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Machine, machineLogs, type PodPaths } from '../provider/provider.ts';
import { machineFolder } from './pod-paths.ts';

/** A guest that is frozen keeps its ssh connection open and never answers. */
const collectLimitMs = 5_000;

/**
 * Copies what the machines wrote, and QEMU's command lines, to `<folder>/<machine>/`. Takes what it can get within its limit: a
 * machine that does not answer any more still has a console on this host.
 */
export async function collectLogs(
  machines: readonly Machine[],
  paths: PodPaths,
  folder: string,
  limitMs: number = collectLimitMs,
): Promise<void> {
  await Promise.all(
    machines.map(async (machine) => {
      const target = join(folder, machine.name);
      await mkdir(target, { recursive: true });
      await copyFile(join(machineFolder(paths, machine.name), 'qemu.cmd'), join(target, 'qemu.cmd')).catch(() => {});
      await within(limitMs, copyLogs(machine, target));
    }),
  );
}

async function copyLogs(machine: Machine, target: string): Promise<void> {
  for (const log of machineLogs) {
    const bytes = await machine.readLog(log).catch(() => Buffer.alloc(0));
    if (bytes.length > 0) await writeFile(join(target, `${log}.log`), bytes);
  }
}

async function within(limitMs: number, work: Promise<void>): Promise<void> {
  const over = new AbortController();
  const limit = delay(limitMs, undefined, { signal: over.signal }).catch(() => {});
  // What fails after the limit has nobody left to tell.
  work.catch(() => {});
  try {
    await Promise.race([work, limit]);
  } finally {
    over.abort();
  }
}
