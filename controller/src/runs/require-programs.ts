import type { LoadedScenario } from '../config/load-scenario.ts';
import { programFile } from '../workload/program-files.ts';
import { pointsInProgram, pointsNamedBy, tellMissingPoint } from '../workload/program-points.ts';
import { requireWorkload } from '../workload/require-workload.ts';

/**
 * Refuses, before anything is started, a program of the user that is not there, does not compile, or is a module without a workload; what is
 * made of it goes away again. Of a crash point that does not stand in the program it only tells: the program may make the name.
 */
export async function requirePrograms(scenarios: readonly LoadedScenario[], say: (text: string) => void): Promise<void> {
  for (const { scenario } of scenarios) {
    const { name, workload } = scenario;
    if (workload.name !== 'program') continue;
    await using file = await programFile(workload);
    if (workload.module !== undefined) await requireWorkload(file.path, workload.module);
    const known = pointsInProgram(file.path);
    for (const point of pointsNamedBy(scenario)) {
      const missing = tellMissingPoint(point, known);
      if (missing !== '') say(`warning: a fault of ${name} is at ${point}${missing}`);
    }
  }
}
