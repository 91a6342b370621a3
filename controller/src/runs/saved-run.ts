/** A run read back from its folder: to judge it again, to repeat it, to take faults away from it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PoolInspection } from '@cxlpod/agent/inspect';
import type { LoadedScenario } from '../config/load-scenario.ts';
import type { Scenario } from '../config/scenario.ts';
import { readRunRecord } from '../report/report-input.ts';
import { auditedPool } from './audited-pool.ts';
import type { Evidence } from './evidence.ts';
import { readSavedJson } from './read-saved-json.ts';
import type { RunFolder } from './run-folder.ts';
import { readSavedHistory } from './saved-history.ts';

/** What the checks of that run looked at. */
export function savedEvidence(folder: RunFolder): Evidence {
  const { scenario, topology, workload, exits, faults, recoveries, leftovers } = readRunRecord(folder);
  return {
    scenario,
    machines: topology.machines,
    workload,
    exits,
    faults,
    recoveries,
    leftovers,
    history: readSavedHistory(folder),
    pool: readAudit(folder.join('pool', 'audit.json')),
  };
}

/** With the seed and the faults of that run, as they were drawn. */
export function savedScenario(folder: RunFolder): LoadedScenario {
  const { scenario } = readRunRecord(folder);
  const path = folder.join('scenario.yaml');
  return {
    scenario: withKeptProgram(folder, scenario),
    text: existsSync(path) ? readFileSync(path, 'utf8') : '',
    fileName: path,
  };
}

/** The program as the machines had it, wherever the folder of the run is by now, and whatever became of its source. */
function withKeptProgram(folder: RunFolder, scenario: Scenario): Scenario {
  const { workload } = scenario;
  const kept = folder.join('program');
  if (workload.name !== 'program' || !existsSync(kept)) return scenario;
  const [file] = readdirSync(kept);
  if (file === undefined) return scenario;
  const path = join(kept, file);
  return { ...scenario, workload: { ...workload, ...(workload.exec === undefined ? { module: path } : { exec: path }) } };
}

function readAudit(path: string): Evidence['pool'] {
  if (!existsSync(path)) return null;
  const inspection = readSavedJson<PoolInspection | null>(path);
  return inspection === null ? null : auditedPool(inspection);
}
