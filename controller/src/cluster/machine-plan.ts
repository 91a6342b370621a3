import type { Topology } from '../config/topology.ts';
import type { MachinePlan, PodPaths } from '../provider/provider.ts';
import { machineFolder } from './pod-paths.ts';

/** Without those that join later, unless they have. */
export function machinePlans(
  pod: string,
  topology: Topology,
  paths: PodPaths,
  joined: readonly string[] = [],
): readonly MachinePlan[] {
  return allMachinePlans(pod, topology, paths).filter(({ name }) => !topology.joinLater.includes(name) || joined.includes(name));
}

export function allMachinePlans(pod: string, topology: Topology, paths: PodPaths): readonly MachinePlan[] {
  return topology.machines.map((name, index) => ({
    pod,
    name,
    number: index + 1,
    topology,
    paths,
    logFolder: machineFolder(paths, name),
  }));
}
