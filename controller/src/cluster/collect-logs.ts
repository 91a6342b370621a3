import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Machine, machineLogs, type PodPaths } from '../provider/provider.ts';
import { machineFolder } from './pod-paths.ts';

/**
 * Copies what the machines wrote, and QEMU's command lines, to `<folder>/<machine>/`. Takes what it can get: a machine that does not
 * answer any more still has a console on this host.
 */
export async function collectLogs(machines: readonly Machine[], paths: PodPaths, folder: string): Promise<void> {
  await Promise.all(
    machines.map(async (machine) => {
      const target = join(folder, machine.name);
      await mkdir(target, { recursive: true });
      for (const log of machineLogs) {
        const bytes = await machine.readLog(log).catch(() => Buffer.alloc(0));
        if (bytes.length > 0) await writeFile(join(target, `${log}.log`), bytes);
      }
      await copyFile(join(machineFolder(paths, machine.name), 'qemu.cmd'), join(target, 'qemu.cmd')).catch(() => {});
    }),
  );
}
