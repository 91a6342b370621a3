/** Finds a scenario by its name (those of infra/scenarios, with or without their folder) or by its path, and reads it. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { usageError } from '../errors/cxlpod-error.ts';
import { nearest } from '../errors/nearest.ts';
import { isScenarioName } from './names.ts';
import { parseYaml } from './parse-yaml.ts';
import { projectRoot } from './project-root.ts';
import { type Scenario, scenarioSchema } from './scenario.ts';

export interface LoadedScenario {
  readonly scenario: Scenario;
  /** As written, for the run folder. */
  readonly text: string;
  /** As the operator named it. */
  readonly fileName: string;
}

export function loadScenario(nameOrPath: string): LoadedScenario {
  const path = findScenario(nameOrPath);
  const text = read(path);
  const scenario = parseYaml(scenarioSchema, { text, fileName: nameOrPath, kind: 'scenario' });
  return { scenario: withProgramFrom(dirname(path), scenario), text, fileName: nameOrPath };
}

/** The path of the user's own program counts from the scenario's folder. */
function withProgramFrom(folder: string, scenario: Scenario): Scenario {
  const { workload } = scenario;
  if (workload.name !== 'program') return scenario;
  const { exec, module } = workload;
  const file = exec === undefined ? { module: resolve(folder, module!) } : { exec: resolve(folder, exec) };
  return { ...scenario, workload: { ...workload, ...file } };
}

/** One scenario, or all of a folder: `crash` of infra/scenarios, or any path. */
export function loadScenarios(nameOrFolder: string): readonly LoadedScenario[] {
  const folder = [join(scenariosFolder(), nameOrFolder), nameOrFolder].find(
    (path) => existsSync(path) && statSync(path).isDirectory(),
  );
  if (folder === undefined) return [loadScenario(nameOrFolder)];
  const files = readdirSync(folder).filter((file) => file.endsWith('.yaml'));
  if (files.length > 0) return files.sort().map((file) => loadScenario(join(folder, file)));
  throw usageError('SCENARIO_NOT_FOUND', `there is no scenario in ${nameOrFolder}`);
}

/** The scenarios that come with cxlpod, by name. */
export function builtInScenarios(): ReadonlyMap<string, string> {
  const folder = scenariosFolder();
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.yaml'));
  return new Map(files.sort().map((file) => [basename(file, '.yaml'), join(folder, file)]));
}

/** `crash`, `heap`, and so on: what `loadScenarios` takes for all of them. */
export function builtInScenarioFolders(): string[] {
  return [...new Set([...builtInScenarios().values()].map((path) => basename(dirname(path))))];
}

function scenariosFolder(): string {
  return join(projectRoot(), 'infra', 'scenarios');
}

function findScenario(nameOrPath: string): string {
  const builtIn = builtInScenarios();
  const path = builtIn.get(basename(nameOrPath));
  if (path !== undefined && (isScenarioName(nameOrPath) || path.endsWith(`/infra/scenarios/${nameOrPath}.yaml`))) return path;
  if (/\.ya?ml$/.test(nameOrPath) && existsSync(nameOrPath)) {
    return nameOrPath;
  }
  const suggestion = nearest(basename(nameOrPath).replace(/\.ya?ml$/, ''), builtIn.keys());
  throw usageError('SCENARIO_NOT_FOUND', `there is no scenario ${JSON.stringify(nameOrPath)}`, {
    hint: `${suggestion === null ? '' : `did you mean ${suggestion}? `}those of cxlpod are in ${builtInScenarioFolders().join(', ')}, each of which can be named; and any path such as ./mine.yaml`,
  });
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw usageError('SCENARIO_UNREADABLE', `${path} cannot be read`, { cause: error });
  }
}
