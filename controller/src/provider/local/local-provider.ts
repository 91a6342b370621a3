/** Machines that are groups of processes on this host: the same agent and protocol, real SIGKILL, no emulation. */
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { cpus } from 'node:os';
import { machineFolder, podPaths, requireShortPaths } from '../../cluster/pod-paths.ts';
import type { Topology } from '../../config/topology.ts';
import { controllerVersion } from '../../config/version.ts';
import { killProcesses } from '../processes.ts';
import type { Environment, Machine, MachinePlan, PodPaths, Provider } from '../provider.ts';
import { createSharedFiles, removeSharedFiles } from '../shared-files.ts';
import { LocalMachine } from './local-machine.ts';

export const localProvider: Provider = {
  name: 'local',

  async prepare(): Promise<Environment> {
    const cores = cpus();
    return {
      provider: 'local',
      accelerator: 'none',
      acceleratorReason: 'provider local runs processes of this host, nothing is emulated',
      hostCores: cores.length,
      hostCpu: cores[0]?.model ?? 'unknown',
      guestCpus: cores.length,
      versions: {
        controller: controllerVersion(),
        node: process.version,
        qemu: null,
        kernel: null,
        guestNode: process.version,
        image: null,
      },
    };
  },

  async createShared(_pod: string, topology: Topology, paths: PodPaths): Promise<void> {
    requireShortPaths(paths, topology.machines);
    await createSharedFiles(topology, paths);
  },

  async createMachine(plan: MachinePlan): Promise<Machine> {
    const folder = machineFolder(plan.paths, plan.name);
    await mkdir(folder, { recursive: true });
    return new LocalMachine(plan, folder);
  },

  async openMachine(plan: MachinePlan): Promise<Machine> {
    return new LocalMachine(plan, machineFolder(plan.paths, plan.name));
  },

  async removeAll(pod: string): Promise<readonly string[]> {
    const paths = podPaths(pod);
    const removed: string[] = [];
    const killed = await killProcesses(paths.podFolder);
    if (killed > 0) removed.push(`${killed} process${killed === 1 ? '' : 'es'}`);
    if (await removeSharedFiles(paths)) removed.push('pool and history');
    if (existsSync(paths.podFolder)) {
      await rm(paths.podFolder, { recursive: true, force: true });
      removed.push(paths.podFolder);
    }
    return removed;
  },
};
