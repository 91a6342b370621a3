import { accessSync, constants } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { quoteCommand } from '../ssh/quote.ts';

/** What a person types in `folder` to start this program again, for commands that are printed to be copied. */
export function ownCommand(folder = process.cwd(), path = process.env.PATH ?? ''): string {
  const isBin = (each: string): boolean => isExecutable(join(each, 'cxlpod'));
  if (foldersAbove(folder).some((each) => isBin(join(each, ...bin)))) return 'npx cxlpod';
  // npx puts its own folders there, which its caller does not have.
  const own = path.split(delimiter).filter((each) => each !== '' && !each.endsWith(join(...bin)));
  return own.some(isBin) ? 'cxlpod' : quoteCommand(['node', resolve(process.argv[1]!)]);
}

const bin = ['node_modules', '.bin'] as const;

function foldersAbove(folder: string): readonly string[] {
  const above = dirname(folder);
  return above === folder ? [folder] : [folder, ...foldersAbove(above)];
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
