import type { Topology } from '../config/topology.ts';
import type { MachinePlan, PodPaths } from '../provider/provider.ts';
import { machineFolder } from './pod-paths.ts';

export function machinePlans(pod: string, topology: Topology, paths: PodPaths): readonly MachinePlan[] {
  return topology.machines.map((name, index) => ({
    pod,
    name,
    number: index + 1,
    topology,
    paths,
    logFolder: machineFolder(paths, name),
  }));
}
