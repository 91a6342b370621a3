/** What a program of the user's is: docs/writing-a-workload.md. */
import type { ProgramContext } from './program-context.ts';

export interface WorkloadDefinition {
  /** Once, on the first machine, before anybody drives: lays out the memory, makes what all share. */
  setup?(context: ProgramContext): void | Promise<void>;
  /** On every worker, all at once. What it returns, as JSON, is kept in run.json. */
  drive(context: ProgramContext): unknown;
  /** Once, when all have ended and faults are healed. Problems as sentences; none: the run is valid. */
  check?(context: ProgramContext): readonly string[] | Promise<readonly string[]>;
}

/** Says that this module is a workload: its `export default`. */
export function defineWorkload(definition: WorkloadDefinition): WorkloadDefinition {
  return definition;
}
