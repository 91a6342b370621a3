import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { monotonicNs } from '../pool/clock.ts';
import * as programInterface from '../program/index.ts';
import { ProgramContext } from '../program/program-context.ts';
import type { WorkloadDefinition } from '../program/workload-definition.ts';
import { AgentError } from '../protocol/agent-error.ts';
import type { ProgramEnd } from '../protocol/program-tasks.ts';
import { name, object } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { placeShape } from './exec.ts';
import type { TaskContext, Workload } from './workload.ts';

/** Under which a deployed program finds what it imports from `cxlpod`. */
const interfaceKey = Symbol.for('cxlpod');

/** One phase of a module that `defineWorkload` made. */
export const program: Workload<'program'> = {
  parameters: object<Tasks['program']['parameters']>({ file: name, place: placeShape }),
  run: async (context, { file, place }): Promise<ProgramEnd> => {
    const definition = await load(file);
    const of = new ProgramContext(context, place);
    const startNs = monotonicNs();
    const value = await perform(definition, of, context);
    return { value: value ?? null, elapsedNs: monotonicNs() - startNs };
  },
};

async function perform(definition: WorkloadDefinition, of: ProgramContext, { signal }: TaskContext): Promise<unknown> {
  try {
    switch (of.phase) {
      case 'setup':
        return await definition.setup?.(of);
      case 'drive':
        return await definition.drive(of);
      case 'check':
        return (await definition.check?.(of)) ?? [];
    }
  } catch (error) {
    if (signal.aborted || error instanceof AgentError) throw error;
    throw new AgentError('PROGRAM_FAILED', `${of.phase} of worker ${of.worker} threw`, {
      cause: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  }
}

async function load(file: string): Promise<WorkloadDefinition> {
  Object.assign(globalThis, { [interfaceKey]: programInterface });
  const url = pathToFileURL(join(fileURLToPath(new URL('.', import.meta.url)), 'program', basename(file)));
  const module = (await import(url.href)) as { readonly default?: unknown };
  const definition = module.default as WorkloadDefinition | undefined;
  if (typeof definition?.drive === 'function') return definition;
  throw new AgentError('NOT_A_WORKLOAD', `${file} exports no workload`, {
    hint: 'export default defineWorkload({ drive(context) { ... } })',
  });
}
