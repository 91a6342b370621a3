/** `cxlpod init`: a folder with a program of one's own and its scenario, which run as they are. */
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { usageError } from '../errors/cxlpod-error.ts';
import { makeFolder } from '../runs/make-folder.ts';
import { scenarioName } from './names.ts';
import { projectRoot } from './project-root.ts';

export interface InitializedProgram {
  readonly folder: string;
  readonly files: readonly string[];
}

/** Errors: BAD_NAME, FOLDER_NOT_EMPTY, FOLDER_NOT_WRITABLE, all of usage. */
export function initProgram(path: string): InitializedProgram {
  const folder = resolve(path);
  const name = basename(folder);
  const named = scenarioName.safeParse(name);
  if (!named.success) {
    throw usageError('BAD_NAME', `${JSON.stringify(name)} cannot be the name of a scenario`, {
      cause: new Error(named.error.issues[0]!.message),
      hint: 'small letters, digits and hyphens, such as my-test',
    });
  }
  if (existsSync(folder) && readdirSync(folder).length > 0) {
    throw usageError('FOLDER_NOT_EMPTY', `${folder} is there already, and not empty`, { hint: 'give another name' });
  }
  const template = join(projectRoot(), 'infra', 'template');
  try {
    makeFolder(folder);
    copyFileSync(join(template, 'workload.ts'), join(folder, 'workload.ts'));
    const scenario = readFileSync(join(template, 'scenario.yaml'), 'utf8');
    writeFileSync(join(folder, 'scenario.yaml'), scenario.replace(/^name: .*$/m, `name: ${name}`));
  } catch (cause) {
    throw usageError('FOLDER_NOT_WRITABLE', `${folder} cannot be written`, { cause });
  }
  return { folder, files: ['workload.ts', 'scenario.yaml'] };
}
