/** Machines that are groups of processes on this host: the same agent and protocol, real SIGKILL, no emulation. */
import { mkdir } from 'node:fs/promises';
import { cpus } from 'node:os';
import { machineFolder, requireShortPaths } from '../../cluster/pod-paths.ts';
import type { Topology } from '../../config/topology.ts';
import { controllerVersion } from '../../config/version.ts';
import { findProcesses, killProcesses } from '../processes.ts';
import type { Environment, Machine, MachinePlan, PodPaths, Provider } from '../provider.ts';
import { createSharedFiles } from '../shared-files.ts';
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
    const killed = await killProcesses(pod);
    return killed === 0 ? [] : [`${killed} process${killed === 1 ? '' : 'es'}`];
  },

  async whatIsLeft(pod: string): Promise<readonly string[]> {
    return findProcesses(pod).map(({ pid, machine }) => `process ${pid} of ${machine}`);
  },
};
