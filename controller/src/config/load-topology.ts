/** Finds a topology by its name (those of infra/topologies) or by its path, reads it and applies the command line's overrides. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { usageError } from '../errors/cxlpod-error.ts';
import { nearest } from '../errors/nearest.ts';
import { namePattern, requirePodName } from './names.ts';
import { parseYaml } from './parse-yaml.ts';
import { projectRoot } from './project-root.ts';
import { type Topology, topologySchema } from './topology.ts';

export interface TopologyOverrides {
  /** The pod's name, where it is not to be the topology's. */
  readonly name?: string | undefined;
}

export function loadTopology(nameOrPath: string, overrides: TopologyOverrides = {}): Topology {
  const path = findTopology(nameOrPath);
  const topology = parseYaml(topologySchema, { text: read(path), fileName: nameOrPath, kind: 'topology' });
  return {
    ...topology,
    ...(overrides.name === undefined ? {} : { name: requirePodName(overrides.name) }),
    kernel: topology.kernel === null ? null : requireKernel(topology.kernel, dirname(path)),
  };
}

/** The names that come with cxlpod. */
export function builtInTopologies(): string[] {
  return readdirSync(builtInFolder())
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => basename(file, '.yaml'))
    .sort();
}

function findTopology(nameOrPath: string): string {
  if (namePattern.test(nameOrPath)) {
    const path = join(builtInFolder(), `${nameOrPath}.yaml`);
    if (existsSync(path)) return path;
  } else if (/\.ya?ml$/.test(nameOrPath) && existsSync(nameOrPath)) {
    return resolve(nameOrPath);
  }
  const known = builtInTopologies();
  const suggestion = nearest(nameOrPath, known);
  throw usageError('TOPOLOGY_NOT_FOUND', `there is no topology ${JSON.stringify(nameOrPath)}`, {
    hint: `${suggestion === null ? '' : `did you mean ${suggestion}? `}known are ${known.join(', ')}, and any path such as ./mine.yaml`,
  });
}

function builtInFolder(): string {
  return join(projectRoot(), 'infra', 'topologies');
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw usageError('TOPOLOGY_UNREADABLE', `${path} cannot be read`, { cause: error });
  }
}

function requireKernel(kernel: string, folder: string): string {
  const path = isAbsolute(kernel) ? kernel : join(folder, kernel);
  if (existsSync(path)) return path;
  throw usageError('KERNEL_NOT_FOUND', `there is no kernel ${path}`, { hint: 'kernel: is relative to the topology file' });
}
