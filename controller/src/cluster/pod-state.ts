/** What outlives the controller: `state.json` in the pod's folder. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Topology, topologySchema } from '../config/topology.ts';
import { environmentError } from '../errors/cxlpod-error.ts';
import type { Environment, PodPaths } from '../provider/provider.ts';
import type { GateReport } from './gate.ts';

export interface PodState {
  readonly version: 2;
  readonly pod: string;
  /** `starting`: `up` is under way, or its controller was killed. */
  readonly phase: 'starting' | 'up';
  readonly topology: Topology;
  readonly startedAt: string;
  readonly environment: Environment | null;
  /** The last that was run; null while none is, as during `reset` and after one that failed. */
  readonly gate: GateReport | null;
  /** Machines of `topology.joinLater` that have joined. */
  readonly joined?: readonly string[];
  /** By machine: how often its console fell silent during boot and it was started once more. */
  readonly bootRestarts: Readonly<Record<string, number>>;
}

/** Null when there is none. */
export async function readPodState(paths: PodPaths): Promise<PodState | null> {
  const path = stateFile(paths);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw environmentError('STATE_UNREADABLE', `${path} cannot be read`, { cause: error });
  }
  const state = parse(path, text);
  const other = state.version === 2 ? missingFrom(state.topology, anyTopology(), 'topology') : 'the version that is read now';
  if (other === null) return state;
  throw environmentError('STATE_UNREADABLE', `${path} was written by another version of cxlpod`, {
    cause: new Error(`it does not have ${other}`),
    hint: `cxlpod down --name ${state.pod ?? 'POD'}, then cxlpod up`,
  });
}

/** In one step, so that a killed controller leaves the old state or the new one. */
export async function writePodState(paths: PodPaths, state: PodState): Promise<void> {
  await mkdir(paths.podFolder, { recursive: true, mode: 0o700 });
  const next = `${stateFile(paths)}.next`;
  await writeFile(next, `${JSON.stringify(state, null, 2)}\n`);
  await rename(next, stateFile(paths));
}

/** What a pod that is up knows of its coherence; null while nothing is proved. */
export async function noteGate(paths: PodPaths, gate: GateReport | null): Promise<void> {
  const state = await readPodState(paths);
  if (state !== null) await writePodState(paths, { ...state, gate });
}

export async function noteJoined(paths: PodPaths, machine: string): Promise<void> {
  const state = await readPodState(paths);
  if (state !== null) await writePodState(paths, { ...state, joined: [...(state.joined ?? []), machine] });
}

/** Whatever a topology has, this one has. */
function anyTopology(): object {
  return topologySchema.parse({ name: 'any' });
}

/** The first key of `whole` that `given` lacks, with the keys that lead to it. */
function missingFrom(given: unknown, whole: object, name: string): string | null {
  if (typeof given !== 'object' || given === null) return name;
  for (const [key, value] of Object.entries(whole)) {
    if (!(key in given)) return `${name}.${key}`;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) continue;
    const missing = missingFrom((given as Record<string, unknown>)[key], value, `${name}.${key}`);
    if (missing !== null) return missing;
  }
  return null;
}

function stateFile(paths: PodPaths): string {
  return join(paths.podFolder, 'state.json');
}

function parse(path: string, text: string): PodState {
  try {
    return JSON.parse(text) as PodState;
  } catch (error) {
    throw environmentError('STATE_UNREADABLE', `${path} is not what cxlpod wrote`, {
      cause: error,
      hint: 'cxlpod down, then cxlpod up',
    });
  }
}
