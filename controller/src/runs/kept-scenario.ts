import { isDeepStrictEqual } from 'node:util';
import type { LoadedScenario } from '../config/load-scenario.ts';
import { namePattern } from '../config/names.ts';
import { parseYaml } from '../config/parse-yaml.ts';
import { printScenario } from '../config/print-scenario.ts';
import { type Scenario, scenarioSchema } from '../config/scenario.ts';
import { programPlace } from '../workload/program-files.ts';

/** `scenario.yaml` of a run folder, which runs the same again from there: as it was written, where that says what ran. */
export function keptScenario({ scenario, text }: LoadedScenario): string {
  const topology = namePattern.test(scenario.topology) ? scenario.topology : './topology.yaml';
  const kept = { ...scenario, topology, workload: fromFolder(scenario.workload) };
  return isDeepStrictEqual(read(text), kept) ? text : printScenario(kept);
}

function fromFolder(workload: Scenario['workload']): Scenario['workload'] {
  if (workload.name !== 'program') return workload;
  const path = `./${programPlace(workload)}`;
  return { ...workload, ...(workload.exec === undefined ? { module: path } : { exec: path }) };
}

/** Of a run that is repeated the text may be gone, or another version's. */
function read(text: string): Scenario | null {
  try {
    return parseYaml(scenarioSchema, { text, fileName: 'scenario.yaml', kind: 'scenario' });
  } catch {
    return null;
  }
}
