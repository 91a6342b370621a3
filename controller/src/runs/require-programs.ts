import type { LoadedScenario } from '../config/load-scenario.ts';
import { programFile } from '../workload/program-files.ts';

/** Refuses, before anything is started, a program of the user that is not there or does not compile; what is made of it goes away again. */
export async function requirePrograms(scenarios: readonly LoadedScenario[]): Promise<void> {
  for (const { workload } of scenarios.map(({ scenario }) => scenario)) {
    if (workload.name !== 'program') continue;
    await using _ = await programFile(workload);
  }
}
